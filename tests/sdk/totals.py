"""Counts with the official OpenTelemetry SDK for Python, in both temporalities, with every kind of histogram and with
exemplars, and across a restart of the SDK; the totals found must be those that were recorded, from the first point on, and
the same in either spelling.

Exit status 1 and one line per finding when something differs.
"""

import argparse
import json
import sys
import time
import urllib.parse
import urllib.request
import uuid

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

TIMEOUT_S = 20
# What each life of the SDK adds, export by export.
LIVES = [[7, 5, 1], [3, 11]]
LATENCIES = [0.02, 0.3, 4.0]


class Api:
    def __init__(self, base):
        self.base = base.rstrip("/")
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path, **parameters):
        url = f"{self.base}{path}?{urllib.parse.urlencode(parameters)}"
        with self.opener.open(url, timeout=TIMEOUT_S) as response:
            return json.load(response)["data"]

    def values(self, query, at):
        result = self.get("/api/v1/query", query=query, time=at)["result"]
        return sorted(float(series["value"][1]) for series in result)


def next_millisecond():
    """Times are kept in milliseconds: a start and a sample of one are at one time, and so are two exports."""
    begun = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= begun + 1:
        pass


def record(options, temporality, name, mark):
    """Lives one after the other; each begins to count anew. Answers the trace ids of the exemplars."""
    resource = Resource.create({"service.name": f"sdk-{mark}", "service.instance.id": mark})
    traces = []
    for life in LIVES:
        exporter = OTLPMetricExporter(
            endpoint=f"{options.otlp_http}/v1/metrics",
            timeout=TIMEOUT_S,
            preferred_temporality={Counter: temporality, Histogram: temporality},
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
        views = [View(instrument_name=f"{name}.size", aggregation=ExponentialBucketHistogramAggregation())]
        provider = MeterProvider([reader], resource=resource, views=views, shutdown_on_exit=False)
        tracer = TracerProvider(resource=resource, shutdown_on_exit=False).get_tracer("sdk.totals")
        meter = provider.get_meter("sdk.totals", "1.0.0")
        counter = meter.create_counter(f"{name}.requests", "{request}")
        duration = meter.create_histogram(
            f"{name}.duration", "s", explicit_bucket_boundaries_advisory=[0.1, 1.0]
        )
        size = meter.create_histogram(f"{name}.size", "By")
        for added in life:
            with tracer.start_as_current_span("work") as span:
                traces.append(format(span.get_span_context().trace_id, "032x"))
                counter.add(added, {"http.route": "/"})
                for latency in LATENCIES:
                    duration.record(latency, {"http.route": "/"})
                    size.record(latency * 1000, {"http.route": "/"})
            next_millisecond()
            if not reader.force_flush(TIMEOUT_S * 1000):
                raise RuntimeError("the exporter did not answer")
        provider.shutdown()
    return traces


def check(api, name, mark, traces, temporality):
    flat = name.replace(".", "_")
    now = time.time() + 0.01
    added = sum(map(sum, LIVES))
    exports = sum(map(len, LIVES))
    observed = exports * len(LATENCIES)
    window = "[10m] anchored"
    wanted = {
        f"increase({flat}_requests_total{window})": [added],
        f"increase({flat}_duration_seconds_count{window})": [observed],
        f'increase({flat}_duration_seconds_bucket{{le="0.1"}}{window})': [exports],
        f"increase({flat}_duration_seconds_sum{window})": [exports * sum(LATENCIES)],
        f"histogram_count(increase({flat}_size_bytes{window}))": [observed],
        f"histogram_sum(increase({flat}_size_bytes{window}))": [exports * sum(LATENCIES) * 1000],
    }
    if temporality is AggregationTemporality.DELTA:
        wanted[f"increase({flat}_requests_total[10m])"] = [added]
        wanted[f"{flat}_requests_total"] = [added]
        wanted[f"{flat}_duration_seconds_count"] = [observed]
    findings = []
    for query, expected in wanted.items():
        found = api.values(query, now)
        if len(found) != len(expected) or any(abs(a - b) > 1e-6 * b for a, b in zip(found, expected)):
            findings.append(f"{query} should be {expected}, is {found}")
    for otel, prometheus in [
        (f'rate({{"{name}.requests"}}[5m])', f"rate({flat}_requests_total[5m])"),
        (
            f'sum by ("http.route") (rate({{"{name}.duration_bucket"}}[5m]))',
            f"sum by (http_route) (rate({flat}_duration_seconds_bucket[5m]))",
        ),
        (
            f'histogram_quantile(0.9, sum by ("service.name") (rate({{"{name}.size"}}[5m])))',
            f'histogram_quantile(0.9, sum by (service_name) (rate({flat}_size_bytes{{job="sdk-{mark}"}}[5m])))',
        ),
    ]:
        one, other = api.values(otel, now), api.values(prometheus, now)
        if not one or one != other:
            findings.append(f"{otel} is {one}, {prometheus} is {other}")
    exemplars = api.get(
        "/api/v1/query_exemplars",
        query=f"{flat}_duration_seconds_bucket",
        start=now - 600,
        end=now + 1,
    )
    seen = {each["labels"].get("trace_id") for series in exemplars for each in series["exemplars"]}
    if not seen or not seen <= set(traces):
        findings.append(f"exemplars name the traces {seen}, recorded were {traces}")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--otlp-grpc", required=True)
    parser.add_argument("--otlp-http", required=True)
    parser.add_argument("--api", required=True)
    options = parser.parse_args()
    api = Api(options.api)
    failures = 0
    for temporality in (AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA):
        mark = "py" + uuid.uuid4().hex[:12]
        name = f"sdk.{mark}"
        traces = record(options, temporality, name, mark)
        for finding in check(api, name, mark, traces, temporality):
            failures += 1
            print(f"python {temporality.name}: {finding}", file=sys.stderr)
        print(f"python {temporality.name}: done")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
