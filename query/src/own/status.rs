//! `/api/signalbox/status`: the process, as one tenant may see it.

use futures_util::future::BoxFuture;

use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    Box::pin(async move {
        let host = &call.shared.host;
        let sections = host.status(&call.ctx).await;
        Ok(json_reply(|json| {
            json.object(|o| {
                o.member("version", &call.shared.config.version);
                o.key("ready").bool(host.ready().is_ok());
                o.key("started_ms").int(host.started_ms());
                o.key("tenants").strings([call.ctx.tenant.as_str()]);
                if !sections.contains_key("quarantined") {
                    o.key("quarantined").array(|_| {});
                }
                for (name, section) in &sections {
                    o.key(name).raw(&section.to_string());
                }
            });
        }))
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn the_state_of_the_process() {
        World::new()
            .golden(&[(
                "/api/signalbox/status",
                r#"{"version":"0.0.0-test","ready":true,"started_ms":0,"tenants":["a"],"quarantined":[],"wal":{"files":1}}"#,
            )])
            .await;
    }
}
