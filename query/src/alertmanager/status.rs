//! `/api/v2/status` and `/api/v2/receivers`.

use crate::failure::{Failure, Reply, json_reply};
use crate::request::time::rfc3339_ms;
use crate::service::Call;

/// The Alertmanager whose API this is.
const API_VERSION: &str = "0.28.0";

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let yaml = call.shared.rules.alertmanager_yaml();
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("cluster").object(|c| {
                c.member("status", "disabled");
                c.key("peers").array(|_| {});
            });
            o.key("config").object(|c| c.member("original", &yaml));
            o.member("uptime", &rfc3339_ms(call.shared.host.started_ms()));
            o.key("versionInfo").object(|v| {
                v.member("version", API_VERSION);
                v.member("revision", &call.shared.config.revision);
                v.member("branch", "");
                v.member("buildUser", &format!("signalbox {}", call.shared.config.version));
                v.member("buildDate", "");
                v.member("goVersion", "");
            });
        });
    }))
}

pub(crate) fn receivers(call: &Call) -> Result<Reply, Failure> {
    let receivers = call.shared.rules.receivers();
    Ok(json_reply(|json| {
        json.array(|a| receivers.iter().for_each(|name| a.object(|o| o.member("name", name))));
    }))
}
