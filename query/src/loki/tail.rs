//! `/loki/api/v1/tail`: a websocket that sends lines as they are stored, after the newest of the past.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
/// The first line after a pause is sent at once; then lines gather that long for one frame.
const FRAME_EVERY: Duration = Duration::from_millis(10);
/// How often a quiet tail is looked after.
const TICK: Duration = Duration::from_millis(200);
/// Lines of one frame; more come in the next. As rows a line takes several times its frame's bytes, so few wait as rows.
const FRAME_LINES_MAX: usize = 500;
/// Texts of one frame's lines and labels are not longer together, but for those of the last line.
const FRAME_TEXT_MAX: usize = 512 << 10;
/// Bytes of frames that wait for a client that reads slowly; further lines are dropped and the client is told.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// What Loki allows; lines here do not come late by another's buffer, so nothing is delayed.
const DELAY_MAX_S: i64 = 5;
const TAP_CAPACITY: usize = 256;
/// Quiet ticks until a ping: proxies close idle connections after a minute or so.
const QUIET_MAX: u32 = 100;

/// One open tail.
struct Tail {
    tenant: Tenant,
    matcher: Arc<TailMatcher>,
    tap: Tap,
    categorize: bool,
    /// Of the next frame.
    rows: Vec<TailRow>,
    /// Of their texts.
    rows_bytes: usize,
    /// Frames before that one.
    frames: VecDeque<String>,
    waiting_bytes: usize,
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
        if !same_origin(call.header("origin"), call.header("host")) {
            return Err(Failure::new(ErrorClass::Forbidden, "a page of another origin may not tail here"));
        }
        let limit = call.params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
        if let Some(text) = call.params.get("delay_for")
            && !text.parse::<i64>().is_ok_and(|seconds| (0..=DELAY_MAX_S).contains(&seconds))
        {
            return Err(Failure::bad(format!("delay_for can't be greater than {DELAY_MAX_S} seconds")));
        }
        let matcher = Arc::new(TailMatcher::new(&log)?);
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
            rows: Vec::new(),
            rows_bytes: 0,
            frames: VecDeque::new(),
            waiting_bytes: 0,
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

/// Browsers let any page open a websocket to anywhere and read it: no CORS rule protects the answer.
fn same_origin(origin: &str, host: &str) -> bool {
    origin.is_empty() || origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
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
        interval: 0,
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
        if !past.is_empty() && socket.send(Message::text(frame(past, 0, self.categorize))).await.is_err() {
            return;
        }
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut due = Instant::now();
        loop {
            let waits = self.waits();
            tokio::select! {
                // Batches that are here already come into the frame that is due.
                biased;
                message = socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
                event = self.tap.next(), if self.rows.len() < FRAME_LINES_MAX && self.frames.is_empty() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                () = tokio::time::sleep_until(due.into()), if waits => {
                    let frame = self.next_frame();
                    if !self.send(&mut socket, Message::text(frame)).await {
                        break;
                    }
                    due = if self.waits() { Instant::now() } else { Instant::now() + FRAME_EVERY };
                }
                _ = tick.tick(), if !waits => if let Some(message) = self.ticked()
                    && socket.send(message).await.is_err()
                {
                    break;
                },
            }
        }
        // The peer may be gone already; there is nobody to tell.
        let _ = socket.send(Message::Close(None)).await;
    }

    /// A client that does not read holds this up. Meanwhile new lines are taken, up to what may wait: the batches they
    /// come from are not held.
    async fn send(&mut self, socket: &mut WebSocket, message: Message) -> bool {
        let mut sending = pin!(socket.send(message));
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return sent.is_ok(),
                event = self.tap.next() => match event {
                    Some(event) => self.take(event),
                    None => return sending.await.is_ok(),
                },
            }
        }
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
        let matcher = Arc::clone(&self.matcher);
        matcher.rows(batch, |row| {
            if self.waiting_bytes > WAITING_BYTES_MAX {
                self.dropped += 1;
                return;
            }
            let row = row();
            if self.sent.is_empty() || !self.sent.contains(&fingerprint(row.entry.time, &row.entry.line)) {
                self.rows_bytes += text_bytes(&row);
                self.rows.push(row);
            }
            if self.rows.len() >= FRAME_LINES_MAX || self.rows_bytes >= FRAME_TEXT_MAX {
                let frame = self.frame_of_rows();
                self.waiting_bytes += frame.len();
                self.frames.push_back(frame);
            }
        });
    }

    fn waits(&self) -> bool {
        !self.rows.is_empty() || !self.frames.is_empty() || self.dropped > 0
    }

    fn next_frame(&mut self) -> String {
        self.quiet = 0;
        match self.frames.pop_front() {
            Some(frame) => {
                self.waiting_bytes -= frame.len();
                frame
            }
            None => self.frame_of_rows(),
        }
    }

    /// The rows that wait, as one message; what was dropped is told with it.
    fn frame_of_rows(&mut self) -> String {
        self.rows_bytes = 0;
        let mut streams: Vec<StreamEntries> = Vec::new();
        for row in self.rows.drain(..) {
            match streams.iter_mut().find(|stream| stream.labels == row.labels) {
                Some(stream) => stream.entries.push(row.entry),
                None => streams.push(StreamEntries { labels: row.labels, entries: vec![row.entry] }),
            }
        }
        frame(streams, std::mem::take(&mut self.dropped), self.categorize)
    }

    /// Nothing waits; a ping now and then.
    fn ticked(&mut self) -> Option<Message> {
        self.quiet += 1;
        if self.quiet < QUIET_MAX {
            return None;
        }
        self.quiet = 0;
        // Whatever was applied while the past was read has long come through the tap.
        self.sent.clear();
        Some(Message::Ping(Default::default()))
    }
}

