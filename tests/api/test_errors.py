"""Errors that do not belong to one resource: the whole body, through nginx and straight from the services."""

import pytest

import abacus
from abacus import call, fail, get, post

SERVICES = ["nginx", "users", "values"]


@pytest.mark.parametrize("to", SERVICES)
def test_an_unknown_path_is_404(to):
    path = {"nginx": "/api/values/no/such/path", "users": "/no/such/path", "values": "/no/such/path"}[to]
    reply = get(path, to=to)
    assert (reply.status, reply.json) == (404, fail("not_found", "Not found."))
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path, methods", [("/users/ping", {"GET", "HEAD"}), ("/auth/login", {"POST"}), ("/api/values/all", {"GET", "HEAD"})]
)
def test_a_wrong_method_is_405_with_allow(path, methods):
    reply = call("PATCH", path)
    assert (reply.status, reply.json) == (405, fail("method_not_allowed", "Method not allowed."))
    assert {method.strip() for method in reply.headers["Allow"].split(",")} >= methods


@pytest.mark.parametrize("to", SERVICES)
def test_a_body_that_is_too_large_is_413(to):
    path = "/values" if to == "values" else "/auth/register"
    reply = post(path, '{"a":"' + "x" * 140_000 + '"}', to=to, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json) == (413, fail("body_too_large", "The body is too large."))


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login", "/auth", "/users", "/auth/password", "/api/values"])
def test_bodies_other_than_json_are_refused_alike(admin, path):
    def send(body, media_type):
        return call(
            "PUT" if path == "/auth/password" else "POST", path, body, token=admin, headers={"Content-Type": media_type}
        )

    reply = send('{"a":', "application/json")
    assert (reply.status, reply.json) == (400, fail("malformed_json", "Invalid payload."))
    reply = send("a=b", "text/plain")
    assert (reply.status, reply.json) == (415, fail("unsupported_media_type", "The body must be application/json."))
    assert send("[" * 100_000, "application/json").json == fail("malformed_json", "Invalid payload.")


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login"])
@pytest.mark.parametrize("password", [b"password-1\\uZZZZ", b"password-1\\u12G4", b"password-1\\u0000", b"\x80" * 10])
def test_a_password_that_is_no_json_string_is_malformed_json(path, password):
    body = b'{"username":"nobody","email":"nobody@example.com","password":"' + password + b'"}'
    reply = post(path, body, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json) == (400, fail("malformed_json", "Invalid payload."))


def test_the_clients_files_refuse_every_writing_method():
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        reply = call(method, "/")
        assert (reply.status, reply.json) == (405, fail("method_not_allowed", "Method not allowed."))
        assert reply.headers["Allow"] == "GET, HEAD"


def test_head_is_answered_like_get_without_the_body():
    reply = call("HEAD", "/users/ping")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["Content-Length"]) == len(get("/users/ping").body)


@pytest.mark.parametrize("to", SERVICES)
def test_a_request_id_is_returned(to):
    path = "/api/values/all" if to == "values" else "/users/ping"
    assert get(path, to=to, headers={"X-Request-ID": "my-id.1_2"}).headers["X-Request-ID"] == "my-id.1_2"
    made = get(path, to=to, headers={"X-Request-ID": "not\tsane {}"}).headers["X-Request-ID"]
    assert made and "not" not in made


def test_every_answer_has_security_headers_and_no_version_of_the_server():
    for reply in (get("/users/ping"), get("/api/values/no/such/path"), get("/")):
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["X-Frame-Options"] in ("DENY", "SAMEORIGIN")
        assert reply.headers["Referrer-Policy"]
        assert "/" not in (reply.headers["Server"] or "")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/users/metrics", "/api/values/metrics"])
def test_the_admin_listener_is_not_reachable_from_outside(path):
    reply = get(path, headers={"Authorization": ""})
    assert b"process_cpu_seconds_total" not in reply.body
    assert b"build_info" not in reply.body


@pytest.mark.parametrize("name", ["users", "values", "worker", "mailer"])
def test_the_admin_listener_answers(name):
    port = abacus.ADMIN_PORTS[name]
    assert get("/healthz", port=port).status == 200
    assert get("/readyz", port=port).status == 200
    metrics = get("/metrics", port=port)
    assert metrics.headers["Content-Type"].startswith("text/plain")
    for metric in (
        b"process_cpu_seconds_total",
        b"process_resident_memory_bytes",
        b"process_start_time_seconds",
        b"build_info{",
    ):
        assert metric in metrics.body


def test_metrics_count_requests_by_route_template(reader):
    def count():
        text = get("/metrics", port=abacus.ADMIN_PORTS["users"]).text
        return sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("http_requests_total") and 'route="/users/{id}"' in line and 'code="200"' in line
        )

    before = count()
    for _ in range(3):
        get(f"/users/{reader.id}", token=reader.token, to="users")
    assert count() == before + 3


def test_a_client_can_not_forge_its_address(reader):
    get("/users/ping", headers={"X-Forwarded-For": "203.0.113.7", "X-Request-ID": "forwarded-for-test"})

    def line():
        logs = "".join(path.read_text(errors="replace") for path in abacus.RUN_DIR.glob("log/users*/current"))
        return next((line for line in logs.splitlines() if "forwarded-for-test" in line), None)

    assert "203.0.113.7" not in abacus.eventually(line)
