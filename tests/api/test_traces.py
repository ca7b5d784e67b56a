"""Traces: W3C Trace Context from nginx through a daemon and a job back into the live result and the logs, spans as OTLP at a
collector, and a collector that fails. The stack samples only what a client asks for (test.sh)."""

import contextlib
import http.server
import json
import re
import secrets
import threading
import time

import pytest

import abacus
from abacus import Daemon, eventually, fresh_index, get, post
from harness import KeepAlive, Load
from websocket import listen

QUEUE_MAX = 1024  # spans that wait
COLLECTOR_PORT = 4318 + abacus.OFFSET  # where test.sh lets the stack export


def attributes(of):
    values = {entry["key"]: entry["value"] for entry in of["attributes"]}
    return {key: value.get("stringValue", value.get("intValue")) for key, value in values.items()}


class Collector(http.server.ThreadingHTTPServer):
    """Keeps the spans that it gets, each with its resource. hangs: it takes requests and answers none of them."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port=0, status=200, hangs=False):
        super().__init__(("127.0.0.1", port), self.Handler)
        self.status, self.spans, self.requests = status, [], 0
        self.may_answer = threading.Event()
        if not hangs:
            self.may_answer.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json")
            for resource in body["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    self.server.spans += [{**span, "of": attributes(resource["resource"])} for span in scope["spans"]]
            self.server.requests += 1
            self.server.may_answer.wait(60)
            with contextlib.suppress(OSError):
                self.send_response(self.server.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    def of_trace(self, trace_id):
        return [span for span in list(self.spans) if span["traceId"] == trace_id]

    def span(self, trace_id, name):
        """The one span of that name, as soon as it is there."""

        def found():
            return [span for span in self.of_trace(trace_id) if span["name"] == name]

        spans = eventually(found, 15, message=f"a span {name}")
        assert len(spans) == 1, spans
        return spans[0]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.may_answer.set()
        self.shutdown()
        self.server_close()


@pytest.fixture(scope="module")
def collector():
    abacus.native("a collector that the daemons reach")
    with Collector(COLLECTOR_PORT) as of_the_stack:
        yield of_the_stack


class Client:
    """One request's place in a trace that the client began, and asks to be sampled."""

    def __init__(self, flags="01"):
        self.trace_id, self.span_id = secrets.token_hex(16), secrets.token_hex(8)
        self.headers = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{flags}"}


def log_lines(service, word, **fields):
    """The lines of a service's logs that have the word and these fields, as soon as there is one."""

    def found():
        texts = [path.read_text(errors="replace") for path in abacus.RUN_DIR.glob(f"log/{service}*/current")]
        whole = [line for text in texts for line in text.splitlines(True) if word in line and line.endswith("}\n")]
        lines = [json.loads(line[line.index("{") :]) for line in whole]  # behind the time that the supervisor's log adds
        return [line for line in lines if fields.items() <= line.items()]

    return eventually(found, 10, message=f"a line of {service} with {word} and {fields}")


def line_of(request_id):
    """Of the access log of users."""
    return log_lines("users", request_id, request_id=request_id, msg="request")[0]


# ---- from nginx through a job ----


def test_a_submission_its_job_and_its_result_are_one_trace(collector, reader):
    client, index = Client(), fresh_index(300_000, 309_999)
    with listen(reader.token) as live:
        assert post("/api/values", {"index": index}, token=reader.token, headers=client.headers).status == 200
        message = live.next_value(index)
    assert message["trace_id"] == client.trace_id

    request = collector.span(client.trace_id, "POST /values")
    job = collector.span(client.trace_id, "job fibonacci")
    assert (request["parentSpanId"], request["kind"], request["of"]["service.name"]) == (client.span_id, 2, "values")
    assert (job["parentSpanId"], job["kind"], job["of"]["service.name"]) == (request["spanId"], 5, "worker")
    assert attributes(request)["http.response.status_code"] == "200"
    assert attributes(job)["abacus.index"] == str(index)
    parts = [collector.span(client.trace_id, name) for name in ("queued", "calculate", "store")]
    assert {part["parentSpanId"] for part in parts} == {job["spanId"]}
    for part in parts:
        assert int(part["startTimeUnixNano"]) <= int(part["endTimeUnixNano"])
    assert int(parts[1]["endTimeUnixNano"]) - int(parts[1]["startTimeUnixNano"]) == pytest.approx(
        message["duration_us"] * 1000, abs=2000
    )
    assert log_lines("worker", client.trace_id, msg="calculated", index=index)
    assert log_lines("values", client.trace_id, msg="request", route="/values")
    assert log_lines("nginx", client.trace_id, trace_id=client.trace_id)


def test_a_span_is_named_by_its_route_and_has_its_statements_within_it(collector, reader):
    client = Client()
    assert get(f"/users/{reader.id}", token=reader.token, headers=client.headers).status == 200
    request = collector.span(client.trace_id, "GET /users/{id}")
    assert attributes(request)["http.route"] == "/users/{id}"
    statements = eventually(lambda: [span for span in collector.of_trace(client.trace_id) if span["kind"] == 3], 10)
    assert {span["parentSpanId"] for span in statements} == {request["spanId"]}
    assert {attributes(span)["db.system.name"] for span in statements} == {"postgresql"}
    assert reader.id not in {span["name"] for span in collector.of_trace(client.trace_id)}


