//! Amazon SNS: publishes to a topic, a target or a phone number, signed (Signature Version 4) with the keys of the file.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::webex::within_bytes;
use super::{Environment, HttpRequest, Outgoing, Prepared, Receiver, Say, check_url, needed};
use crate::hmac::{hex, hmac};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};
use crate::request::time::rfc3339_ms;

const MESSAGE_BYTES_MOST: usize = 256 << 10;
const SMS_BYTES_MOST: usize = 1_600;
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SnsConfig {
    send_resolved: Option<bool>,
    api_url: Option<String>,
    sigv4: Sigv4,
    topic_arn: Option<String>,
    phone_number: Option<String>,
    target_arn: Option<String>,
    subject: Option<String>,
    message: Option<String>,
    #[serde(deserialize_with = "nullable")]
    attributes: BTreeMap<String, String>,
    /// There is one client for all receivers.
    #[serde(rename = "use_aws_http_client")]
    _client: Option<bool>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    secret: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sigv4 {
    region: String,
    access_key: String,
    secret_key: Option<Hidden>,
    profile: Option<String>,
    role_arn: Option<String>,
    external_id: Option<String>,
}

/// A request that is signed when it is sent: a signature holds for minutes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignedRequest {
    url: String,
    host: String,
    region: String,
    access_key: String,
    secret_key: Hidden,
    body: String,
}

impl Receiver for SnsConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = super::set(&[
            ("api_url", &self.api_url),
            ("topic_arn", &self.topic_arn),
            ("phone_number", &self.phone_number),
            ("target_arn", &self.target_arn),
            ("subject", &self.subject),
            ("message", &self.message),
        ]);
        all.extend(self.attributes.iter().flat_map(|(n, v)| [("attributes", n.as_str()), ("attributes", v)]));
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let ways = [&self.topic_arn, &self.phone_number, &self.target_arn];
        if ways.iter().filter(|way| way.is_some()).count() != 1 {
            return Err("set one of topic_arn, phone_number and target_arn".into());
        }
        let elsewhere = [&self.sigv4.profile, &self.sigv4.role_arn, &self.sigv4.external_id];
        if elsewhere.iter().any(|way| way.is_some()) {
            return Err("sigv4: only region, access_key and secret_key are known here".into());
        }
        self.secret =
            environment.secret("secret_key", (self.sigv4.secret_key.as_ref(), None), (None, None))?;
        if self.sigv4.region.is_empty() || self.sigv4.access_key.is_empty() || self.secret.is_none() {
            return Err("sigv4: set region, access_key and secret_key".into());
        }
        match &self.api_url {
            Some(url) if !url.contains("{{") => check_url("api_url", url),
            _ => Ok(()),
        }
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let subject = say.or(self.subject.as_deref(), "sns.default.subject")?;
        let most = if self.phone_number.is_some() { SMS_BYTES_MOST } else { MESSAGE_BYTES_MOST };
        let whole = say.or(self.message.as_deref(), "sns.default.message")?;
        let message = within_bytes(&whole, most).to_owned();
        let mut attributes = Vec::new();
        for (name, text) in &self.attributes {
            attributes.push((say.text(name)?, say.text(text)?));
        }
        if message.len() < whole.len() {
            attributes.push(("truncated".to_owned(), "true".to_owned()));
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "Publish").append_pair("Version", "2010-03-31");
        for (name, template) in [
            ("TopicArn", &self.topic_arn),
            ("PhoneNumber", &self.phone_number),
            ("TargetArn", &self.target_arn),
        ] {
            if let Some(template) = template {
                let value = say.text(template)?;
                form.append_pair(name, &value);
                if name == "TopicArn" && value.ends_with(".fifo") {
                    form.append_pair("MessageGroupId", &say.key());
                    form.append_pair("MessageDeduplicationId", &say.message.dedup_key);
                }
            }
        }
        if !subject.is_empty() {
            form.append_pair("Subject", &subject);
        }
        form.append_pair("Message", &message);
        for (index, (name, text)) in attributes.iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", index + 1);
            form.append_pair(&format!("{entry}.Name"), name);
            form.append_pair(&format!("{entry}.Value.DataType"), "String");
            form.append_pair(&format!("{entry}.Value.StringValue"), text);
        }
        let body = form.finish();
        let url = match &self.api_url {
            Some(template) => say.text(template)?,
            None => format!("https://sns.{}.amazonaws.com", self.sigv4.region),
        };
        check_url("api_url", &url)?;
        let signed = SignedRequest {
            host: authority(&url),
            url: format!("{}/", url.trim_end_matches('/')),
            region: self.sigv4.region.clone(),
            access_key: self.sigv4.access_key.clone(),
            secret_key: Hidden::from(&*needed(self.secret.as_ref())?),
            body,
        };
        Ok(Prepared { sends: vec![Outgoing::Signed(signed)], shown: (subject, message) })
    }
}

fn authority(url: &str) -> String {
    let uri = url.parse::<::http::Uri>().ok();
    uri.and_then(|uri| uri.authority().map(|one| one.as_str().to_owned())).unwrap_or_default()
}

impl SignedRequest {
    /// The request with its signature of that time.
    pub(crate) fn at(&self, now_ms: i64) -> HttpRequest {
        // 2026-01-02T03:04:05.000Z as 20260102T030405Z.
        let plain: String = rfc3339_ms(now_ms).chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let time = format!("{}Z", plain.get(..15).unwrap_or_default());
        let day = time.get(..8).unwrap_or_default().to_owned();
        let digest = |text: &str| hex(&Sha256::digest(text.as_bytes()));
        let headers = format!("content-type:{CONTENT_TYPE}\nhost:{}\nx-amz-date:{time}\n", self.host);
        let names = "content-type;host;x-amz-date";
        let request = format!("POST\n/\n\n{headers}\n{names}\n{}", digest(&self.body));
        let scope = format!("{day}/{}/sns/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", digest(&request));
        let key = signing_key(self.secret_key.expose(), &day, &self.region, "sns");
        let signature = hex(&hmac(&key, text.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        );
        HttpRequest {
            put: false,
            url: self.url.as_str().into(),
            headers: vec![
                ("X-Amz-Date", Hidden::from(&*time)),
                ("Authorization", Hidden::from(&*authorization)),
            ],
            content_type: CONTENT_TYPE,
            body: self.body.clone(),
        }
    }
}

fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> [u8; 32] {
    let key = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    let key = hmac(&key, region.as_bytes());
    let key = hmac(&key, service.as_bytes());
    hmac(&key, b"aws4_request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_that_of_amazons_documentation() {
        let key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_request_is_signed_for_its_time() {
        let request = SignedRequest {
            url: "http://h:1/".into(),
            host: "h:1".into(),
            region: "eu".into(),
            access_key: "a".into(),
            secret_key: "s".into(),
            body: "Action=Publish".into(),
        };
        let headers = |now_ms| request.at(now_ms).headers;
        let one = headers(1_764_071_401_000);
        assert_eq!(one[0].1.expose(), "20251125T115001Z");
        let authorization = one[1].1.expose();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=a/20251125/eu/sns/aws4_request, "));
        assert_ne!(one, headers(1_764_071_402_000));
    }
}
