"""What all routes have in common, tried on every route that `manage routes` prints, so that no new one is forgotten."""

import re

import pytest
from test_auth import expired

import abacus
from abacus import Daemon, call, fail

PUBLIC = ("/user", "/values", "/healthcheck")  # paths that nginx knows under /api
SOMETIMES_WITHOUT_TOKEN = {("POST", "/api/values"), ("GET", "/api/values/fibonacci/7")}  # test_submission_limits.py
DELETE_WITH_BODY = ("DELETE", "/auth/account")
READS_NO_BODY = {
    ("POST", "/auth/logout"),
    ("POST", "/auth/email"),
    ("POST", "/auth/challenge/{id}/code"),
    ("POST", "/auth/passkey"),
    ("POST", "/users/{id}/reset"),
    ("POST", "/api/values/fibonacci/7/retry"),
}
WEBSOCKET = "/values/live"


def patterns(*services):
    """(method, path behind nginx, whether it needs a token), with the names of its parameters."""
    for service in services:
        for line in abacus.manage(service, "routes").splitlines():
            method, path, access = line.split()
            prefix = "/api" if path.startswith(PUBLIC) and not path.startswith("/users") else ""
            yield method, prefix + path, access == "token"


def routes(reader):
    """The same of users and values, with a value for each parameter."""
    for method, path, wants_token in patterns("users", "values"):
        if path != "/api" + WEBSOCKET:
            yield method, path.replace("{id}", str(reader.id)).replace("{kind}/{index}", "fibonacci/7"), wants_token


def those_with_token(reader):
    return [(method, path) for method, path, wants_token in routes(reader) if wants_token]


def those_with_body(reader):
    without = {(method, path.replace("{id}", str(reader.id))) for method, path in READS_NO_BODY}
    known = [(method, path) for method, path, _ in routes(reader)]
    return [DELETE_WITH_BODY] + [one for one in known if one[0] in ("POST", "PUT", "PATCH") and one not in without]


def test_some_routes_need_a_token_and_some_do_not(reader):
    assert len(those_with_token(reader)) > 10
    assert len(those_with_body(reader)) > 5


def test_each_protected_route_refuses_a_request_without_a_token(reader):
    for method, path in those_with_token(reader):
        if (method, path) in SOMETIMES_WITHOUT_TOKEN:
            continue
        reply = call(method, path)
        assert (reply.status, reply.json) == (403, fail("token_missing", "Provide a valid auth token.")), (method, path)


def log_out(person, _):
    assert call("POST", "/auth/logout", token=person.token).status == 200
    return person.token


def deactivate(person, admin):
    assert call("PATCH", f"/users/{person.id}", {"active": False}, token=admin).status == 200
    return person.token


DEAD_TOKENS = {  # how to make one of a person's, and its refusal
    "revoked": (log_out, fail("token_invalid", "Invalid token. Please log in again.")),
    "expired": (lambda person, _: expired(person.token), fail("token_expired", "Signature expired. Please log in again.")),
    "inactive": (deactivate, fail("user_inactive", "Provide a valid auth token.")),
}


@pytest.mark.parametrize("make, refusal", DEAD_TOKENS.values(), ids=DEAD_TOKENS)
def test_each_protected_route_refuses_a_dead_token(reader, person, admin, make, refusal):
    token = make(person, admin)
    for method, path in those_with_token(reader):
        reply = call(method, path, token=token)
        assert (reply.status, reply.json) == (401, refusal), (method, path)


def test_each_route_is_unknown_with_a_parameter_that_is_too_long(admin):
    """A parameter has 255 bytes at most."""
    for method, path, _ in patterns("users", "values"):
        if "{" in path:
            reply = call(method, re.sub(r"{\w+}", "a" * 256, path), token=admin)
            assert (reply.status, reply.json) == (404, fail("not_found", "Not found.")), (method, path)


