//! Mails on their way: an SMTP session a message.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::client::{AddressRules, Delivery, Failure};
use super::receivers::{Mail, MailTls};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn send(mail: &Mail, rules: &AddressRules) -> Delivery {
    let message = match message(mail) {
        Ok(message) => message,
        Err(problem) => return Delivery::Refused(problem),
    };
    let found = match tokio::net::lookup_host((mail.host.as_str(), mail.port)).await {
        Ok(found) => found,
        Err(error) => return Delivery::Retry(Failure::certain(format!("{}: {error}", mail.host))),
    };
    // What is dialled is what was checked.
    let Some(address) = found.map(|address| address.ip()).find(|address| rules.permits(*address)) else {
        return Delivery::Refused(format!("notifications may not go to {}", mail.host));
    };
    let transport = match transport(mail, &address.to_string()) {
        Ok(transport) => transport,
        Err(problem) => return Delivery::Retry(Failure::certain(problem)),
    };
    match transport.send(message).await {
        Ok(_) => Delivery::Done(None),
        Err(error) if error.is_permanent() => Delivery::Refused(error.to_string()),
        Err(error) => {
            // A server that said no has taken nothing; of one that fell silent it is not known.
            let uncertain = !error.is_transient();
            Delivery::Retry(Failure { reason: error.to_string(), after: None, uncertain })
        }
    }
}

fn transport(mail: &Mail, address: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let parameters = || {
        TlsParameters::builder(mail.host.clone())
            .dangerous_accept_invalid_certs(mail.insecure)
            .build()
            .map_err(|error| error.to_string())
    };
    let tls = match mail.tls {
        MailTls::None => Tls::None,
        MailTls::Wrapped => Tls::Wrapper(parameters()?),
        MailTls::Required => Tls::Required(parameters()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address)
        .port(mail.port)
        .tls(tls)
        .hello_name(ClientId::Domain(mail.hello.clone()))
        .timeout(Some(TIMEOUT));
    if let Some((user, password)) = &mail.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

fn message(mail: &Mail) -> Result<Message, String> {
    let from: Mailbox = mail.from.parse().map_err(|e| format!("from: {:?}: {e}", mail.from))?;
    let to: Mailboxes = mail.to.parse().map_err(|e| format!("to: {:?}: {e}", mail.to))?;
    let mut builder = Message::builder().from(from).message_id(Some(mail.id.clone())).date_now();
    for mailbox in to {
        builder = builder.to(mailbox);
    }
    for (name, text) in &mail.headers {
        let name = HeaderName::new_from_ascii(name.clone())
            .map_err(|_| format!("{name:?} is not a header's name"))?;
        // A line break would begin another header.
        builder = builder.raw_header(HeaderValue::new(name, text.replace(['\r', '\n'], " ")));
    }
    let body = match (mail.text.is_empty(), mail.html.is_empty()) {
        (true, false) => builder.singlepart(SinglePart::html(mail.html.clone())),
        (_, true) => builder.singlepart(SinglePart::plain(mail.text.clone())),
        (false, false) => {
            builder.multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        }
    };
    body.map_err(|error| error.to_string())
}