fn text_bytes(row: &TailRow) -> usize {
    let labels = [&row.labels, &row.entry.metadata, &row.entry.parsed];
    let pairs = labels.into_iter().flat_map(|labels| labels.pairs());
    row.entry.line.len() + pairs.map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

fn fingerprint(time: i64, line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (time, line).hash(&mut hasher);
    hasher.finish()
}

/// `{"streams":[…],"dropped_entries":[…]}`; of dropped lines only their number is known.
fn frame(streams: Vec<StreamEntries>, dropped: u64, categorize: bool) -> String {
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
    json.into_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::testing::World;

    #[test]
    fn foreign_pages_are_refused() {
        assert!(same_origin("", "localhost:9480") && same_origin("http://Localhost:9480", "localhost:9480"));
        assert!(
            !same_origin("http://evil.example", "localhost:9480") && !same_origin("null", "localhost:9480")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_tailed_is_said_before_the_upgrade() {
        World::new()
            .golden(&[
                ("/loki/api/v1/tail?query=rate({a=\"b\"}[1m])", "only a log query can be tailed, *"),
                ("/loki/api/v1/tail?query={a=\"b\"}", "a tail is a websocket: *"),
                (
                    "/loki/api/v1/tail?query={a=\"b\"}&delay_for=9",
                    "delay_for can't be greater than 5 seconds\n",
                ),
            ])
            .await;
    }

    /// The text of the next text frame a server sends: never masked.
    async fn text_frame(stream: &mut TcpStream) -> String {
        let [kind, len] = [stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap()];
        assert_eq!(kind, 0x81, "a whole text frame");
        let len = match len {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut bytes = vec![0; len as usize];
        stream.read_exact(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    async fn open(listener: TcpListener, world: Arc<World>, path: &str) -> TcpStream {
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let world = Arc::clone(&world);
            async move { world.send("a", request).await }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        stream
    }

    #[tokio::test]
    async fn the_past_comes_first_and_then_the_own_tenants_new_lines() {
        let world = Arc::new(World::with_data().await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let path = "/loki/api/v1/tail?query=%7Bservice_name%3D%22cart%22%7D%7C%3D%22added%22";
        let mut stream = open(listener, Arc::clone(&world), path).await;
        let past = text_frame(&mut stream).await;
        assert!(past.starts_with(r#"{"streams":[{"stream":{"#), "{past}");
        assert!(past.contains(r#""values":[["1763929940000000000","item added "]]"#), "{past}");
        world.fill("b", "theirs").await;
        world.fill("a", "mine").await;
        let new = text_frame(&mut stream).await;
        assert!(
            new.contains("item added mine") && !new.contains("theirs") && !new.contains("cart full"),
            "{new}"
        );
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_costs_a_bounded_share_and_is_told_what_it_missed() {
        const FILLS: usize = 80;
        let world = Arc::new(World::with_data().await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let path = "/loki/api/v1/tail?query=%7Bservice_name%3D%22cart%22%7D%7C%3D%22long%22";
        let mut stream = open(listener, Arc::clone(&world), path).await;
        // Each of two lines has it in its text and in names and values of its labels.
        let long = format!("long{}", "x".repeat(64 << 10));
        for _ in 0..FILLS {
            world.fill("a", &long).await;
        }
        let (mut lines, mut bytes) = (0, 0);
        let dropped = loop {
            let frame = text_frame(&mut stream).await;
            let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
            for stream in frame["streams"].as_array().unwrap() {
                lines += stream["values"].as_array().unwrap().len();
                bytes += stream.to_string().len();
            }
            if let Some(dropped) = frame["dropped_entries"].as_array() {
                break dropped.len();
            }
        };
        assert!(bytes < 24 << 20, "{bytes} waited, buffers of the kernel with them");
        assert!(lines > 20 && dropped == (2 * FILLS - lines).min(100), "{lines} and {dropped}");
    }
}
