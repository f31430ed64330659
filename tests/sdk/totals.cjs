// Counts with the official OpenTelemetry SDK for Node, in both temporalities, with every kind of histogram and across a
// restart of the SDK; the totals found must be those that were recorded, from the first point on, and the same in
// either spelling. Exit status 1 and one line per finding when something differs.
//
// CommonJS, so that NODE_PATH may say where the packages are.
"use strict";

const { randomBytes } = require("node:crypto");
const { parseArgs } = require("node:util");
const { AggregationTemporalityPreference, OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-http");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { AggregationType, MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");

const TIMEOUT_MS = 20_000;
// Periodic readers insist on a period; every export here is asked for.
const NEVER_MS = 86_400_000;
// What each life of the SDK adds, export by export.
const LIVES = [[7, 5, 1], [3, 11]];
const LATENCIES = [0.02, 0.3, 4];

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

// Times are kept in milliseconds: a start and a sample of one are at one time, and so are two exports.
function nextMillisecond() {
  const begun = Date.now();
  while (Date.now() <= begun + 1);
}

async function values(options, query, at) {
  const url = new URL("/api/v1/query", options.api);
  url.searchParams.set("query", query);
  url.searchParams.set("time", String(at));
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const { data } = await response.json();
  return data.result.map((series) => Number(series.value[1])).sort((a, b) => a - b);
}

// Lives one after the other; each begins to count anew.
async function record(options, temporalityPreference, name, mark) {
  const resource = resourceFromAttributes({ "service.name": `sdk-${mark}`, "service.instance.id": mark });
  for (const life of LIVES) {
    const url = `${options["otlp-http"]}/v1/metrics`;
    const exporter = new OTLPMetricExporter({ url, temporalityPreference, timeoutMillis: TIMEOUT_MS });
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: NEVER_MS, exportTimeoutMillis: TIMEOUT_MS });
    const views = [{ instrumentName: `${name}.size`, aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }];
    const provider = new MeterProvider({ resource, readers: [reader], views });
    const meter = provider.getMeter("sdk.totals", "1.0.0");
    const counter = meter.createCounter(`${name}.requests`, { unit: "{request}" });
    const advice = { explicitBucketBoundaries: [0.1, 1] };
    const duration = meter.createHistogram(`${name}.duration`, { unit: "s", advice });
    const size = meter.createHistogram(`${name}.size`, { unit: "By" });
    for (const added of life) {
      counter.add(added, { "http.route": "/" });
      for (const latency of LATENCIES) {
        duration.record(latency, { "http.route": "/" });
        size.record(latency * 1000, { "http.route": "/" });
      }
      nextMillisecond();
      await provider.forceFlush();
    }
    await provider.shutdown();
  }
}

async function check(options, name, isDelta) {
  const flat = name.replaceAll(".", "_");
  const at = Date.now() / 1000 + 0.01;
  const added = sum(LIVES.map(sum));
  const exports = sum(LIVES.map((life) => life.length));
  const observed = exports * LATENCIES.length;
  const window = "[10m] anchored";
  const wanted = new Map([
    [`increase(${flat}_requests_total${window})`, added],
    [`increase(${flat}_duration_seconds_count${window})`, observed],
    [`increase(${flat}_duration_seconds_bucket{le="0.1"}${window})`, exports],
    [`increase(${flat}_duration_seconds_sum${window})`, exports * sum(LATENCIES)],
    [`histogram_count(increase(${flat}_size_bytes${window}))`, observed],
    [`histogram_sum(increase(${flat}_size_bytes${window}))`, exports * sum(LATENCIES) * 1000],
  ]);
  if (isDelta) {
    wanted.set(`increase(${flat}_requests_total[10m])`, added);
    wanted.set(`${flat}_requests_total`, added);
  }
  const findings = [];
  for (const [query, expected] of wanted) {
    const found = await values(options, query, at);
    if (found.length !== 1 || Math.abs(found[0] - expected) > 1e-6 * expected) {
      findings.push(`${query} should be ${expected}, is ${JSON.stringify(found)}`);
    }
  }
  const spellings = [
    [`rate({"${name}.requests"}[5m])`, `rate(${flat}_requests_total[5m])`],
    [`sum by ("http.route") (increase({"${name}.duration_bucket"}[5m] anchored))`, `sum by (http_route) (increase(${flat}_duration_seconds_bucket[5m] anchored))`],
  ];
  for (const [otel, prometheus] of spellings) {
    const [one, other] = [await values(options, otel, at), await values(options, prometheus, at)];
    const same = one.length > 0 && one.length === other.length && one.every((value, index) => value === other[index]);
    if (!same) findings.push(`${otel} is ${one}, ${prometheus} is ${other}`);
  }
  return findings;
}

async function main() {
  const addresses = { "otlp-grpc": { type: "string" }, "otlp-http": { type: "string" }, api: { type: "string" } };
  const options = parseArgs({ options: addresses }).values;
  let failures = 0;
  for (const temporality of ["CUMULATIVE", "DELTA"]) {
    const mark = `node${randomBytes(6).toString("hex")}`;
    const name = `sdk.${mark}`;
    await record(options, AggregationTemporalityPreference[temporality], name, mark);
    for (const finding of await check(options, name, temporality === "DELTA")) {
      failures += 1;
      console.error(`node ${temporality}: ${finding}`);
    }
    console.log(`node ${temporality}: done`);
  }
  process.exit(failures > 0 ? 1 : 0);
}

main();
