"""healthcheck on the running stack: its answer, what a killed instance looks like, the stream, the page."""

import contextlib
import http.client
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from abacus import ADMIN_PORTS, INSTANCES, PORT, PORTS, SECOND_INSTANCE, call, eventually, get, start, stop
from harness import elsewhere

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SERVICES = ["users", "values", "worker", "mailer", "healthcheck"]
SEEN_S = 6 if os.environ.get("SANITIZED") else 3  # sanitizers make every daemon slower


def health(**options):
    reply = get("/api/healthcheck", **options)
    assert reply.status == 200, reply
    return reply.json["data"]


def of(name, data=None):
    """The instance of that name, such as users-1."""
    return next(one for one in (data or health())["services"] if one["instance"] == name)


def all_up():
    return health()["summary"] == f"All {len(SERVICES) * INSTANCES} instances up"


@pytest.fixture(autouse=True)
def everything_is_up():
    eventually(all_up, message="everything is up")


def test_every_instance_of_every_service_is_reported_with_all_fields():
    services = health()["services"]
    assert [one["instance"] for one in services] == [f"{name}-{n + 1}" for name in SERVICES for n in range(INSTANCES)]
    for one in services:
        name, number = one["instance"].rsplit("-", 1)
        assert one["name"] == name
        assert one["address"] == f"127.0.0.1:{ADMIN_PORTS[name] + (SECOND_INSTANCE if number == '2' else 0)}"
        assert one["status"] == "up" and one["reason"] is None and one["down_since"] is None
        assert one["memory_bytes"] > 1_000_000 and one["uptime_s"] >= 0 and 0 < one["response_ms"] < 2000
        assert one["version"] == "0.1.0" and TIME.fullmatch(one["last_seen"])
    eventually(lambda: all(one["cpu_percent"] is not None and one["cpu_percent"] >= 0 for one in health()["services"]))


def test_the_queue_postgres_redis_and_nginx_are_reported():
    def known():
        data = health()
        return data if data["nginx"]["requests_per_s"] is not None and data["queue"]["per_s"] is not None else None

    data = eventually(known)
    assert set(data) == {"summary", "detail", "notice", "services", "queue", "mail", "postgres", "redis", "nginx", "updated_at"}
    assert data["queue"]["depth"] >= 0 and data["queue"]["oldest_s"] >= 0 and data["queue"]["dead"] >= 0
    assert data["postgres"]["status"] == "up" and data["postgres"]["role"] == "primary"
    assert 3 <= data["postgres"]["connections"] < data["postgres"]["connections_max"] == 100
    assert data["redis"]["status"] == "up" and data["redis"]["role"] == "primary" and data["redis"]["evicted"] == 0
    assert data["redis"]["memory_bytes"] > 100_000 and data["redis"]["clients"] > 3
    assert data["redis"]["memory_max_bytes"] in (None, 160 << 20)  # a container's Redis has a limit
    assert data["nginx"]["status"] == "up" and data["nginx"]["active"] >= 1
    assert TIME.fullmatch(data["updated_at"])


def test_it_answers_with_and_without_the_api_prefix_and_on_its_own_port():
    for path in ["/healthcheck", "/api/healthcheck"]:
        reply = get(path, to="healthcheck")
        assert reply.status == 200 and reply.json["status"] == "success"
        assert reply.headers["Content-Type"] == "application/json"


def test_without_a_dependency_its_services_are_degraded_and_strict_is_503():
    stop("redis")
    try:
        eventually(lambda: get("/api/healthcheck?strict=1").status == 503, limit_s=6)

        def seen():  # a round may have asked Redis before it stopped, and values after
            data = health()
            is_over = (of("values-1", data)["status"], data["redis"]["status"], data["queue"]["depth"]) == (
                "degraded",
                "down",
                None,
            )
            return data if is_over else None

        data = eventually(seen, limit_s=6)
        assert data["redis"]["reason"] and data["redis"]["memory_bytes"] is None
        assert "Redis down for " in data["summary"]
        assert "redis" in of("values-1", data)["reason"]
        assert get("/api/healthcheck").status == 200
    finally:
        start("redis")
    eventually(lambda: get("/api/healthcheck?strict=1").status == 200)


