"""A healthcheck of our own beside the stack's, with targets that misbehave, and with 200 targets.

The hostile targets answer as a broken, compromised or overloaded host would. The 200 targets are one nginx on 200 loopback
addresses, so that the tests measure healthcheck and not its targets."""

import contextlib
import http.client
import itertools
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from abacus import ADMIN_PORTS, RUN_DIR, Daemon, eventually, get
from harness import free_port

SANITIZED = "SANITIZED" in os.environ  # sanitizers change memory and time
NGINX = "/usr/sbin/nginx"


class Healthcheck(Daemon):
    def __init__(self, targets, interval_s, timeout_ms=400, **variables):
        super().__init__(
            "healthcheck",
            LOG_LEVEL="error",
            DATABASE_URL_FILE=None,
            REDIS_URL_FILE=None,
            HEALTHCHECK_REDIS="false",
            HEALTHCHECK_TARGETS=",".join(f"{name}={url}" for name, url in targets),
            HEALTHCHECK_INTERVAL=interval_s,
            HEALTHCHECK_TIMEOUT_MS=timeout_ms,
            **variables,
        )

    def __exit__(self, *failure):
        super().__exit__(*failure)
        assert self.process.returncode == 0, self.log.read_text()

    def health(self):
        return self.call("GET", "/healthcheck").json["data"]

    def rounds(self):
        return self.metric("healthcheck_rounds_total")

    def resident_mb(self):
        return self.metric("process_resident_memory_bytes") / (1 << 20)


# ---- hostile targets ----

READY = b'{"status":"success","message":"ready"}'
METRICS = b"process_cpu_seconds_total 1\nprocess_resident_memory_bytes 5000000\nprocess_start_time_seconds 1700000000\n"


def whole(body, code=b"200 OK", headers=b""):
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (code, headers, len(body), body)


def good(peer, request):
    peer.sendall(whole(METRICS if b"/metrics" in request else READY))


def garbage(peer, request):
    peer.sendall(os.urandom(5000))


def flood(head):
    def answer(peer, request):
        peer.sendall(head)
        for _ in range(2 << 14):  # 2 GB
            peer.sendall(b"x" * 65536)

    return answer


def drip(peer, request):
    """One byte per second, which is the fault that is tested."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n" + READY:
        peer.sendall(bytes([byte]))
        time.sleep(1)


def silence(peer, request):
    """Longer than any timeout of the test."""
    time.sleep(20)


def hang_up(peer, request):
    pass


def answer_with(reply):
    return lambda peer, request: peer.sendall(reply)


OK = b"HTTP/1.1 200 OK\r\n"
HOSTILE = {
    "garbage": (garbage, "not HTTP"),
    "page": (answer_with(whole(b"<html>Welcome to nginx!</html>")), "did not answer as one of our daemons"),
    "empty": (answer_with(whole(b"")), "did not answer as one of our daemons"),
    "flood": (flood(OK + b"\r\n"), "larger than allowed"),
    "length": (flood(OK + b"Content-Length: 2147483648\r\n\r\n"), "larger than allowed"),
    "chunks": (flood(OK + b"Transfer-Encoding: chunked\r\n\r\n80000000\r\n"), "larger than allowed"),
    "head": (flood(OK + b"X-Long: "), "larger than allowed"),
    "nested": (answer_with(whole(b"[" * 60000)), "did not answer as one of our daemons"),
    "drip": (drip, "took too long"),
    "boaster": (answer_with(whole(METRICS.replace(b"1\n", b"1e300\n"))), "did not answer as one of our daemons"),
    "redirect": (answer_with(whole(b"", b"302 Found", b"Location: http://127.0.0.1:1/\r\n")), "302"),
    "fault": (answer_with(whole(READY, b"500 Internal Server Error")), "500"),
    "silence": (silence, "no answer in time"),
    "hang-up": (hang_up, "closed without an answer"),
}


class Target:
    """A server that answers each connection in a thread of its own."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        with contextlib.suppress(OSError), peer:
            request = peer.recv(4096)
            if request:
                self.answer(peer, request)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def targets(answers):
    standing = {name: Target(answer) for name, answer in answers.items()}
    try:
        yield standing
    finally:
        for target in standing.values():
            target.listener.close()


def by_name(daemon):
    return {one["name"]: one for one in daemon.health()["services"]}


