//! `/api/signalbox/about`: everything about one trace, service or pod in a window of time, for pages and for tools: its
//! traces, log lines and their patterns, metrics, alerts, versions, dependencies, and links to the pages that show more.
//!
//! Each part stands alone: one that fails says so in its place (`{"error": …}`), and each is bounded.

mod logs;
mod metrics;
mod people;
mod subject;
mod traces;

use engine::traceql::TraceSummary;
use store::Snapshot;
use subject::Subject;

use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::service::Call;

/// What the parts share.
struct About<'c> {
    call: &'c Call,
    snapshot: Snapshot,
    subject: Subject,
    /// Failed and slow traces of the subject; empty if they could not be looked for.
    bad: Vec<TraceSummary>,
}

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let snapshot = call.snapshot();
    let subject = Subject::of(call, &snapshot)?;
    let mut about = About { call, snapshot, subject, bad: Vec::new() };
    let traces = traces::Traces::find(&about);
    if let Ok(found) = &traces {
        about.bad = found.bad();
    }
    let logs = logs::Lines::find(&about);
    let patterns = logs::bad_patterns(&about);
    let metrics = metrics::find(&about);
    let streams = metrics.as_ref().map(|found| found.streams.as_slice()).unwrap_or_default();
    let people = people::People::find(&about, streams);
    Ok(json_reply(|json| {
        json.object(|o| {
            about.subject.write(o);
            part(o, "traces", &traces, |json, found| found.write(json));
            part(o, "logs", &logs, |json, found| found.write(json));
            part(o, "bad_patterns", &patterns, |json, found| logs::write_patterns(json, found));
            part(o, "metrics", &metrics, |json, found| found.write(json));
            part(o, "services", &people, |json, found| found.write(json));
            o.key("alerts").array(|a| people::alerts(&about).iter().for_each(|alert| alert.write(a)));
            o.key("links").array(|a| {
                about.subject.links().iter().for_each(|(title, path)| {
                    a.object(|l| {
                        l.member("title", title);
                        l.member("path", path);
                    });
                });
            });
        });
    }))
}

fn part<T>(o: &mut Json, name: &str, found: &Result<T, Failure>, write: impl FnOnce(&mut Json, &T)) {
    match found {
        Ok(found) => write(o.key(name), found),
        Err(failure) => o.key(name).object(|e| e.member("error", &failure.message)),
    }
}

#[cfg(test)]
mod tests;