def test_a_stopped_instance_is_down_within_3_s_with_an_event_and_recovers():
    stop("worker")
    stopped = time.monotonic()
    try:
        data = eventually(lambda: (d := health()) and of("worker-1", d)["status"] == "down" and d, limit_s=SEEN_S)
        if of("worker-1", data)["last_seen"] == data["updated_at"]:  # the round that saw it down is not over
            data = eventually(lambda: (d := health()) and d["updated_at"] != data["updated_at"] and d)
        seen_s = time.monotonic() - stopped
        one = of("worker-1", data)
        assert one["reason"] == "the connection was refused" and TIME.fullmatch(one["down_since"])
        assert one["cpu_percent"] is None and one["memory_bytes"] is None and one["last_seen"] < data["updated_at"]
        assert re.match(rf"worker: 1 of {INSTANCES} down for \d s", data["summary"])
        event = get("/api/healthcheck/events").json["data"]["events"][0]
        assert event["service"] == "worker" and event["instance"] == "worker-1"
        assert (event["status"], event["was"], event["lasted_s"]) == ("down", "up", None)
        assert event["reason"] == one["reason"] and TIME.fullmatch(event["at"])
    finally:
        start("worker")
    eventually(all_up)
    up, down = get("/api/healthcheck/events").json["data"]["events"][:2]
    assert (up["instance"], up["status"], up["was"], up["lasted_s"]) == ("worker-1", "up", "down", None)
    assert down["at"] == event["at"] and 0 < down["lasted_s"] < 30
    print(f"seen after {seen_s:.2f} s, away for {down['lasted_s']:.1f} s")


def test_history_has_a_point_for_each_round_and_shows_what_was_down():
    reply = get("/api/healthcheck/history?service=worker&minutes=5").json
    assert reply["status"] == "success"
    data = reply["data"]
    assert (data["service"], data["minutes"], data["interval_s"]) == ("worker", 5, 2)
    assert [one["instance"] for one in data["instances"]] == [f"worker-{n + 1}" for n in range(INSTANCES)]
    points = data["instances"][0]["points"]
    assert 0 < len(points) <= 450
    assert [point["at"] for point in points] == sorted(point["at"] for point in points)
    for point in points:
        assert set(point) == {"at", "status", "cpu_percent", "memory_bytes", "response_ms"}
        assert TIME.fullmatch(point["at"]) and point["status"] in ("up", "degraded", "down")
        assert (point["memory_bytes"] is None) == (point["status"] == "down")
    assert points[-1]["memory_bytes"] > 1_000_000 and points[-1]["response_ms"] > 0


def test_an_hour_of_history_is_thinned_to_at_most_450_points():
    data = get("/api/healthcheck/history?service=users&minutes=60").json["data"]
    assert data["interval_s"] == 10
    assert all(len(one["points"]) <= 450 for one in data["instances"])


def test_a_day_of_history_has_a_point_for_each_four_minutes():
    data = get("/api/healthcheck/history?service=users&minutes=1440").json["data"]
    assert (data["minutes"], data["interval_s"]) == (1440, 240)
    for one in data["instances"]:
        assert 1 <= len(one["points"]) <= 360
        assert one["points"][-1]["memory_bytes"] > 1_000_000
        assert all(point["at"].endswith(":00.000Z") for point in one["points"])


@pytest.mark.parametrize(
    "query", ["", "?minutes=5", "?service=users&minutes=0", "?service=users&minutes=1441", "?service=users&minutes=x"]
)
def test_invalid_history_parameters_are_400(query):
    reply = get(f"/api/healthcheck/history{query}")
    assert reply.status == 400 and reply.json["code"] == "invalid_payload" and reply.json["errors"]


