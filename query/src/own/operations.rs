//! Health, readiness, metrics, flush and reload.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use store::model::ErrorClass;

use crate::failure::{Failure, Reply, reply, text_reply};
use crate::service::Call;

pub(crate) fn healthy(_: &Call) -> Result<Reply, Failure> {
    Ok(text_reply("Signalbox is healthy.\n"))
}

pub(crate) fn ready(call: &Call) -> Result<Reply, Failure> {
    let missing = |reason| Failure::new(ErrorClass::Unavailable, format!("not ready: {reason}"));
    call.shared.host.ready().map_err(missing)?;
    Ok(text_reply("Signalbox is ready.\n"))
}

pub(crate) fn metrics(call: &Call) -> Result<Reply, Failure> {
    let text = call.shared.host.metrics(&call.ctx);
    Ok(reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}

pub(crate) fn config(call: &Call) -> Result<Reply, Failure> {
    Ok(text_reply(call.shared.host.config_yaml(&call.ctx)))
}

pub(crate) fn flush(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        call.shared.store.flush().await?;
        Ok(text_reply("flushed\n"))
    }
    .boxed()
}

pub(crate) fn reload(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let wrong = |reason| Failure::bad(format!("nothing was reloaded: {reason}"));
        call.shared.host.reload().await.map_err(wrong)?;
        Ok(text_reply("reloaded\n"))
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn probes_and_hooks_answer() {
        let world = World::new();
        world
            .golden(&[
                ("/-/healthy", "Signalbox is healthy.\n"),
                ("/prometheus/-/ready", "Signalbox is ready.\n"),
                ("/loki/ready", "Signalbox is ready.\n"),
                ("/metrics", "signalbox_up 1\n"),
                ("/config", "listen: here\n"),
                ("/ui/logs/x%20y", "asset logs/x y"),
                ("/-/flush", r#"{"error":"this path answers POST only","allowed":["POST"]}"#),
                ("/nowhere", r#"{"error":"no such path: /nowhere"}"#),
            ])
            .await;
        assert_eq!(world.post("/-/flush", "", "").await.body, "flushed\n");
        assert_eq!(world.post("/-/reload", "", "").await.body, "reloaded\n");
        let root = world.get("/").await;
        assert_eq!((root.status, root.location.as_str()), (307, "/ui/"));
    }

    #[tokio::test]
    async fn a_body_where_none_belongs_is_refused() {
        let world = World::new();
        let answer = world.post("/-/flush", "text/plain", "x").await;
        assert_eq!(answer.status, 413);
    }
}