def test_a_hostile_target_is_down_with_a_reason_and_does_not_disturb_others():
    answers = {name: answer for name, (answer, _) in HOSTILE.items()}
    with targets({**answers, "good": good}) as standing:
        urls = [(name, target.url) for name, target in standing.items()]
        urls += [("refused", f"http://127.0.0.1:{free_port()}"), ("nameless", "http://no-such-name.invalid:80")]
        with Healthcheck(urls, interval_s=0.5, timeout_ms=1000) as daemon:
            eventually(lambda: daemon.rounds() >= 8, 60)
            seen = by_name(daemon)
            print({name: one["reason"] for name, one in seen.items()})
            for name, (_, reason) in HOSTILE.items():
                assert seen[name]["status"] == "down", seen[name]
                assert reason in seen[name]["reason"], seen[name]
            assert seen["refused"]["status"] == "down" and seen["refused"]["reason"] == "the connection was refused"
            assert seen["nameless"]["status"] == "down" and seen["nameless"]["reason"]
            assert seen["good"]["status"] == "up" and seen["good"]["memory_bytes"] == 5000000, seen["good"]
            points = get("/healthcheck/history?service=good&minutes=1", port=daemon.port).json["data"]["instances"][0]["points"]
            assert len(points) >= 7 and all(point["status"] == "up" for point in points), points
            resident_mb = daemon.resident_mb()
            print(f"resident {resident_mb:.1f} MB")
            assert SANITIZED or resident_mb < 20


def inventor():
    """More routes than a service has, and each is asked all the time."""
    asked = itertools.count()

    def answer(peer, request):
        if b"/metrics" not in request:
            return good(peer, request)
        count = next(asked)
        routes = "".join(f'http_requests_total{{method="GET",route="/{i}",code="200"}} {count}\n' for i in range(80))
        return peer.sendall(whole(METRICS + routes.encode()))

    return answer


def test_so_many_routes_are_recorded_and_no_more_whatever_targets_invent():
    with (
        targets({name: inventor() for name in ("one", "two", "three")}) as standing,
        Healthcheck([(name, target.url) for name, target in standing.items()], interval_s=0.2) as daemon,
    ):

        def recorded():
            names = [(service, route) for service in standing for route in range(80)]
            query = "/healthcheck/requests/history?method=GET&service={}&route=/{}"
            replies = [get(query.format(*name), port=daemon.port) for name in names]
            return sum(bool(reply.json["data"]["points"]) for reply in replies if reply.status == 200)

        eventually(lambda: recorded() == 128, message="as many as have a place")
        rounds = daemon.rounds()
        eventually(lambda: daemon.rounds() > rounds + 3)
        assert recorded() == 128
        assert SANITIZED or daemon.resident_mb() < 20


def half(path, reply):
    """Valid at one of the two paths, not at the other."""
    return lambda peer, request: peer.sendall(reply) if path in request else good(peer, request)


def test_a_target_with_one_valid_answer_is_degraded_with_a_reason():
    not_ready = whole(b'{"status":"error","message":"Not ready: postgres."}', b"503 Service Unavailable")
    half_valid = {
        "unready": (half(b"/readyz", not_ready), "Not ready: postgres."),
        "speechless": (half(b"/readyz", b""), "closed without an answer"),
        "uncounted": (half(b"/metrics", whole(b"", b"404 Not Found")), "/metrics answered 404"),
    }
    with (
        targets({name: answer for name, (answer, _) in half_valid.items()}) as standing,
        Healthcheck([(name, target.url) for name, target in standing.items()], interval_s=0.2, timeout_ms=3000) as daemon,
    ):
        eventually(lambda: daemon.rounds() >= 3)
        seen = by_name(daemon)
        for name, (_, reason) in half_valid.items():
            assert seen[name]["status"] == "degraded" and reason in seen[name]["reason"], seen[name]
        assert get("/healthcheck?strict=1", port=daemon.port).status == 200  # nothing is down


def test_a_restart_between_two_rounds_is_reported():
    started_s = [1700000000]

    def answer(peer, request):
        peer.sendall(whole(METRICS.replace(b"1700000000", b"%d" % started_s[0]) if b"/metrics" in request else READY))

    with (
        targets({"short": answer}) as standing,
        Healthcheck([("short", standing["short"].url)], interval_s=0.2, timeout_ms=3000) as daemon,
    ):
        eventually(lambda: by_name(daemon)["short"]["status"] == "up")
        assert get("/healthcheck/events", port=daemon.port).json["data"]["events"] == []
        started_s[0] = time.time() + 1
        events = eventually(lambda: get("/healthcheck/events", port=daemon.port).json["data"]["events"])
        assert len(events) == 1
        assert (events[0]["status"], events[0]["was"]) == ("up", "down")
        assert events[0]["reason"] == "restarted between two rounds"


