"""Who may see and change what at healthcheck: readers without a token, users and admins, on each of its ports."""

import contextlib
import http.client
import http.server
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_every_route import DEAD_TOKENS

from abacus import ADMIN_PORTS, PORTS, Daemon, call, eventually, get
from harness import free_port

READS = [
    "/healthcheck/events",
    "/healthcheck/requests",
    "/healthcheck/history?service=users",
    "/healthcheck/queue/history",
    "/healthcheck/requests/history?service=users&method=GET&route=/users/ping",
]
INTERNALS = ["address", "reason", "version", "cpu_percent", "memory_bytes", "uptime_s", "response_ms"]


class Healthcheck(Daemon):
    """It watches the stack's users, and an address at which nothing listens."""

    def __init__(self, **variables):
        super().__init__(
            "healthcheck",
            **{
                "DATABASE_URL_FILE": None,
                "HEALTHCHECK_TARGETS": f"users=http://127.0.0.1:{ADMIN_PORTS['users']},absent=http://127.0.0.1:1",
                "HEALTHCHECK_INTERVAL": 0.2,
                "USERS_URL": f"http://127.0.0.1:{PORTS['users']}",
                **variables,
            },
        )

    def health(self, **options):
        reply = self.call("GET", "/healthcheck", **options)
        assert reply.status == 200, reply
        return reply.json["data"]

    def __enter__(self):
        super().__enter__()
        eventually(lambda: {one["status"] for one in self.health()["services"]} == {"up", "down"}, message="a round is over")
        return self


@pytest.fixture(scope="module")
def summary():
    with Healthcheck(STATUS_PUBLIC="summary") as daemon:
        yield daemon


