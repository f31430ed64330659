//! `/api/signalbox/live`: server-sent events. About once a second what came in, at once that an alert changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
use http::{HeaderValue, StatusCode, header};
use store::model::{ErrorClass, Tenant};
use store::{Applied, AppliedBatch, Tap, TapEvent};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::Clock;
use crate::failure::{Failure, Reply, reply};
use crate::json::Json;
use crate::service::Call;

const EVERY: Duration = Duration::from_secs(1);
/// Ticks without data until a comment keeps proxies from closing the connection.
const QUIET_TICKS_MAX: u32 = 15;
/// Batches of all tenants that may wait for this reader; counting is fast, so a second's worth is plenty.
const TAP_CAPACITY: usize = 1024;

/// One open stream.
struct Live {
    tenant: Tenant,
    tap: Tap,
    alerts: Option<watch::Receiver<u64>>,
    tick: Interval,
    quiet_ticks: u32,
    counts: Counts,
    clock: Clock,
    greeted: bool,
    _permit: OwnedSemaphorePermit,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    logs: u64,
    spans: u64,
    samples: u64,
    /// Batches this reader was too slow for.
    missed: u64,
}

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let permit = Arc::clone(&call.shared.streams).try_acquire_owned().map_err(|_| {
            Failure::new(ErrorClass::Unavailable, "too many live views are open; close one or retry")
        })?;
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let live = Live {
            tenant: call.ctx.tenant.clone(),
            tap: call.shared.store.tap(TAP_CAPACITY),
            alerts: Some(call.shared.rules.changes(&call.ctx.tenant)),
            tick,
            quiet_ticks: 0,
            counts: Counts::default(),
            clock: Arc::clone(&call.shared.config.clock),
            greeted: false,
            _permit: permit,
        };
        let events = stream::unfold(live, |mut live| async move {
            let event = live.next().await?;
            Some((Ok::<_, Infallible>(event), live))
        });
        let mut reply = reply(StatusCode::OK, "text/event-stream", Body::from_stream(events));
        // Reverse proxies that buffer would show nothing.
        reply
            .headers_mut()
            .insert(header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Ok(reply)
    }
    .boxed()
}

// === impl Live ===

impl Live {
    /// The next piece of the stream; `None` when the store shuts down.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Bytes::from_static(b": live\n\n"));
        }
        loop {
            tokio::select! {
                event = self.tap.next() => match event? {
                    TapEvent::Applied(applied) => self.count(&applied),
                    TapEvent::Gap { missed } => self.counts.missed += missed,
                },
                changed = changed(&mut self.alerts) => match changed {
                    Ok(()) => return Some(event(|o| o.member("kind", "alerts"))),
                    Err(_) => self.alerts = None,
                },
                _ = self.tick.tick() => if let Some(bytes) = self.ticked() {
                    return Some(bytes);
                },
            }
        }
    }

    fn count(&mut self, applied: &Applied) {
        if applied.tenant != self.tenant {
            return;
        }
        match &applied.batch {
            AppliedBatch::Samples(samples) => self.counts.samples += samples.rows() as u64,
            AppliedBatch::Events(events) if applied.batch.signal() == store::model::Signal::Logs => {
                self.counts.logs += events.rows() as u64;
            }
            AppliedBatch::Events(events) => self.counts.spans += events.rows() as u64,
        }
    }

    fn ticked(&mut self) -> Option<Bytes> {
        let counts = std::mem::take(&mut self.counts);
        if counts == Counts::default() {
            self.quiet_ticks += 1;
            if self.quiet_ticks < QUIET_TICKS_MAX {
                return None;
            }
            self.quiet_ticks = 0;
            return Some(Bytes::from_static(b": quiet\n\n"));
        }
        self.quiet_ticks = 0;
        let at_ms = (self.clock)().div_euclid(1_000_000);
        Some(event(|o| {
            o.member("kind", "ingest");
            o.key("logs").int(counts.logs);
            o.key("spans").int(counts.spans);
            o.key("samples").int(counts.samples);
            o.key("at_ms").int(at_ms);
        }))
    }
}

/// Waits for a change; for ever if there is nobody who could make one.
async fn changed(alerts: &mut Option<watch::Receiver<u64>>) -> Result<(), watch::error::RecvError> {
    match alerts {
        Some(alerts) => alerts.changed().await,
        None => std::future::pending().await,
    }
}

fn event(fill: impl FnOnce(&mut Json)) -> Bytes {
    let mut json = Json::default();
    json.object(fill);
    let mut bytes = b"data: ".to_vec();
    bytes.extend(json.into_bytes());
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

#[cfg(test)]
mod tests {
    use std::str::from_utf8;

    use futures_util::StreamExt;
    use serde_json::Value;

    use crate::testing::World;

    #[tokio::test]
    async fn counts_of_the_own_tenant_come_as_its_data_does() {
        let world = World::new();
        let reply = world.reply("a", "/api/signalbox/live").await;
        let mut stream = reply.into_body().into_data_stream();
        assert_eq!(stream.next().await.unwrap().unwrap(), ": live\n\n");
        world.fill("b", "theirs").await;
        world.fill("a", "mine").await;
        // A tick may fall between the signals: what one event has not, the next one has.
        let mut counted = [0; 3];
        while counted != [3, 3, 4] {
            let event = stream.next().await.unwrap().unwrap();
            let json = from_utf8(&event).unwrap().strip_prefix("data: ").unwrap();
            let event: Value = serde_json::from_str(json).unwrap();
            assert_eq!(event["kind"], "ingest");
            assert_eq!(event["at_ms"], 1_763_930_000_000_i64);
            for (sum, key) in counted.iter_mut().zip(["logs", "spans", "samples"]) {
                *sum += event[key].as_u64().unwrap();
            }
            assert!(
                counted.iter().zip([3, 3, 4]).all(|(sum, all)| *sum <= all),
                "more than came: {counted:?}"
            );
        }
    }
}
