"""Sends logs, metrics and traces with the official OpenTelemetry SDK for Python over every transport it has,
plain and compressed, and finds each record again on the next request after the exporter's answer.

Exit status 1 and one line per finding when something is missing.
"""

import argparse
import importlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

PACKAGES = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "http/json": "opentelemetry.exporter.otlp.json.http",
}
# Long enough for a slow machine; the exporters answer in milliseconds.
TIMEOUT_S = 20


class Missing(Exception):
    """A record that was acknowledged and is not found."""


class Answers:
    """Stands before an exporter and keeps what it answered: the SDK's processors throw it away."""

    def __init__(self, exporter):
        self._exporter = exporter
        self.names = []

    def export(self, *args, **kwargs):
        result = self._exporter.export(*args, **kwargs)
        self.names.append(result.name)
        return result

    def shutdown(self, *args, **kwargs):
        return self._exporter.shutdown()

    def force_flush(self, timeout_millis=10_000):
        return True

    def expect_success(self, what):
        if not self.names or set(self.names) != {"SUCCESS"}:
            raise Missing(f"{what}: the exporter answered {self.names or 'nothing'}")


class SpanAnswers(Answers, SpanExporter):
    pass


class LogAnswers(Answers, LogRecordExporter):
    pass


class MetricAnswers(Answers, MetricExporter):
    def __init__(self, exporter):
        MetricExporter.__init__(
            self, exporter._preferred_temporality, exporter._preferred_aggregation
        )
        Answers.__init__(self, exporter)


class Transport:
    """One row of the table: a protocol with a compression."""

    def __init__(self, protocol, compression, options):
        self.protocol = protocol
        self.compression = compression
        self.options = options

    def __str__(self):
        return f"{self.protocol} {self.compression}"

    def exporter(self, signal):
        module, name, path = {
            "logs": ("_log_exporter", "OTLPLogExporter", "/v1/logs"),
            "metrics": ("metric_exporter", "OTLPMetricExporter", "/v1/metrics"),
            "traces": ("trace_exporter", "OTLPSpanExporter", "/v1/traces"),
        }[signal]
        package = PACKAGES[self.protocol]
        make = getattr(importlib.import_module(f"{package}.{module}"), name)
        if self.protocol == "grpc":
            compression = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
            return make(
                endpoint=self.options.otlp_grpc,
                insecure=True,
                compression=compression[self.compression],
                timeout=TIMEOUT_S,
            )
        if self.protocol == "http/protobuf":
            enum = importlib.import_module(package).Compression
        else:
            enum = importlib.import_module("opentelemetry.exporter.otlp.common.http").Compression
        return make(
            endpoint=self.options.otlp_http + path, compression=enum(self.compression), timeout=TIMEOUT_S
        )


