//! What links in messages lead to: the picture of a chart, and a page that asks before it acts. The links are signed
//! and need no login; a preview of a link looks at the page and changes nothing.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};
use store::model::{Budget, ErrorClass, RequestCtx, Role};

use crate::evidence::{Action, Sealed, png_of};
use crate::failure::{Failure, Reply, reply};
use crate::notify::{Notifier, Refusal};
use crate::request::time::rfc3339_ms;
use crate::service::Call;

const DRAW_TIMEOUT: Duration = Duration::from_secs(10);
const DRAW_BYTES_MAX: u64 = 256 << 20;

fn notifier(call: &Call) -> Result<Notifier, Failure> {
    call.shared.rules.notifier().ok_or_else(|| Failure::not_found("this process notifies nobody"))
}

fn refusal(refused: Refusal) -> Failure {
    match refused {
        Refusal::Bad(why) => Failure::new(ErrorClass::Forbidden, why),
        Refusal::NotFound(id) => Failure::not_found(format!("there is no silence {id}")),
        Refusal::Store(error) => error.into(),
    }
}

pub(crate) fn chart(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let link = call.params.require("d")?;
        let (tenant, drawn) = notifier(&call)?.open_chart(link).await.map_err(refusal)?;
        let (shared, now_ms) = (std::sync::Arc::clone(&call.shared), call.now_ms());
        let deadline = Some(Instant::now() + DRAW_TIMEOUT);
        let budget = Budget::new(DRAW_BYTES_MAX);
        let ctx = RequestCtx::new(tenant.clone(), "a signed link", Role::Read, deadline, budget);
        let asking = ctx.clone();
        let work = move || {
            let snapshot = call.shared.store.snapshot(&tenant);
            png_of(&ctx, &snapshot, &drawn, now_ms).map_err(Failure::bad)
        };
        let png = shared.runner.run(&asking, work).await?;
        let mut reply = reply(StatusCode::OK, "image/png", png);
        let cache = HeaderValue::from_static("private, max-age=60");
        reply.headers_mut().insert(header::CACHE_CONTROL, cache);
        Ok(reply)
    }
    .boxed()
}

/// GET asks, POST acts.
pub(crate) fn action(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let link = call.params.require("d")?.to_owned();
        let notifier = notifier(&call)?;
        let opened = notifier.open_link::<Action>(&link).await;
        let (tenant, sealed) = match opened {
            Ok(opened) => opened,
            Err(Refusal::Store(error)) => return Err(error.into()),
            Err(refused) => return Ok(page(StatusCode::FORBIDDEN, &refused.to_string(), "")),
        };
        if call.parts.method != Method::POST {
            let used = notifier.is_used(&tenant, &sealed.payload).await?;
            return Ok(if used { used_page() } else { question(&sealed, &link) });
        }
        match notifier.act(&tenant, &sealed).await {
            Ok(_) => Ok(done(&sealed, call.now_ms())),
            Err(Refusal::Store(error)) => Err(error.into()),
            Err(refused) => Ok(page(StatusCode::CONFLICT, &refused.to_string(), "")),
        }
    }
    .boxed()
}

fn used_page() -> Reply {
    page(StatusCode::CONFLICT, "the link was used already", "")
}

fn question(sealed: &Sealed<Action>, link: &str) -> Reply {
    let title = sealed.payload.kind.title();
    // The form posts to this page again; what it says is in the link, signed.
    let form = format!(
        "<table>{}</table><form method=\"post\" action=\"?d={}\"><button>{}</button></form>",
        rows(sealed),
        escaped(link),
        escaped(title)
    );
    page(StatusCode::OK, &format!("{title}?"), &form)
}

fn done(sealed: &Sealed<Action>, now_ms: i64) -> Reply {
    let until = rfc3339_ms(now_ms + sealed.payload.kind.lasts_ms());
    let text = format!("<table>{}</table><p>Nobody is told until {}.</p>", rows(sealed), escaped(&until));
    page(StatusCode::OK, "Done", &text)
}

fn rows(sealed: &Sealed<Action>) -> String {
    let row = |(name, text): (&String, &String)| {
        format!("<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(text))
    };
    sealed.payload.labels.iter().map(row).collect()
}

/// Labels are somebody's data.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn page(status: StatusCode, title: &str, body: &str) -> Reply {
    let title = escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title} - Signalbox</title><h1>{title}</h1>{body}</html>"
    );
    let mut reply = reply(status, "text/html; charset=utf-8", html);
    let headers = reply.headers_mut();
    // Nothing of the page runs or loads anything, and nobody frames it.
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::ActionKind;
    use crate::testing::World;

    #[test]
    fn hostile_labels_are_text() {
        let labels = [("a".to_owned(), "<script>\"x'&".to_owned())].into();
        let payload = Action { kind: ActionKind::Silence, labels, nonce: "n".into() };
        let sealed = Sealed { tenant: "a".into(), expires_ms: 1, payload };
        assert_eq!(rows(&sealed), "<tr><th>a</th><td>&lt;script&gt;&quot;x&#39;&amp;</td></tr>");
    }

    #[tokio::test]
    async fn links_that_were_not_made_here_lead_nowhere() {
        let world = World::with_rules().await;
        let action = world.get("/api/signalbox/evidence/action?d=e30.e30").await;
        assert_eq!(action.status, 403);
        assert!(action.body.contains("<h1>the link"), "{}", action.body);
        assert_eq!(world.get("/api/signalbox/evidence/chart.png?d=x").await.status, 403);
        assert_eq!(world.get("/api/signalbox/evidence/chart.png").await.status, 400);
    }
}
