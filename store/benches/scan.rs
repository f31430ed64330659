//! What event segments cost to build and to ask, on a million synthetic logs of a shop: CPU-seconds per million rows,
//! bytes a row by section, and milliseconds a query. `cargo bench -p store --bench scan [-- rows block_rows level]`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends when something is wrong"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use regex::Regex;
use store::measure::Segments;
use store::model::{
    Budget, ColumnRef, EventBatch, EventBatchBuilder, Field, Filter, OwnedValue, RequestCtx, Role, Signal,
    StreamParts, Tenant, Test, Value,
};
use store::{EventQuery, Order, Projection, ScanControl};

const PODS: usize = 100;
const BATCH_ROWS: usize = 1000;
/// Rows one flush of a 128 MiB head takes.
const FLUSH_ROWS: usize = 200_000;
const START: i64 = 1_790_000_000_000_000_000;
const STEP_NS: i64 = 3_600_000;
const ROUTES: [&str; 12] = [
    "/",
    "/api/v1/products",
    "/api/v1/products/{id}",
    "/api/v1/search",
    "/api/v1/cart",
    "/api/v1/checkout",
    "/api/v1/orders/{id}",
    "/api/v1/login",
    "/api/v1/users/{id}",
    "/static/app.js",
    "/graphql",
    "/api/v1/ads",
];
const NAMES: [&str; 20] = [
    "frontend",
    "cart",
    "checkout",
    "payments",
    "search",
    "catalog",
    "inventory",
    "shipping",
    "review",
    "email",
    "currency",
    "auth",
    "profile",
    "order",
    "pricing",
    "promotion",
    "notification",
    "fraud",
    "ad",
    "recommend",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "okhttp/4.12.0",
    "curl/8.9.1",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// Small numbers more often.
    fn skewed(&mut self, n: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (unit * (n as f64).ln()).exp() as u64
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

fn clock(time: i64, out: &mut String) {
    let ms = time / 1_000_000;
    let (s, ms) = (ms / 1000 % 86_400, ms % 1000);
    let _ = write!(out, "2026-09-21T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60);
}

fn stream(b: &mut EventBatchBuilder, pod: usize) -> u32 {
    let name = NAMES[pod % NAMES.len()];
    let uid = format!("{:016x}-{:08x}", Random(pod as u64).next(), pod);
    let host = format!("ip-10-0-3-{}.eu-central-1.compute.internal", pod % 10);
    let pod_name = format!("{name}-{:010x}-{:05x}", Random(77).next() >> 24, pod * 7919);
    let mut resource: Vec<(&str, Value<'_>)> = [
        ("service.name", name),
        ("service.namespace", "shop"),
        ("service.version", "2.4.7"),
        ("service.instance.id", &uid),
        ("k8s.pod.name", &pod_name),
        ("k8s.namespace.name", "shop-prod"),
        ("k8s.node.name", &host),
        ("k8s.deployment.name", name),
        ("k8s.cluster.name", "eu-prod-1"),
        ("deployment.environment.name", "production"),
        ("k8s.pod.uid", &uid),
        ("k8s.container.name", name),
        ("container.image.tag", "2.4.7"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("host.name", &host),
        ("telemetry.sdk.language", "java"),
        ("telemetry.sdk.version", "1.42.0"),
        ("cloud.provider", "aws"),
        ("cloud.region", "eu-central-1"),
        ("cloud.account.id", "123456789012"),
        ("os.type", "linux"),
    ]
    .map(|(key, value)| (key, Value::Str(value)))
    .to_vec();
    resource.push(("process.pid", Value::Int(1)));
    b.stream(&StreamParts { resource: &resource, scope_name: "shop.logging", ..Default::default() })
}

/// The body, and which kind of line it is.
fn body(r: &mut Random, time: i64, user: &str, route: &str, duration: f64, out: &mut String) -> u64 {
    out.clear();
    let kind = r.below(1000);
    let id = r.next();
    match kind {
        0..350 => {
            let _ = write!(
                out,
                "{}.{}.{}.{} - {user} [",
                20 + r.below(200),
                r.below(256),
                r.below(256),
                r.below(256)
            );
            clock(time, out);
            let path = route.replace("{id}", &(1_000_000 + r.skewed(500_000)).to_string());
            let agent = r.pick(&AGENTS);
            let _ = write!(
                out,
                "] \"GET {path} HTTP/1.1\" 200 {} \"https://shop.example/\" \"{agent}\" rt={:.3} req_id={id:016x}",
                r.skewed(90_000),
                duration / 1000.0
            );
        }
        350..550 => {
            out.push_str("level=info ts=");
            clock(time, out);
            let what = r.pick(&[
                "request completed",
                "cache hit",
                "cache miss",
                "item added to cart",
                "stock reserved",
            ]);
            let _ = write!(
                out,
                " caller=store/handler.go:{} msg=\"{what}\" method=GET path={route} status=200 duration={duration:.2}ms user={user} items={}",
                20 + r.below(400),
                r.below(12)
            );
        }
        550..640 => {
            let _ = write!(
                out,
                "Order ORD-{:014x} {} for user {user} amount {}.{:02} EUR via {} in {:.0} ms",
                id >> 8,
                r.pick(&["accepted", "confirmed", "captured", "packed"]),
                5 + r.below(400),
                r.below(100),
                r.pick(&["stripe", "paypal", "klarna"]),
                duration * 4.0
            );
        }
        640..650 => {
            let _ = write!(
                out,
                "Order ORD-{:014x} {} after {} attempts, user {user} notified",
                id >> 8,
                r.pick(&["declined", "rejected"]),
                1 + r.below(5)
            );
        }
        650..800 => {
            out.push_str("{\"ts\":\"");
            clock(time, out);
            let _ = write!(
                out,
                "\",\"level\":\"info\",\"msg\":\"{}\",\"cart_id\":\"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\",\"sku\":\"SKU-{:06}\",\"qty\":{},\"user_id\":\"{user}\",\"duration_ms\":{duration:.1},\"region\":\"{}\"}}",
                r.pick(&["search executed", "availability checked", "discount applied", "email queued"]),
                id as u32,
                id >> 48,
                r.below(4096),
                r.below(4096),
                r.next() >> 16,
                r.skewed(90_000),
                1 + r.below(5),
                r.pick(&["de", "fr", "nl", "es"])
            );
        }
        800..860 => {
            let _ = write!(
                out,
                "SELECT id, status, updated_at FROM {} WHERE id = {} AND tenant = 'shop' LIMIT {} -- took {:.2} ms rows={}",
                r.pick(&["orders", "users", "stock"]),
                r.below(9_000_000),
                10 + r.below(90),
                duration / 4.0,
                r.below(90)
            );
        }
        860..950 => out.push_str(r.pick(&[
            "GET /healthz 200 0ms",
            "GET /readyz 200 0ms",
            "liveness probe ok",
            "metrics scrape completed",
        ])),
        950..975 => {
            let _ = write!(
                out,
                "upstream request timeout after {} ms calling {}:8080, retry {}/3 scheduled",
                1000 + r.below(4000),
                r.pick(&NAMES),
                1 + r.below(3)
            );
        }
        975..990 => {
            let _ = write!(
                out,
                "payment attempt failed: CardDeclined code=insufficient_funds user={user} bin={}",
                400_000 + r.below(99_999)
            );
        }
        _ => {
            let _ = write!(
                out,
                "Unhandled exception while serving GET {route}: java.net.SocketTimeoutException: Read timed out"
            );
            for i in 0..8 + r.below(18) {
                let _ = write!(
                    out,
                    "\n\tat com.shop.service.DefaultService{}.process(DefaultService.java:{})",
                    i % 5,
                    20 + i * 37 % 900
                );
            }
        }
    }
    kind
}

fn row(b: &mut EventBatchBuilder, r: &mut Random, time: i64, trace_window: u64, text: &mut String) {
    let user = format!("u{:07}", Random(r.skewed(200_000)).next() % 10_000_000);
    let duration = (r.skewed(1_000_000) as f64) / 1000.0;
    let route = r.pick(&ROUTES);
    let kind = body(r, time, &user, route, duration, text);
    b.field(Field::ObservedTime, Value::Int(time + 2_000_000 + r.below(300_000_000) as i64));
    b.field(Field::SeverityNumber, Value::Int(if kind >= 950 { 13 } else { 9 }));
    b.field(Field::SeverityText, Value::Str(if kind >= 950 { "WARN" } else { "INFO" }));
    b.field(Field::Body, Value::Str(text));
    b.attribute(
        "log.logger",
        Value::Str(r.pick(&["com.shop.Controller", "com.shop.Service", "com.shop.Repository"])),
    );
    b.attribute(
        "thread.name",
        Value::Str(r.pick(&["exec-1", "exec-2", "exec-3", "exec-4", "exec-5", "exec-6", "exec-7"])),
    );
    if kind < 550 {
        b.attribute("http.request.method", Value::Str("GET"));
        b.attribute("http.route", Value::Str(route));
        b.attribute("http.response.status_code", Value::Int(200));
    }
    if (550..650).contains(&kind) {
        b.attribute("order.id", Value::Str(&text[6..24]));
    }
    if kind < 860 {
        b.attribute("user.id", Value::Str(&user));
        b.attribute("duration_ms", Value::Double(duration));
    }
    b.attribute(
        "code.function.name",
        Value::Str(r.pick(&["handle", "process", "lookup", "send", "publish", "render"])),
    );
    if kind < 860 && r.below(100) < 64 {
        let trace = u128::from(Random(trace_window << 20 | r.below(1250)).next()) << 64 | 0x5eed;
        b.field(Field::TraceId, Value::Bytes(&trace.to_be_bytes()));
        b.field(Field::SpanId, Value::Bytes(&r.next().to_be_bytes()));
        b.field(Field::Flags, Value::Int(1));
    }
}

fn batch(number: usize, rows: usize) -> EventBatch {
    let mut r = Random(number as u64);
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let mut text = String::new();
    let mut pods: Vec<usize> =
        (0..rows).map(|_| r.below(PODS as u64) as usize / 10 * 10 + number % 10).collect();
    pods.sort_unstable();
    let mut last = (usize::MAX, 0);
    for (i, pod) in pods.into_iter().enumerate() {
        if last.0 != pod {
            last = (pod, stream(&mut b, pod));
        }
        let time = START
            + (number * rows) as i64 * STEP_NS
            + (i * 7919 % rows) as i64 * STEP_NS
            + r.below(1_000_000) as i64;
        b.begin_row(time, last.1);
        row(&mut b, &mut r, time, number as u64 / 10, &mut text);
        b.end_row();
    }
    b.finish()
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: u64 = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / 100.0
}

fn queries(needle: &str, trace: u128) -> Vec<(&'static str, Filter, Vec<ColumnRef>)> {
    let contains = |needle: &str, ignore_case| {
        Filter::Column(ColumnRef::Field(Field::Body), Test::Contains { needle: needle.into(), ignore_case })
    };
    let field = |field, test| Filter::Column(ColumnRef::Field(field), test);
    let service = Filter::Column(ColumnRef::Resource("service.name".into()), Test::TextEquals("cart".into()));
    let body = || vec![ColumnRef::Field(Field::Body)];
    let regex = Regex::new("Order ORD-[0-9a-f]+ (declined|rejected) after [0-9] attempts").unwrap();
    let trace = Test::Equals(OwnedValue::Bytes(trace.to_be_bytes().to_vec()));
    let order = Filter::Column(ColumnRef::Attribute("order.id".into()), Test::TextEquals(needle.into()));
    vec![
        ("needle: an id in a body", contains(needle, false), body()),
        ("absent id", contains("ORD-00ffee00ffee00", false), body()),
        ("half of an id", contains(&needle[8..18], false), body()),
        ("attribute = id", order, body()),
        ("trace id", field(Field::TraceId, trace), body()),
        ("word + service", Filter::And(vec![contains("timeout", false), service]), body()),
        ("substring in a word, count", contains("rdDecl", false), vec![]),
        ("substring, no case, count", contains("RDDECL", true), vec![]),
        ("regex, count", field(Field::Body, Test::Matches(regex)), vec![]),
        ("histogram by service and severity", Filter::All, vec![ColumnRef::Field(Field::SeverityNumber)]),
        ("top of a route", Filter::All, vec![ColumnRef::Attribute("http.route".into())]),
        ("top of a user", Filter::All, vec![ColumnRef::Attribute("user.id".into())]),
        ("text without a clue, count", contains("ms", false), vec![]),
    ]
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let rows = numbers.first().copied().unwrap_or(1_000_000);
    let block_rows = numbers.get(1).copied().unwrap_or(4096);
    let level = numbers.get(2).copied().unwrap_or(3) as i32;
    let (mut segments, mut build, mut bytes, mut body_bytes) = (Segments::default(), 0.0, 0, 0);
    let mut needle = String::new();
    for flush in 0..rows.div_ceil(FLUSH_ROWS) {
        let batches = FLUSH_ROWS.min(rows - flush * FLUSH_ROWS).div_ceil(BATCH_ROWS);
        let batches: Vec<Arc<EventBatch>> = (0..batches)
            .map(|i| Arc::new(batch(flush * (FLUSH_ROWS / BATCH_ROWS) + i, BATCH_ROWS)))
            .collect();
        for batch in &batches {
            for row in 0..batch.rows() {
                let text = batch.field(row, Field::Body).and_then(Value::as_str).unwrap();
                body_bytes += text.len();
                if flush == 0 && text.starts_with("Order") {
                    needle = text[6..24].to_owned();
                }
            }
        }
        let before = cpu_seconds();
        bytes += segments.flush(&batches, block_rows, level).unwrap();
        build += cpu_seconds() - before;
    }
    let million = rows as f64 / 1e6;
    println!("{rows} rows, bodies of {} bytes, blocks of {block_rows}, zstd {level}", body_bytes / rows);
    println!("build {:.2} CPU-s per million, {:.1} bytes a row", build / million, bytes as f64 / rows as f64);
    for (part, size) in segments.sizes() {
        println!("  {part:32} {:7.2} bytes a row", size as f64 / rows as f64);
    }
    ask("flushed", &segments, &needle);
    let before = cpu_seconds();
    let merged = segments.merged(block_rows).unwrap();
    println!("merge {:.2} CPU-s per million", (cpu_seconds() - before) / million);
    ask("merged", &merged, &needle);
}

fn ask(name: &str, segments: &Segments, needle: &str) {
    let ctx = RequestCtx::new(
        Tenant::authenticated("default").unwrap(),
        "bench",
        Role::Read,
        None,
        Budget::new(1 << 32),
    );
    let trace = u128::from(Random(3 << 20 | 17).next()) << 64 | 0x5eed;
    for (query_name, filter, columns) in queries(needle, trace) {
        let query = EventQuery {
            signal: Signal::Logs,
            start: 0,
            end: i64::MAX,
            filter,
            projection: Projection::Columns(columns),
            order: Order::Any,
        };
        let mut best = (f64::MAX, Default::default());
        for _ in 0..5 {
            let mut groups: HashMap<usize, usize> = HashMap::new();
            let start = Instant::now();
            let stats = segments.scan(&ctx, &query, &mut |rows| {
                *groups.entry(rows.batch.rows()).or_default() += rows.rows.len();
                ScanControl::Continue
            });
            let elapsed = start.elapsed().as_secs_f64() * 1000.0;
            if elapsed < best.0 {
                best = (elapsed, stats.unwrap());
            }
        }
        let (ms, stats) = best;
        println!(
            "  {name}: {query_name:34} {ms:8.2} ms, {} rows, {} of {} blocks",
            stats.rows_matched, stats.blocks_read, stats.blocks_total
        );
    }
}