def stub_status(peer, request):
    text = b"Active connections: 1 \nserver accepts handled requests\n 5 5 5 \nReading: 0 Writing: 1 Waiting: 0 \n"
    peer.sendall(whole(text))


def events_of_nginx(daemon):
    return [event["status"] for event in get("/healthcheck/events", port=daemon.port).json["data"]["events"]]


START_ROUNDS = 5  # in which nginx may still be starting


def test_nginx_that_starts_after_healthcheck_is_no_event():
    is_started = [False]

    def nginx(peer, request):
        (stub_status if is_started[0] else hang_up)(peer, request)

    with (
        targets({"good": good, "nginx": nginx}) as standing,
        Healthcheck([("good", standing["good"].url)], interval_s=1, HEALTHCHECK_NGINX_URL=standing["nginx"].url) as daemon,
    ):
        seen = eventually(lambda: "closed" in ((one := daemon.health()["nginx"])["reason"] or "") and one)
        assert seen["status"] == "down"
        is_started[0] = True
        eventually(lambda: daemon.health()["nginx"]["status"] == "up")
        events = events_of_nginx(daemon)
        assert events == [] or daemon.rounds() > START_ROUNDS  # on a machine that is very slow


def test_nginx_that_never_starts_is_an_event():
    with targets({"good": good}) as standing:
        watched = [("good", standing["good"].url)]
        with Healthcheck(watched, interval_s=0.2, HEALTHCHECK_NGINX_URL="http://127.0.0.1:1/") as daemon:
            eventually(lambda: events_of_nginx(daemon) == ["down"])
            assert daemon.rounds() > START_ROUNDS
            assert re.match(r"nginx down for \d+ s$", daemon.health()["summary"])


def test_a_postgres_that_takes_no_writes_is_degraded():
    url = (RUN_DIR / "secrets/healthcheck.url").read_text().strip() + "?options=-c%20default_transaction_read_only%3Don"
    read_only = {"HEALTHCHECK_POSTGRES_FILE": None, "HEALTHCHECK_POSTGRES": url}
    with (
        targets({"good": good}) as standing,
        Healthcheck([("good", standing["good"].url)], interval_s=0.2, **read_only) as daemon,
    ):
        seen = eventually(lambda: (one := daemon.health()["postgres"])["connections"] and one)
        assert (seen["status"], seen["reason"]) == ("degraded", "read-only: it takes no writes")


# ---- many that refuse ----

REFUSING = [("many", f"http://127.9.0.{n + 1}:1") for n in range(250)]  # their replies are large


def test_a_day_of_many_instances_has_points_that_cover_more_time():
    with Healthcheck(REFUSING, interval_s=0.2) as daemon:
        day = daemon.call("GET", "/healthcheck/history?service=many&minutes=1440").json["data"]
    assert len(day["instances"]) == 250
    assert day["interval_s"] == 11 * 240  # 9,000 points of all are 36 of each


# ---- streams ----


def begin_stream(daemon, receive_buffer=None):
    peer = socket.socket()
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.connect(("127.0.0.1", daemon.port))
    peer.sendall(b"GET /status/stream HTTP/1.1\r\nHost: a\r\n\r\n")
    return peer


def is_refused_a_stream(daemon):
    with begin_stream(daemon) as peer:
        return peer.recv(12) == b"HTTP/1.1 503"


def test_streams_are_limited_and_a_client_that_does_not_read_is_dropped():
    with Healthcheck(REFUSING, interval_s=0.05, HEALTHCHECK_STREAMS_PER_CLIENT=1000) as daemon:
        with begin_stream(daemon, receive_buffer=4096):
            eventually(lambda: daemon.metric("healthcheck_streams") == 1)
            eventually(lambda: daemon.metric("healthcheck_streams") == 0, message="the slow client is dropped")
        readers = []
        try:
            for _ in range(100):
                readers.append(begin_stream(daemon))
            eventually(lambda: is_refused_a_stream(daemon))
        finally:
            for reader in readers:
                reader.close()
        eventually(lambda: daemon.metric("healthcheck_streams") == 0)


# ---- many targets ----


