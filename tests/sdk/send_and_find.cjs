// Sends logs, metrics and traces with the official OpenTelemetry SDK for Node over every transport it has,
// plain and compressed, and finds each record again on the next request after the exporter's answer.
// Exit status 1 and one line per finding when something is missing.
//
// CommonJS, so that NODE_PATH may say where the packages are.
"use strict";

const { randomBytes } = require("node:crypto");
const { parseArgs } = require("node:util");
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { CompressionAlgorithm } = require("@opentelemetry/otlp-exporter-base");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { LoggerProvider, BatchLogRecordProcessor } = require("@opentelemetry/sdk-logs");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const TRANSPORTS = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" };
const SUCCESS = 0; // ExportResultCode.SUCCESS
const TIMEOUT_MS = 20_000;
// Periodic readers insist on a period; every export here is asked for.
const NEVER_MS = 86_400_000;

function exporter(signal, protocol, compression, options) {
  const made = require(`@opentelemetry/exporter-${signal}-otlp-${TRANSPORTS[protocol]}`);
  const Exporter = made[{ logs: "OTLPLogExporter", metrics: "OTLPMetricExporter", trace: "OTLPTraceExporter" }[signal]];
  const path = { logs: "/v1/logs", metrics: "/v1/metrics", trace: "/v1/traces" }[signal];
  const url = protocol === "grpc" ? options["otlp-grpc"] : options["otlp-http"] + path;
  return new Exporter({ url, compression, timeoutMillis: TIMEOUT_MS });
}

// Keeps what the exporter answered: the SDK's processors throw it away.
function listen(inner) {
  const results = [];
  const send = inner.export.bind(inner);
  inner.export = (items, done) =>
    send(items, (result) => {
      results.push(result);
      done(result);
    });
  return (what) => {
    const bad = results.find((result) => result.code !== SUCCESS);
    if (results.length === 0) throw new Error(`${what}: the exporter answered nothing`);
    if (bad) throw new Error(`${what}: the exporter answered ${bad.error}`);
  };
}

// Waits for the exporter's answers; what they were is for expectSuccess to say.
async function flush(provider) {
  await provider.forceFlush().catch(() => {});
}

// One request, no second try.
async function get(options, path, parameters = {}) {
  const url = new URL(path, options.api);
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  const response = await fetch(url, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

function expectSame(what, expected, found) {
  const [wanted, is] = [JSON.stringify([...expected].sort()), JSON.stringify([...found].sort())];
  if (wanted !== is) throw new Error(`${what}: sent ${wanted}, found ${is}`);
}

const nanos = (ms) => `${ms}000000`;

async function logs({ protocol, compression, options, resource, service, mark }) {
  const inner = exporter("logs", protocol, compression, options);
  const expectSuccess = listen(inner);
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: inner })] });
  const logger = provider.getLogger("sdk.test", "1.0.0");
  const bodies = [
    `${mark} plain text`,
    `${mark} level=info msg="logfmt with ünïcode → ✓"`,
    JSON.stringify({ mark, nested: { n: 1 } }),
  ];
  const begin = Date.now();
  bodies.forEach((body, number) =>
    logger.emit({
      timestamp: begin,
      severityNumber: SeverityNumber.WARN,
      severityText: "WARN",
      body,
      attributes: { number, ratio: 0.5, flag: true, list: ["a", "b"] },
    }),
  );
  await flush(provider);
  expectSuccess("logs");
  const query = `{service_name="${service}"} |= "${mark}"`;
  const range = { start: nanos(begin - 1), end: nanos(Date.now() + 1), limit: "100" };
  const found = await get(options, "/loki/api/v1/query_range", { query, ...range });
  const lines = found.data.result.flatMap((stream) => stream.values.map((value) => value[1]));
  expectSame("logs in query_range", bodies, lines);
  await provider.shutdown();
}