@contextlib.contextmanager
def stream(port, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/status/stream", headers=headers)
    with contextlib.closing(connection), connection.getresponse() as response:
        yield response


def first_message(response):
    return next(line for line in iter(response.readline, b"") if line.startswith(b"data: ")).decode()


# ---- reading ----


def test_a_stranger_sees_what_is_up_and_no_address_version_reason_or_figure(summary):
    data = summary.health()
    assert data["detail"] == "summary" and "absent: 1 of 1 down" in data["summary"]
    assert {one["instance"]: one["status"] for one in data["services"]} == {"users-1": "up", "absent-1": "down"}
    assert all(one[name] is None for one in data["services"] for name in INTERNALS)
    assert data["redis"]["status"] == "up" and {data["redis"][name] for name in data["redis"]} == {"up", None}


def test_a_user_who_is_no_admin_sees_what_a_stranger_sees(summary, reader):
    assert summary.health(token=reader.token)["detail"] == "summary"


def test_an_admin_sees_all(summary, admin):
    data = summary.health(token=admin)
    assert data["detail"] == "full"
    down = next(one for one in data["services"] if one["status"] == "down")
    assert down["address"] == "127.0.0.1:1" and down["reason"] == "the connection was refused"
    assert next(one for one in data["services"] if one["status"] == "up")["version"]
    assert data["redis"]["memory_bytes"] > 0


@pytest.mark.parametrize("path", READS)
def test_events_and_history_are_for_admins_where_the_public_sees_a_summary(summary, admin, reader, path):
    refused = summary.call("GET", path)
    assert (refused.status, refused.json["code"]) == (403, "token_missing")
    refused = summary.call("GET", path, token=reader.token)
    assert (refused.status, refused.json["code"]) == (401, "not_permitted")
    assert summary.call("GET", path, token=admin).status in (200, 404)  # 404: of that route nothing was recorded yet


@pytest.mark.parametrize("path", ["/healthcheck", "/status/stream", *READS])
def test_a_token_that_users_refuses_does_not_pass_as_none(summary, person, path):
    call("POST", "/auth/logout", token=person.token)
    for token in (person.token, "no-token"):
        refused = summary.call("GET", path, token=token)
        assert (refused.status, refused.json["code"]) == (401, "token_invalid"), refused


def test_the_stream_shows_a_stranger_a_summary_and_an_admin_all(summary, admin):
    with stream(summary.port) as for_all, stream(summary.port, Authorization=f"Bearer {admin}") as for_admins:
        shown, all_shown = first_message(for_all), first_message(for_admins)
        assert '"detail":"summary"' in shown and "127.0.0.1:1" not in shown and "refused" not in shown
        assert '"detail":"full"' in all_shown and "127.0.0.1:1" in all_shown


def test_while_users_can_not_be_asked_no_request_is_an_admins(admin):
    with Healthcheck(STATUS_PUBLIC="summary", USERS_URL="http://127.0.0.1:1") as daemon:
        for path in ("/healthcheck", *READS):
            assert daemon.call("GET", path, token=admin).status == 503
        assert daemon.health()["detail"] == "summary"


@pytest.mark.parametrize(
    "environment, detail",
    [("development", "full"), ("testing", "full"), ("staging", "summary"), ("production", "summary")],
)
def test_development_and_testing_show_all_by_default_and_other_environments_a_summary(environment, detail):
    with Healthcheck(APP_ENV=environment, STATUS_PUBLIC=None, DASHBOARD_PORT=0) as daemon:
        assert daemon.health()["detail"] == detail


# ---- the private port ----


def test_the_private_port_shows_all_without_a_token_and_leads_to_the_page():
    port = free_port()
    with Healthcheck(STATUS_PUBLIC="summary", DASHBOARD_PORT=port):
        assert get("/healthcheck", port=port).json["data"]["detail"] == "full"
        assert get("/healthcheck/events", port=port).status == 200
        first = get("/", port=port)
        assert (first.status, first.headers["Location"]) == (308, "/status/")
        assert get("/status/", port=port).headers["Content-Type"] == "text/html; charset=utf-8"
        with stream(port) as response:
            assert '"detail":"full"' in first_message(response)


def test_a_site_whose_name_leads_to_the_private_port_reads_what_a_stranger_reads():
    port = free_port()
    rebound = {"Host": f"attacker.example:{port}"}
    with Healthcheck(STATUS_PUBLIC="summary", DASHBOARD_PORT=port):
        assert get("/healthcheck", port=port, headers=rebound).json["data"]["detail"] == "summary"
        assert get("/healthcheck/events", port=port, headers=rebound).status == 403
        with stream(port, **rebound) as response:
            assert '"detail":"summary"' in first_message(response)


def test_the_private_port_changes_nothing_without_the_token_of_an_admin():
    port = free_port()
    with Healthcheck(DASHBOARD_PORT=port):
        assert call("PUT", "/healthcheck/notice", {"text": "x"}, port=port).status == 403


def test_a_private_port_that_is_taken_is_logged_and_the_public_one_answers():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Healthcheck(DASHBOARD_PORT=port) as daemon:
            assert daemon.health()
            assert "DASHBOARD_PORT is taken" in daemon.log.read_text()


@pytest.mark.parametrize(
    "variable, value, problem",
    [
        ("STATUS_PUBLIC", "all", "must be summary or full"),
        ("DASHBOARD_PORT", "65536", "must be a whole number from 0 to 65535"),
        ("DASHBOARD_PORT", "x", "must be a whole number from 0 to 65535"),
        ("USERS_URL", "http://users:5001/path", "is not http://host:port"),
    ],
)
def test_a_wrong_option_is_refused_at_the_start(variable, value, problem):
    done = Healthcheck(**{variable: value}).run("--check")
    assert done.returncode == 78 and f"{variable}: {problem}" in done.stderr


# ---- the places of the stream ----


def test_one_client_does_not_take_all_places_of_the_stream():
    with Healthcheck(HEALTHCHECK_STREAMS_PER_CLIENT=2) as daemon, contextlib.ExitStack() as open_streams:
        for _ in range(2):
            open_streams.enter_context(stream(daemon.port, **{"X-Forwarded-For": "2001:db8::1"}))
        with stream(daemon.port, **{"X-Forwarded-For": "2001:db8::2"}) as refused:  # of the same /64
            assert refused.status == 429 and b"too_many_streams" in refused.read()
        with stream(daemon.port, **{"X-Forwarded-For": "2001:db8:0:1::1"}) as other:
            assert other.status == 200


def test_a_place_is_free_again_after_its_reader_has_gone():
    with Healthcheck(HEALTHCHECK_STREAMS_PER_CLIENT=1) as daemon:
        with stream(daemon.port) as first:
            first_message(first)

        def has_place():
            with stream(daemon.port) as next_one:
                return next_one.status == 200

        eventually(has_place)


def place(daemon_port, address, **headers):
    return stream(daemon_port, **{"X-Forwarded-For": address, **headers})


def test_the_public_does_not_take_the_places_of_operators_nor_they_those_of_the_public(admin):
    port, as_admin = free_port(), {"Authorization": f"Bearer {admin}"}
    with Healthcheck(STATUS_PUBLIC="summary", DASHBOARD_PORT=port, HEALTHCHECK_STREAMS_MAX=1) as daemon:
        with place(daemon.port, "203.0.113.1") as first, place(daemon.port, "203.0.113.2") as second:
            assert (first.status, second.status) == (200, 503)
            with place(daemon.port, "203.0.113.3", **as_admin) as operator, stream(port) as another:
                assert (operator.status, another.status) == (200, 503)
        with stream(port) as operator, place(daemon.port, "203.0.113.1") as reader:
            assert (operator.status, reader.status) == (200, 200)


# ---- questions about tokens ----


@contextlib.contextmanager
def users_that_answers_admins_alone():
    """About any other token it never answers."""
    answer = json.dumps({"status": "success", "data": {"id": 1, "username": "root", "admin": True}}).encode()
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers["Authorization"])
            if self.headers["Authorization"] != "Bearer admin":
                return over.wait(20)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            return self.wfile.write(answer)

        def log_message(self, *_):
            pass

    class Users(http.server.ThreadingHTTPServer):
        request_queue_size = 128

    over = threading.Event()
    with Users(("127.0.0.1", 0), Handler) as users:
        threading.Thread(target=users.serve_forever, daemon=True).start()
        yield users.server_port, asked
        over.set()
        users.shutdown()