def test_history_of_an_unknown_service_is_404():
    assert get("/api/healthcheck/history?service=nobody").status == 404


def test_the_queue_and_what_waits_behind_it_are_reported_over_time():
    def known():
        data = get("/api/healthcheck/queue/history?minutes=5").json["data"]
        return data if data["points"] and None not in data["points"][-1].values() else None

    data = eventually(known, 15, message="values has counted what is pending")
    assert (data["minutes"], data["interval_s"]) == (5, 2)
    assert [point["at"] for point in data["points"]] == sorted(point["at"] for point in data["points"])
    for point in data["points"]:
        assert set(point) == {"at", "depth", "backlog", "per_s", "oldest_s"} and TIME.fullmatch(point["at"])
        assert all(point[name] is None or point[name] >= 0 for name in ("depth", "backlog", "per_s", "oldest_s"))
    assert health()["queue"]["backlog"] >= 0
    day = get("/api/healthcheck/queue/history?minutes=1440").json["data"]
    assert day["interval_s"] == 240 and 1 <= len(day["points"]) <= 360


def test_the_rate_and_times_of_a_route_are_reported_over_time():
    path = "/api/healthcheck/requests/history?service=users&method=GET&route=/users/ping&minutes="

    def known():
        reply = get(path + "5")
        return reply.status == 200 and [one for one in reply.json["data"]["points"] if one["p99_ms"] is not None]

    assert get("/users/ping").status == 200
    points = eventually(known, 10, message="a round has recorded the route")
    for point in points:
        assert set(point) == {"at", "per_s", "errors_per_s", "p50_ms", "p99_ms"}
        assert point["per_s"] > 0 and 0 < point["p50_ms"] <= point["p99_ms"]
    assert get(path + "1440").json["data"]["interval_s"] == 240


@pytest.mark.parametrize(
    "query",
    [
        "service=nobody&method=GET&route=/users/ping",
        "service=users&method=GET&route=/nowhere",
        "service=users&method=PUT&route=/users/ping",
    ],
)
def test_the_history_of_a_route_that_is_not_there_is_404(query):
    reply = get(f"/api/healthcheck/requests/history?{query}")
    assert (reply.status, reply.json["message"]) == (404, "No such route was asked within a day.")


@pytest.mark.parametrize("path", ["queue/history?minutes=0", "requests/history?service=users", "requests/history?minutes=x"])
def test_invalid_parameters_of_histories_are_400(path):
    reply = get(f"/api/healthcheck/{path}")
    assert reply.status == 400 and reply.json["code"] == "invalid_payload" and reply.json["errors"]


def test_only_get_is_allowed():
    reply = call("POST", "/api/healthcheck", {})
    assert reply.status == 405 and reply.headers["Allow"] == "GET, HEAD"


def test_the_requests_of_each_route_are_counted_and_timed():
    def route_of_users():
        services = get("/api/healthcheck/requests").json["data"]["services"]
        routes = [route for one in services if one["service"] == "users" for route in one["routes"]]
        ping = (route for route in routes if (route["method"], route["route"]) == ("GET", "/users/ping"))
        return next((route for route in ping if route["per_s"] > 0.05), None)

    for _ in range(20):
        assert get("/users/ping").status == 200
    route = eventually(route_of_users, limit_s=6)
    assert set(route) == {"method", "route", "per_s", "errors_per_s", "p50_ms", "p99_ms"}
    assert route["errors_per_s"] == 0 and 0 < route["p50_ms"] <= route["p99_ms"] <= 10_000


def test_mail_is_reported():
    mail = eventually(lambda: health()["mail"])
    assert set(mail) == {"waiting", "oldest_s", "sent", "failed", "sms_sent", "sms_failed"}
    assert all(number is not None and number >= 0 for number in mail.values())


# ---- the stream ----