async function metrics({ protocol, compression, options, resource, mark }) {
  const inner = exporter("metrics", protocol, compression, options);
  const expectSuccess = listen(inner);
  const reader = new PeriodicExportingMetricReader({ exporter: inner, exportIntervalMillis: NEVER_MS, exportTimeoutMillis: TIMEOUT_MS });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter("sdk.test", "1.0.0");
  const attributes = { kind: "test" };
  meter.createCounter(`sdk.${mark}.requests`, { unit: "{request}" }).add(7, attributes);
  meter.createUpDownCounter(`sdk.${mark}.depth`, { unit: "{message}" }).add(-3, attributes);
  meter.createObservableGauge(`sdk.${mark}.heat`, { unit: "Cel" }).addCallback((result) => result.observe(21.5, attributes));
  const histogram = meter.createHistogram(`sdk.${mark}.duration`, { unit: "s", advice: { explicitBucketBoundaries: [0.1, 1] } });
  for (const value of [0.05, 0.5, 5]) histogram.record(value, attributes);
  await flush(provider);
  expectSuccess("metrics");
  const flat = `sdk_${mark}`;
  const expected = {
    [`${flat}_requests_total{kind="test"}`]: 7,
    [`${flat}_depth{kind="test"}`]: -3,
    [`${flat}_heat_celsius{kind="test"}`]: 21.5,
    [`${flat}_duration_seconds_count{kind="test"}`]: 3,
    [`${flat}_duration_seconds_sum{kind="test"}`]: 5.55,
    [`${flat}_duration_seconds_bucket{kind="test",le="1"} or ${flat}_duration_seconds_bucket{kind="test",le="1.0"}`]: 2,
  };
  for (const [query, value] of Object.entries(expected)) {
    const { result } = (await get(options, "/api/v1/query", { query })).data;
    if (result.length !== 1 || Math.abs(Number(result[0].value[1]) - value) > 1e-9)
      throw new Error(`metrics: ${query} should be one series of ${value}, is ${JSON.stringify(result)}`);
  }
  await provider.shutdown();
}

async function traces({ protocol, compression, options, resource, mark }) {
  const inner = exporter("trace", protocol, compression, options);
  const expectSuccess = listen(inner);
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(inner)] });
  const tracer = provider.getTracer("sdk.test", "1.0.0");
  const begin = Math.floor(Date.now() / 1000);
  const parent = tracer.startSpan(`parent ${mark}`, { kind: SpanKind.SERVER, attributes: { mark, n: 1 } }, ROOT_CONTEXT);
  const child = tracer.startSpan(`child ${mark}`, { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, parent));
  child.recordException(new Error("told to fail"));
  child.setStatus({ code: SpanStatusCode.ERROR, message: "told to fail" });
  child.end();
  parent.end();
  await flush(provider);
  expectSuccess("traces");
  const { traceId } = parent.spanContext();
  const names = spansIn(await get(options, `/api/traces/${traceId}`)).map((span) => span.name);
  expectSame(`spans of /api/traces/${traceId}`, [`parent ${mark}`, `child ${mark}`], names);
  const range = { start: String(begin - 1), end: String(Math.floor(Date.now() / 1000) + 2) };
  const found = await get(options, "/api/search", { q: `{ span.mark = "${mark}" && name = "parent ${mark}" }`, ...range });
  // Tempo writes trace ids without leading zeros.
  expectSame("traces in the search", [traceId], (found.traces ?? []).map((each) => each.traceID.padStart(32, "0")));
  await provider.shutdown();
}

// Every span of a trace in JSON, whatever the envelope is called.
function spansIn(node) {
  if (node === null || typeof node !== "object") return [];
  if (!Array.isArray(node) && "spanId" in node && "name" in node) return [node];
  return Object.values(node).flatMap(spansIn);
}

async function main() {
  const text = { type: "string" };
  const options = parseArgs({ options: { "otlp-grpc": text, "otlp-http": text, api: text } }).values;
  for (const name of ["otlp-grpc", "otlp-http", "api"])
    if (!options[name]) throw new Error(`--${name} URL is needed`);
  let failures = 0;
  for (const protocol of Object.keys(TRANSPORTS)) {
    for (const compression of [CompressionAlgorithm.NONE, CompressionAlgorithm.GZIP]) {
      const mark = `js${randomBytes(6).toString("hex")}`;
      const service = `sdk-${mark}`;
      const resource = resourceFromAttributes({ "service.name": service, "service.namespace": "sdk" });
      for (const step of [logs, metrics, traces]) {
        try {
          await step({ protocol, compression, options, resource, service, mark });
        } catch (error) {
          failures += 1;
          console.error(`node ${protocol} ${compression}: ${error?.message ?? error}`);
        }
      }
      console.log(`node ${protocol} ${compression}: done`);
    }
  }
  process.exitCode = failures ? 1 : 0;
}

main().catch((error) => {
  console.error(`node: ${error.stack}`);
  process.exitCode = 1;
});