def test_strangers_whose_tokens_are_asked_about_do_not_keep_an_admin_from_the_page():
    def ask(address, token):
        return daemon.call("GET", "/healthcheck", headers={"X-Forwarded-For": address, "Authorization": f"Bearer {token}"})

    with (
        users_that_answers_admins_alone() as (port, asked),
        Healthcheck(STATUS_PUBLIC="summary", USERS_URL=f"http://127.0.0.1:{port}") as daemon,
        ThreadPoolExecutor(100) as strangers,
    ):

        def keeps_out(addresses, places, refused, admitted):
            """Whether questions from these addresses get so many places, and keep an admin out who asks from the refused one,
            which is new. They end after 2 s, so on a busy machine they may be over too soon."""
            begun = asked.count("Bearer stranger")
            taken = lambda: asked.count("Bearer stranger") - begun  # noqa: E731
            replies = [strangers.submit(ask, address, "stranger") for address in addresses]
            eventually(lambda: taken() >= places, message="the strangers have their places")
            found = ask(refused, "admin").status
            assert ask(admitted, "admin").json["data"]["detail"] == "full"
            assert {reply.result().status for reply in replies} == {503}
            return found == 503 and taken() == places

        assert ask("203.0.113.1", "admin").json["data"]["detail"] == "full"
        ones = (f"198.51.100.{number}" for number in range(100))
        eventually(lambda: keeps_out([one := next(ones)] * 12, 8, one, next(ones)), message="one client has eight places")
        many = [f"198.51.101.{number}" for number in range(80)]
        eventually(lambda: keeps_out(many, 64, next(ones), "203.0.113.1"), message="strangers have all places")


# ---- what admins change ----

CHANGES = [
    ("PUT", "/api/healthcheck/events/1/acknowledgement", {"note": "seen"}),
    ("PUT", "/api/healthcheck/notice", {"text": "Maintenance at 22:00."}),
    ("DELETE", "/api/healthcheck/notice", None),
]