def test_a_spans_resource_names_the_service_and_its_instance(collector):
    client = Client()
    get("/users/ping", headers=client.headers)
    of = collector.span(client.trace_id, "GET /users/ping")["of"]
    assert (of["service.namespace"], of["service.name"]) == ("abacus", "users")
    assert of["service.instance.id"].startswith("users") and of["service.version"]


# ---- what is believed of a client ----


def test_a_request_without_a_trace_gets_one_that_nginx_and_the_service_log():
    word = f"no-trace-{secrets.token_hex(4)}"
    get("/users/ping", headers={"X-Request-ID": word})
    line = line_of(word)
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    assert log_lines("nginx", word, trace_id=line["trace_id"])


@pytest.mark.parametrize("to", ["nginx", "users"])
def test_a_malformed_traceparent_counts_as_none(collector, to):
    client, word = Client(), f"malformed-{secrets.token_hex(4)}"
    malformed = {"traceparent": client.headers["traceparent"].upper(), "X-Request-ID": word}
    get("/users/ping", to=to, headers=malformed)
    line = line_of(word)
    assert line["trace_id"].lower() != client.trace_id


def test_two_traceparents_count_as_none():
    first, second, word = Client(), Client(), f"twice-{secrets.token_hex(4)}"
    lines = "".join(f"traceparent: {client.headers['traceparent']}\r\n" for client in (first, second))
    request = f"GET /users/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-ID: {word}\r\n{lines}\r\n"
    abacus.exchange(request.encode(), to="users")
    line = line_of(word)
    assert line["trace_id"] not in (first.trace_id, second.trace_id)


def test_a_trace_that_its_client_did_not_sample_is_logged_and_not_recorded(collector):
    client, after = Client("00"), Client()
    get("/users/ping", to="users", headers=client.headers)
    get("/users/ping", to="users", headers=after.headers)
    assert log_lines("users", client.trace_id, trace_id=client.trace_id)
    collector.span(after.trace_id, "GET /users/ping")
    assert collector.of_trace(client.trace_id) == []


# ---- metrics ----


def test_openmetrics_has_the_trace_as_an_exemplar_and_prometheus_text_has_none(collector):
    client = Client()
    get("/users/ping", to="users", headers=client.headers)

    def metrics(accept):
        reply = get("/metrics", port=abacus.ADMIN_PORTS["users"], headers={"Accept": accept})
        return reply.headers["Content-Type"], reply.text

    media_type, text = metrics("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2")
    assert media_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("\n# EOF\n") and "# TYPE http_requests counter\n" in text
    labels = 'method="GET",route="/users/ping",le="[^"]+"'
    exemplar = rf'^http_request_duration_seconds_bucket{{{labels}}} \d+ # {{trace_id="{client.trace_id}"}} \S+ \d+\.\d{{3}}$'
    assert re.search(exemplar, text, re.M)
    for accept in ("*/*", "text/plain"):
        media_type, text = metrics(accept)
        assert media_type == "text/plain; version=0.0.4; charset=utf-8"
        assert "trace_id" not in text and "# EOF" not in text


# ---- the collector ----


def dropped(daemon, reason):
    return daemon.metric("trace_spans_dropped_total", f'reason="{reason}"')


def exporting(url):
    return Daemon("users", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_TRACES_SAMPLER_ARG=1)


def test_every_request_is_exported_at_the_ratio_of_1_even_those_before_the_daemon_ends():
    with Collector() as own, exporting(own.url) as users:
        for _ in range(20):
            users.call("GET", "/users/ping")
        eventually(lambda: users.metric("trace_spans_exported_total") >= 20, 10)
        users.call("GET", "/users/ping")
        assert users.terminate(20) == 0
        assert [span["name"] for span in own.spans].count("GET /users/ping") == 21


def test_without_a_collector_nothing_is_sampled():
    with Daemon("users") as users:
        users.call("GET", "/users/ping", headers=Client().headers)
        accept = {"Accept": "application/openmetrics-text"}
        assert "trace_id=" not in get("/metrics", port=users.admin_port, headers=accept).text
        assert users.metric("trace_spans_dropped_total") == 0


@pytest.mark.parametrize("status", [None, 503])
def test_spans_that_the_collector_does_not_take_are_counted_and_requests_are_answered(status):
    with Collector(status=status or 200) as own:
        url = own.url if status else f"http://127.0.0.1:{abacus.free_port()}"
        with exporting(url) as users:
            for _ in range(5):
                assert users.call("GET", "/users/ping").status == 200
            eventually(lambda: dropped(users, "not accepted") >= 5, 15)
            assert users.metric("trace_spans_exported_total") == 0
            assert "the collector did not take spans" in users.log.read_text()


def test_a_collector_that_hangs_holds_up_no_request_and_the_queue_is_bounded():
    with Collector(hangs=True) as own, exporting(own.url) as users:
        users.call("GET", "/users/ping")
        eventually(lambda: own.requests, 10)
        with Load(KeepAlive(users.port, "GET", "/users/ping"), threads=2) as load:
            load.wait_for(QUEUE_MAX + 100)
        assert load.failed == []
        eventually(lambda: dropped(users, "queue full") > 0 or dropped(users, "not accepted") > QUEUE_MAX // 2, 20)
        start = time.monotonic()
        assert users.terminate(20) == 0
        assert time.monotonic() - start < 5