@contextlib.contextmanager
def many_targets(count, folder, metrics=METRICS):
    """`count` targets: one nginx that answers as a daemon does, on that many addresses."""
    port = free_port()
    (folder / "metrics").write_bytes(metrics)
    (folder / "readyz").write_bytes(READY)
    hosts = [f"127.1.{n // 250}.{n % 250 + 1}" for n in range(count)]
    listens = "".join(f"listen {host}:{port};" for host in hosts)
    (folder / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {folder}/pid; error_log stderr;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
            uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; server {{ {listens} root {folder}; }}
        }}""")
    nginx = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-e", "stderr"], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: socket.socket().connect_ex((hosts[-1], port)) == 0)
        yield [("many", f"http://{host}:{port}") for host in hosts]
    finally:
        nginx.terminate()
        nginx.wait(timeout=10)


def test_a_round_of_200_instances_takes_under_100_ms_of_cpu_and_20_mb(tmp_path):
    metrics = get("/metrics", port=ADMIN_PORTS["values"]).body
    with many_targets(200, tmp_path, metrics) as urls, Healthcheck(urls, interval_s=0.25, timeout_ms=5000) as daemon:
        eventually(lambda: daemon.health()["summary"] == "All 200 instances up")
        reader = http.client.HTTPConnection("127.0.0.1", daemon.port)
        reader.request("GET", "/status/stream")
        stream = reader.getresponse()
        threading.Thread(target=stream.read, daemon=True).start()
        first, cpu_s = daemon.rounds(), daemon.metric("process_cpu_seconds_total")
        eventually(lambda: daemon.rounds() >= first + (2 if SANITIZED else 12), every_s=0.2)
        rounds, cpu_s = daemon.rounds() - first, daemon.metric("process_cpu_seconds_total") - cpu_s
        print(
            f"{cpu_s / rounds * 1000:.1f} ms of CPU a round of 200 ({len(metrics)} bytes of metrics each), "
            f"{rounds:.0f} rounds, resident {daemon.resident_mb():.1f} MB"
        )
        assert daemon.health()["summary"] == "All 200 instances up"
        reader.close()
        assert SANITIZED or cpu_s / rounds < 0.1
        history_mb = 200 * 2160 * 8 / (1 << 20)  # its pages become resident within an hour; the day's, 3.3 MB, are already
        assert SANITIZED or daemon.resident_mb() + history_mb < 20


# More than the ring of history holds. Under sanitizers fewer: test_history covers the wrap-around of the ring.
ROUNDS = int(os.environ.get("HEALTHCHECK_ROUNDS", "600" if SANITIZED else "2200"))


def test_memory_stays_flat_over_thousands_of_rounds(tmp_path):
    """HEALTHCHECK_ROUNDS sets the number of rounds; there are 250 per second."""
    count = 10
    with many_targets(count, tmp_path) as urls, Healthcheck(urls, interval_s=0.001, timeout_ms=5000) as daemon:
        eventually(lambda: daemon.rounds() >= 200, limit_s=60)
        first_rounds, first_mb = daemon.rounds(), daemon.resident_mb()
        eventually(lambda: daemon.rounds() >= ROUNDS, limit_s=60 + ROUNDS / 50, every_s=0.1)
        last_mb, answers = daemon.resident_mb(), daemon.metric("healthcheck_answers_total")
        history_mb = count * min(ROUNDS - first_rounds, 1800) * 8 / (1 << 20)
        print(f"{daemon.rounds():.0f} rounds, {answers:.0f} answers: resident {first_mb:.2f} MB, then {last_mb:.2f} MB")
        assert daemon.health()["summary"] == f"All {count} instances up"
        assert SANITIZED or last_mb - first_mb - history_mb < 0.3


# ---- configuration ----


def check(**environment):
    done = subprocess.run([RUN_DIR / "bin/healthcheck", "--check"], env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "targets",
    [
        "users",
        "users=",
        "users=https://a:1",
        "users=http://a:1/path",
        "Users=http://a:1",
        "=http://a:1",
        "users=http://a:1,",
        "a=http://a:1,,b=http://b:1",
    ],
)
def test_invalid_targets_are_refused_at_start(targets):
    code, problem = check(HEALTHCHECK_TARGETS=targets)
    assert code == 78 and "HEALTHCHECK_TARGETS: " in problem


def test_every_invalid_option_is_named():
    code, problem = check(HEALTHCHECK_INTERVAL="never", HEALTHCHECK_NGINX_URL="here", HEALTHCHECK_POSTGRES="there")
    assert code == 78
    for name in ["HEALTHCHECK_TARGETS", "HEALTHCHECK_INTERVAL", "HEALTHCHECK_NGINX_URL", "HEALTHCHECK_POSTGRES"]:
        assert f"healthcheck: {name}: " in problem


def test_several_targets_of_one_name_and_spaces_are_accepted():
    assert check(HEALTHCHECK_TARGETS="a=http://a:1, a=http://b:2,b-c=http://[::1]:3", HEALTHCHECK_INTERVAL="0.5") == (0, "")