@contextlib.contextmanager
def stream(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/status/stream")
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def messages(response):
    """The events of a stream, as (name, data)."""
    lines = []
    while True:
        line = response.readline().decode().rstrip("\n")
        if line:
            lines.append(line)
            continue
        fields = dict(one.split(": ", 1) for one in lines if not one.startswith(":"))
        if "data" in fields:
            yield fields.get("event"), json.loads(fields["data"])
        lines = []


def test_the_stream_sends_the_healthcheck_at_once_and_each_round():
    def listen(to):
        with stream(PORTS[to]) as response:
            begun = time.monotonic()
            assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
            following = messages(response)
            name, first = next(following)
            assert time.monotonic() - begun < 1
            assert name == "health" and set(first) == {"status", "data"}
            assert (
                set(first["data"]) == set(health())
                and first["data"]["summary"] == f"All {len(SERVICES) * INSTANCES} instances up"
            )
            times = [first["data"]["updated_at"]] + [next(following)[1]["data"]["updated_at"] for _ in range(2)]
            assert times[0] <= times[1] < times[2]
            assert 1 < time.monotonic() - begun < 8  # rounds begin 2 s apart, and one may take longer than the next

    with ThreadPoolExecutor() as both:
        list(both.map(listen, ["nginx", "healthcheck"]))


def test_the_stream_reports_a_killed_instance_within_3_s_and_its_recovery():
    with stream(PORT) as response:
        following = messages(response)
        next(following)
        stop("users")
        stopped = time.monotonic()
        try:
            data = next(m["data"] for _, m in following if of("users-1", m["data"])["status"] == "down")
            seen_s = time.monotonic() - stopped
            assert seen_s < SEEN_S
            assert f"users: 1 of {INSTANCES} down" in data["summary"]
        finally:
            start("users")
        next(m for _, m in following if of("users-1", m["data"])["status"] == "up")
        print(f"seen after {seen_s:.2f} s")


def test_a_stopping_healthcheck_ends_its_streams_cleanly_and_restarts():
    with stream(PORTS["healthcheck"]) as response:
        next(messages(response))
        stop("healthcheck")
        start("healthcheck")
        response.read()  # raises if the connection is reset


@pytest.mark.skipif(INSTANCES < 2, reason=elsewhere("needs two instances of healthcheck"))
def test_one_healthcheck_answers_while_the_other_is_stopped():
    stop("healthcheck")
    try:
        assert health()["services"]
        eventually(lambda: of("healthcheck-1")["status"] == "down", limit_s=4)
    finally:
        start("healthcheck")


# ---- the page ----


@pytest.mark.parametrize("to", ["nginx", "healthcheck"])
@pytest.mark.parametrize(
    "path, content_type",
    [
        ("/status/", "text/html; charset=utf-8"),
        ("/status/app.js", "text/javascript; charset=utf-8"),
        ("/status/style.css", "text/css; charset=utf-8"),
        ("/status/tokens.css", "text/css; charset=utf-8"),
        ("/status/theme.js", "text/javascript; charset=utf-8"),
        ("/status/inter.woff2", "font/woff2"),
        ("/status/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_has_a_strict_content_security_policy_and_is_revalidated(to, path, content_type):
    reply = get(path, to=to)
    assert reply.status == 200 and reply.headers["Content-Type"] == content_type and reply.body
    policy = reply.headers.get_all("Content-Security-Policy")[0]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';") and "unsafe" not in policy
    again = get(path, to=to, headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status == 304 and again.body == b""
    assert get(path, to=to, headers={"If-None-Match": '"other"'}).status == 200


def test_the_path_without_its_slash_redirects_at_the_service_and_is_the_clients_behind_nginx():
    assert get("/status").headers["Content-Type"] == "text/html"
    reply = get("/status", to="healthcheck")
    assert reply.status == 308 and reply.headers["Location"].endswith("/status/")


def test_the_status_of_nginx_is_not_served_to_the_outside():
    assert "Active connections" not in get("/nginx_status").text
