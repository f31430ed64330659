//! `/loki/api/v1/tail`: a websocket that sends lines as they are stored, after the newest of the past.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use engine::logql::{self, Data, Direction, Expr, LogExpr, QueryParams, StreamEntries, TailMatcher, TailRow};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use store::model::{ErrorClass, Tenant};
use store::{AppliedBatch, Tap, TapEvent};
use tokio::sync::OwnedSemaphorePermit;

use super::{answer, expression};
use crate::failure::{Failure, Reply};
use crate::json::Json;
use crate::request::time::{NS_PER_S, event_time};
use crate::service::Call;

const PAST_DEFAULT_NS: i64 = 3600 * NS_PER_S;
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 5000;
/// Lines gathered for one frame.
const FRAME_EVERY: Duration = Duration::from_millis(200);
/// Lines of one frame; more are dropped and the client is told.
const FRAME_LINES_MAX: usize = 2000;
const TAP_CAPACITY: usize = 256;
/// Quiet frames until a ping: proxies close idle connections after a minute or so.
const QUIET_MAX: u32 = 100;

/// One open tail.
struct Tail {
    tenant: Tenant,
    matcher: TailMatcher,
    tap: Tap,
    categorize: bool,
    waiting: Vec<TailRow>,
    dropped: u64,
    /// Lines of the past already sent: a batch applied while the past was read is in both.
    sent: HashSet<u64>,
    quiet: u32,
    _permit: OwnedSemaphorePermit,
}

pub(crate) fn answer(mut call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let Expr::Log(log) = expression(&call)? else {
            return Err(Failure::bad("only a log query can be tailed, not a metric query"));
        };
        let limit = call.params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
        let matcher = TailMatcher::new(&log)?;
        let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &())
            .await
            .map_err(|refused| Failure::bad(format!("a tail is a websocket: {refused}")))?;
        let permit = Arc::clone(&call.shared.streams).try_acquire_owned().map_err(|_| {
            Failure::new(ErrorClass::Unavailable, "too many tails are open; close one or retry")
        })?;
        // The tap opens before the past is read, so that nothing falls between the two.
        let tail = Tail {
            tenant: call.ctx.tenant.clone(),
            matcher,
            tap: call.shared.store.tap(TAP_CAPACITY),
            categorize: call.header("x-loki-response-encoding-flags").contains("categorize-labels"),
            waiting: Vec::new(),
            dropped: 0,
            sent: HashSet::new(),
            quiet: 0,
            _permit: permit,
        };
        let past = past(call, log, limit).await?;
        Ok(upgrade.on_upgrade(move |socket| tail.run(socket, past)))
    }
    .boxed()
}

/// The newest lines before now, oldest first.
async fn past(call: Call, log: LogExpr, limit: usize) -> Result<Vec<StreamEntries>, Failure> {
    let now = call.now_ns();
    let start = match call.params.get("start") {
        Some(text) => event_time("start", text)?,
        None => now.saturating_sub(PAST_DEFAULT_NS),
    };
    let runner = call.shared.runner.clone();
    let ctx = call.ctx.clone();
    let params = QueryParams {
        start,
        end: now.max(start),
        step: 1,
        instant: false,
        limit,
        direction: Direction::Backward,
    };
    let work = move || {
        let answer = logql::query(&call.ctx, &call.snapshot(), &Expr::Log(log), &params)?;
        let Data::Streams(mut streams) = answer.data else { return Ok(Vec::new()) };
        streams.iter_mut().for_each(|stream| stream.entries.reverse());
        Ok(streams)
    };
    runner.run(&ctx, work).await
}

// === impl Tail ===

impl Tail {
    async fn run(mut self, mut socket: WebSocket, past: Vec<StreamEntries>) {
        for stream in &past {
            self.sent.extend(stream.entries.iter().map(|entry| fingerprint(entry.time, &entry.line)));
        }
        if !past.is_empty() && socket.send(frame(past, 0, self.categorize)).await.is_err() {
            return;
        }
        let mut tick = tokio::time::interval(FRAME_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.tap.next() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                _ = tick.tick() => if let Some(message) = self.ticked() {
                    // A client that does not read holds this up; the tap then fills, and the client is told its gap.
                    if socket.send(message).await.is_err() {
                        break;
                    }
                },
                message = socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        // The peer may be gone already; there is nobody to tell.
        let _ = socket.send(Message::Close(None)).await;
    }

    fn take(&mut self, event: TapEvent) {
        let applied = match event {
            TapEvent::Applied(applied) => applied,
            TapEvent::Gap { missed } => {
                self.dropped += missed;
                return;
            }
        };
        let AppliedBatch::Events(batch) = &applied.batch else { return };
        if applied.tenant != self.tenant {
            return;
        }
        let mut rows = self.matcher.rows(batch, FRAME_LINES_MAX + 1);
        rows.retain(|row| !self.sent.contains(&fingerprint(row.entry.time, &row.entry.line)));
        let room = FRAME_LINES_MAX - self.waiting.len();
        self.dropped += rows.len().saturating_sub(room) as u64;
        self.waiting.extend(rows.into_iter().take(room));
    }

    fn ticked(&mut self) -> Option<Message> {
        if self.waiting.is_empty() && self.dropped == 0 {
            self.quiet += 1;
            if self.quiet == QUIET_MAX {
                self.quiet = 0;
                // Whatever was applied while the past was read has long come through the tap.
                self.sent.clear();
                return Some(Message::Ping(Default::default()));
            }
            return None;
        }
        self.quiet = 0;
        let mut streams: Vec<StreamEntries> = Vec::new();
        for row in self.waiting.drain(..) {
            match streams.iter_mut().find(|stream| stream.labels == row.labels) {
                Some(stream) => stream.entries.push(row.entry),
                None => streams.push(StreamEntries { labels: row.labels, entries: vec![row.entry] }),
            }
        }
        Some(frame(streams, std::mem::take(&mut self.dropped), self.categorize))
    }
}

fn fingerprint(time: i64, line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (time, line).hash(&mut hasher);
    hasher.finish()
}

/// `{"streams":[…],"dropped_entries":[…]}`; of dropped lines only their number is known.
fn frame(streams: Vec<StreamEntries>, dropped: u64, categorize: bool) -> Message {
    const SHOWN_MAX: u64 = 100;
    let newest =
        streams.iter().flat_map(|stream| &stream.entries).map(|entry| entry.time).max().unwrap_or_default();
    let mut json = Json::with_capacity(1024);
    json.object(|o| {
        answer::write_streams(o.key("streams"), &streams, categorize);
        if dropped > 0 {
            o.key("dropped_entries").array(|a| {
                for _ in 0..dropped.min(SHOWN_MAX) {
                    a.object(|d| {
                        d.key("labels").object(|_| {});
                        d.member("timestamp", &newest.to_string());
                    });
                }
            });
        }
    });
    Message::Text(json.into_string().into())
}
