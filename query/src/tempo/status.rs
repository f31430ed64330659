//! `/api/echo` and `/api/status/buildinfo`.

use crate::failure::{Failure, Reply, json_reply, text_reply};
use crate::service::Call;

/// The Tempo whose API this is.
const API_VERSION: &str = "2.9.0";

/// Grafana's health check.
pub(crate) fn echo(_: &Call) -> Result<Reply, Failure> {
    Ok(text_reply("echo"))
}

/// All of Tempo's services are one here.
pub(crate) fn services(_: &Call) -> Result<Reply, Failure> {
    Ok(text_reply("signalbox: Running\n"))
}

pub(crate) fn buildinfo(call: &Call) -> Result<Reply, Failure> {
    let config = &call.shared.config;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.member("version", API_VERSION);
            o.member("revision", &config.revision);
            o.member("branch", "");
            o.member("buildUser", &format!("signalbox {}", config.version));
            o.member("buildDate", "");
            o.member("goVersion", "");
        });
    }))
}