class Api:
    """The read side: one request, no second try."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path, **parameters):
        url = f"{self.base}{path}"
        if parameters:
            url += "?" + urllib.parse.urlencode(parameters)
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        try:
            with self.opener.open(request, timeout=TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise Missing(f"{url}: {error.code} {error.read(500)!r}") from error


def send_and_find_logs(transport, api, resource, mark):
    answers = LogAnswers(transport.exporter("logs"))
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(answers))
    logger = provider.get_logger("sdk.test", "1.0.0")
    bodies = [
        f"{mark} plain text",
        f'{mark} level=info msg="logfmt with ünïcode → ✓"',
        json.dumps({"mark": mark, "nested": {"n": 1}}),
    ]
    begin = time.time_ns()
    for number, body in enumerate(bodies):
        logger.emit(
            LogRecord(
                timestamp=begin + number,
                observed_timestamp=begin + number,
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body=body,
                attributes={"number": number, "ratio": 0.5, "flag": True, "list": ["a", "b"]},
            )
        )
    answers.expect_success("logs")
    name = resource.attributes["service.name"]
    found = api.get(
        "/loki/api/v1/query_range",
        query=f'{{service_name="{name}"}} |= "{mark}"',
        start=begin - 1,
        end=time.time_ns() + 1,
        limit=100,
    )
    lines = [line[1] for stream in found["data"]["result"] for line in stream["values"]]
    if sorted(lines) != sorted(bodies):
        raise Missing(f"logs: sent {bodies}, query_range answered {lines}")
    provider.shutdown()


def send_and_find_metrics(transport, api, resource, mark):
    answers = MetricAnswers(transport.exporter("metrics"))
    reader = PeriodicExportingMetricReader(answers, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("sdk.test", "1.0.0")
    prefix = f"sdk.{mark}"
    attributes = {"kind": "test"}
    meter.create_counter(f"{prefix}.requests", "{request}").add(7, attributes)
    meter.create_up_down_counter(f"{prefix}.depth", "{message}").add(-3, attributes)
    meter.create_observable_gauge(
        f"{prefix}.heat", [lambda _: [Observation(21.5, attributes)]], "Cel"
    )
    histogram = meter.create_histogram(
        f"{prefix}.duration", "s", explicit_bucket_boundaries_advisory=[0.1, 1.0]
    )
    for value in (0.05, 0.5, 5.0):
        histogram.record(value, attributes)
    reader.force_flush()
    answers.expect_success("metrics")
    flat = prefix.replace(".", "_")
    for query, expected in {
        f'{flat}_requests_total{{kind="test"}}': 7,
        f'{flat}_depth{{kind="test"}}': -3,
        f'{flat}_heat_celsius{{kind="test"}}': 21.5,
        f'{flat}_duration_seconds_count{{kind="test"}}': 3,
        f'{flat}_duration_seconds_sum{{kind="test"}}': 5.55,
        f'{flat}_duration_seconds_bucket{{kind="test",le="1"}} or {flat}_duration_seconds_bucket{{kind="test",le="1.0"}}': 2,
    }.items():
        result = api.get("/api/v1/query", query=query)["data"]["result"]
        values = [float(series["value"][1]) for series in result]
        if len(values) != 1 or abs(values[0] - expected) > 1e-9:
            raise Missing(f"metrics: {query} should be one series of {expected}, is {result}")
    provider.shutdown()


def send_and_find_traces(transport, api, resource, mark):
    answers = SpanAnswers(transport.exporter("traces"))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(answers))
    tracer = provider.get_tracer("sdk.test", "1.0.0")
    begin = time.time()
    parent = tracer.start_span(f"parent {mark}", kind=SpanKind.SERVER, attributes={"mark": mark, "n": 1})
    child = tracer.start_span(
        f"child {mark}", context=set_span_in_context(parent), kind=SpanKind.CLIENT
    )
    child.record_exception(ValueError("told to fail"))
    child.set_status(Status(StatusCode.ERROR, "told to fail"))
    child.end()
    parent.end()
    answers.expect_success("traces")
    trace_id = format(parent.get_span_context().trace_id, "032x")
    trace = api.get(f"/api/traces/{trace_id}")
    names = sorted(span["name"] for span in spans_in(trace))
    if names != [f"child {mark}", f"parent {mark}"]:
        raise Missing(f"traces: /api/traces/{trace_id} has the spans {names}")
    found = api.get(
        "/api/search",
        q=f'{{ span.mark = "{mark}" && name = "parent {mark}" }}',
        start=int(begin) - 1,
        end=int(time.time()) + 2,
    )
    # Tempo writes trace ids without leading zeros.
    ids = [each["traceID"].rjust(32, "0") for each in found["traces"] or []]
    if ids != [trace_id]:
        raise Missing(f"traces: searched for {trace_id}, found {ids}")
    provider.shutdown()


def spans_in(node):
    """Every span of a trace in JSON, whatever the envelope is called."""
    if isinstance(node, list):
        for item in node:
            yield from spans_in(item)
    elif isinstance(node, dict):
        if "spanId" in node and "name" in node:
            yield node
        else:
            for item in node.values():
                yield from spans_in(item)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--otlp-grpc", required=True, help="such as http://127.0.0.1:4317")
    parser.add_argument("--otlp-http", required=True, help="such as http://127.0.0.1:4318")
    parser.add_argument("--api", required=True, help="such as http://127.0.0.1:9480")
    options = parser.parse_args()
    api = Api(options.api)
    failures = 0
    for protocol in PACKAGES:
        for compression in ("none", "gzip"):
            transport = Transport(protocol, compression, options)
            mark = "py" + uuid.uuid4().hex[:12]
            resource = Resource.create({"service.name": f"sdk-{mark}", "service.namespace": "sdk"})
            for step in (send_and_find_logs, send_and_find_metrics, send_and_find_traces):
                try:
                    step(transport, api, resource, mark)
                except Exception as error:  # each kind is a finding, and the other rows still count
                    failures += 1
                    print(f"python {transport}: {type(error).__name__}: {error}", file=sys.stderr)
            print(f"python {transport}: done")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
