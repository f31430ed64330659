//! What making a batch durable costs: encoding, compression, the log with its fsyncs, and the head. Decoding requests is
//! not in it. `cargo bench --bench append`.

use std::time::Instant;

use store::model::{
    Batch, Budget, EventBatchBuilder, Field, RequestCtx, Role, Signal, StreamParts, Tenant, Value,
};
use store::{Append, Config, Store};

const ROUNDS: usize = 5;
const BATCHES: usize = 200;
const ROWS: usize = 1000;
const CONNECTIONS: usize = 4;

/// Seconds of CPU all threads of this process used, from the clock ticks (a hundred a second) of `/proc/self/stat`.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Log records of about 480 bytes in OTLP: a line of some 100 bytes and twelve attributes.
fn batch(number: usize) -> Batch {
    let mut builder = EventBatchBuilder::new(Signal::Logs);
    let resource = [("service.name", Value::Str("checkout")), ("host.name", Value::Str("node-7"))];
    let stream = builder.stream(&StreamParts { resource: &resource, ..Default::default() });
    let mut state = number as u64;
    for row in 0..ROWS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (id, user, took) = (format!("{state:016x}"), format!("user-{}", state >> 50), state >> 54);
        builder.begin_row((number * ROWS + row) as i64 * 1_000_000, stream);
        let body = format!(
            "POST /api/cart/{user}/items took {took} ms, request {id}, upstream cart:8080, status 200"
        );
        builder.field(Field::Body, Value::Str(&body));
        builder.field(Field::SeverityNumber, Value::Int(9));
        builder.field(Field::SeverityText, Value::Str("INFO"));
        builder.field(Field::TraceId, Value::Bytes(id.as_bytes()));
        for (key, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/api/cart/{user}/items"),
            ("user.id", user.as_str()),
            ("request.id", id.as_str()),
            ("server.address", "cart.shop.svc.cluster.local"),
            ("code.function", "handle_add_item"),
            ("thread.name", "worker-3"),
            ("deployment.environment", "production"),
        ] {
            builder.attribute(key, Value::Str(value));
        }
        builder.attribute("http.response.status_code", Value::Int(200));
        builder.attribute("http.request.body.size", Value::Int((state >> 52) as i64));
        builder.attribute("duration_s", Value::Double((state >> 40) as f64 / 1e6));
        builder.attribute("sampled", Value::Bool(state & 1 == 0));
        builder.end_row();
    }
    Batch::Events(builder.finish())
}

async fn append_all(store: &Store, batches: Vec<Batch>) {
    let tenant = Tenant::authenticated(Tenant::DEFAULT).expect("the default tenant is valid");
    let ctx = RequestCtx::new(tenant, "bench", Role::Ingest, None, Budget::new(1 << 30));
    let mut lanes: Vec<Vec<Batch>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    for (i, batch) in batches.into_iter().enumerate() {
        lanes[i % CONNECTIONS].push(batch);
    }
    let connections: Vec<_> = lanes
        .into_iter()
        .map(|lane| {
            let (writer, ctx) = (store.writer(), ctx.clone());
            tokio::spawn(async move {
                for batch in lane {
                    let append = Append { batch, key: None, answer: Vec::new() };
                    writer.append(&ctx, append).await.expect("the batch is stored");
                }
            })
        })
        .collect();
    for connection in connections {
        connection.await.expect("a connection ends");
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (mut cpu, mut wall, mut bytes) = (0.0, 0.0, 0);
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(Config::new(dir.path())).expect("the store opens");
        let batches: Vec<Batch> = (0..BATCHES).map(batch).collect();
        let (cpu_before, started) = (cpu_s(), Instant::now());
        runtime.block_on(append_all(&store, batches));
        wall += started.elapsed().as_secs_f64();
        cpu += cpu_s() - cpu_before;
        bytes += runtime.block_on(store.status()).log.size_bytes;
    }
    let millions = (ROUNDS * BATCHES * ROWS) as f64 / 1e6;
    println!("append: {millions} million log records in batches of {ROWS}, {CONNECTIONS} connections");
    println!("  {:.2} CPU-s per million", cpu / millions);
    println!("  {:.2} s per million", wall / millions);
    println!("  {:.0} bytes of log per record", bytes as f64 / millions / 1e6);
}
