//! What people see of a message where no template says it.

use crate::notify::group::{Message, Told};

use super::webhook::common;

/// Title and text.
pub(crate) fn shown(message: &Message) -> (String, String) {
    (title(message), text(message))
}

/// `[FIRING:2] Down (cart)`.
pub(crate) fn title(message: &Message) -> String {
    let firing = message.alerts.iter().filter(|told| told.fires()).count();
    let head = if firing > 0 { format!("[FIRING:{firing}]") } else { "[RESOLVED]".to_owned() };
    let shared = common(message, |told| &told.labels);
    let name = shared.get("alertname").map_or("alerts", String::as_str);
    let what = ["service", "job", "instance"].iter().find_map(|key| shared.get(*key));
    match what {
        Some(what) => format!("{head} {name} ({what})"),
        None => format!("{head} {name}"),
    }
}

pub(crate) fn text(message: &Message) -> String {
    let line = |told: &Told| {
        let annotation = |name: &str| told.annotations.get(name).cloned();
        annotation("summary").or_else(|| annotation("description")).unwrap_or_else(|| {
            told.labels.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(", ")
        })
    };
    message.alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}