@pytest.mark.parametrize(
    "body, content_type, status, code",
    [
        ("index=7", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("<index/>", "text/xml", 415, "unsupported_media_type"),
        ('{"a":', "application/json", 400, "malformed_json"),
        ("[]", "application/json", 400, "invalid_payload"),
        ("", "application/json", 400, "invalid_payload"),
        ("{}", "application/json", 400, "invalid_payload"),
        ('{"a":"' + "x" * 140_000 + '"}', "application/json", 413, "body_too_large"),
    ],
    ids=["a form", "XML", "half a JSON", "an array", "nothing", "no member", "too much"],
)
def test_each_route_with_a_body_refuses_one_that_it_can_not_parse(reader, admin, body, content_type, status, code):
    for method, path in those_with_body(reader):
        if (path, body) == ("/auth", "{}"):
            continue  # the legacy login: 401 with its own text
        reply = call(method, path, body, token=admin, headers={"Content-Type": content_type})
        assert (reply.status, reply.json["code"], reply.json["status"]) == (status, code, "fail"), (method, path)


def test_each_route_refuses_other_methods_and_lists_its_own(reader):
    methods = {}
    for method, path, _ in routes(reader):
        methods.setdefault(path, set()).add(method)
    for path, known in methods.items():
        reply = call("OPTIONS", path)
        assert (reply.status, reply.json["code"]) == (405, "method_not_allowed"), path
        assert known <= {method.strip() for method in reply.headers["Allow"].split(",")}, path


def test_the_last_admin_can_not_be_demoted_deactivated_or_deleted(admin):
    """All other admins become ordinary users first; the tests need only this one."""
    abacus.psql("users", f"UPDATE users SET admin = false WHERE email <> '{abacus.ADMIN[0]}'")
    own = call("GET", "/auth/status", token=admin).json["data"]["id"]
    for method, body in (("PATCH", {"admin": False}), ("PATCH", {"active": False}), ("DELETE", None)):
        reply = call(method, f"/users/{own}", body, token=admin)
        assert (reply.status, reply.json) == (409, fail("last_admin", "That is the last active admin.")), (method, body)
    assert call("GET", "/auth/status", token=admin).json["data"]["admin"] is True


def expect_answers_whatever_the_query(ask, paths):
    """Any documented parameter, also where the route does not have it, without a token."""
    document = (abacus.ROOT / "services/swagger/openapi.yaml").read_text()
    names = sorted(set(re.findall(r"- name: (\w+)\n +in: query\n", document)))
    assert {"limit", "after", "query", "sort", "kind", "state", "minutes"} <= set(names)
    for path in paths:
        for name in names:
            for query in ("1", "true", "id", "desc", "a-1", ""):
                reply = ask("GET", f"{path}?{name}={query}")
                assert reply.status in {200, 400, 401, 403, 404}, (path, name, query, reply)


@pytest.mark.parametrize("service, settings", [("users", {"PUBLIC_USERS": "true"}), ("values", {"VALUES_ANONYMOUS": "true"})])
def test_no_query_of_a_stranger_breaks_a_route_that_is_open(service, settings, reader):
    routes = [line.split()[:2] for line in abacus.manage(service, "routes").splitlines()]
    paths = [path for method, path in routes if method == "GET" and path != WEBSOCKET]
    with Daemon(service, **settings) as daemon:
        filled = [path.replace("{id}", str(reader.id)).replace("{kind}/{index}", "fibonacci/7") for path in paths]
        expect_answers_whatever_the_query(daemon.call, filled)


def test_no_query_of_a_stranger_breaks_healthcheck():
    document = (abacus.ROOT / "services/swagger/openapi.yaml").read_text()
    paths = re.findall(r"^  (/api/healthcheck\S*):\n    get:", document, re.MULTILINE)
    assert len(paths) > 4
    expect_answers_whatever_the_query(call, paths)


@pytest.mark.parametrize(
    "raw, status, code",
    [
        (b"GET /users/ping?" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long"),
        (b"GET /users/ping HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (b"GET /users/ping HTTP/1.1\r\n\r\n", 400, "bad_request"),
    ],
    ids=["address", "header", "coding", "no host"],
)
def test_nginx_refuses_in_the_error_envelope(raw, status, code):
    head, body = abacus.exchange(raw).decode().split("\r\n\r\n", 1)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nContent-Type: application/json\r\n" in head
    assert f'"code":"{code}"' in body and '"status":"fail"' in body