@pytest.mark.parametrize("method, path, body", CHANGES)
def test_only_an_admin_changes_something(reader, method, path, body):
    refused = call(method, path, body)
    assert (refused.status, refused.json["code"]) == (403, "token_missing")
    refused = call(method, path, body, token=reader.token)
    assert (refused.status, refused.json["code"]) == (401, "not_permitted")


def test_a_notice_is_shown_to_all_readers_and_only_admins_see_who_set_it(summary, admin):
    assert summary.call("PUT", "/healthcheck/notice", {"text": "Maintenance at 22:00 ☂"}, token=admin).status == 200
    shown = summary.health()["notice"]
    assert shown["text"] == "Maintenance at 22:00 ☂" and shown["by"] is None and shown["since"]
    assert summary.health(token=admin)["notice"]["by"]
    assert summary.call("DELETE", "/healthcheck/notice", token=admin).status == 200
    assert summary.health()["notice"] is None


def test_a_notice_behind_nginx_is_set_and_removed(admin):
    reply = call("PUT", "/api/healthcheck/notice", {"text": "Maintenance"}, token=admin)
    assert reply.json["message"] == "The notice is shown."
    assert get("/api/healthcheck").json["data"]["notice"]["text"] == "Maintenance"
    assert call("DELETE", "/api/healthcheck/notice", token=admin).json["message"] == "The notice is removed."


@pytest.mark.parametrize("body", [{}, {"text": 1}, {"text": ""}, {"text": "ä" * 281}])
def test_a_notice_has_1_to_280_characters(admin, body):
    refused = call("PUT", "/api/healthcheck/notice", body, token=admin)
    assert refused.status == 400 and refused.json["errors"][0]["field"] == "text"


@pytest.mark.parametrize("make, refusal", DEAD_TOKENS.values(), ids=DEAD_TOKENS)
def test_each_call_refuses_a_dead_token(summary, person, admin, make, refusal):
    token = make(person, admin)
    for method, path, body in [("GET", "/healthcheck", None), *(("GET", path, None) for path in READS), *CHANGES]:
        reply = summary.call(method, path, body, token=token)
        assert (reply.status, reply.json) == (401, refusal), (method, path)


@pytest.mark.parametrize(
    "content_type, status, code",
    [("text/plain", 415, "unsupported_media_type"), ("application/json", 400, "malformed_json")],
)
def test_a_change_must_be_json(admin, content_type, status, code):
    for method, path, _ in CHANGES[:2]:
        refused = call(method, path, '{"note":', token=admin, headers={"Content-Type": content_type})
        assert (refused.status, refused.json["code"]) == (status, code)


def test_an_admin_acknowledges_an_event_with_a_note(summary, admin):
    event = summary.call("GET", "/healthcheck/events", token=admin).json["data"]["events"][0]
    assert (event["instance"], event["status"], event["acknowledged_at"], event["note"]) == ("absent-1", "down", None, None)
    path = f"/healthcheck/events/{event['id']}/acknowledgement"
    reply = summary.call("PUT", path, {"note": "It was never there."}, token=admin)
    assert reply.status == 200 and reply.json["data"]["note"] == "It was never there."
    shown = summary.call("GET", "/healthcheck/events", token=admin).json["data"]["events"][0]
    assert shown["acknowledged_at"] and shown["acknowledged_by"] and shown["note"] == "It was never there."
    assert summary.call("PUT", path, {"note": "a" * 281}, token=admin).status == 400


@pytest.mark.parametrize("number", ["1", "x", "99999999999999999999"])
def test_an_event_that_is_not_there_is_404(admin, number):
    reply = call("PUT", f"/api/healthcheck/events/{number}/acknowledgement", {"note": ""}, token=admin)
    assert (reply.status, reply.json["code"]) == (404, "not_found")


def test_what_admins_noted_is_forgotten_by_a_restart(admin):
    first = Healthcheck(STATUS_PUBLIC="summary")
    with first:
        assert first.call("PUT", "/healthcheck/notice", {"text": "Maintenance"}, token=admin).status == 200
    with first:
        assert first.health()["notice"] is None
