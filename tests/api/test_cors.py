"""Pages of other origins: what a browser asks before one may call the API, and what it then reads. tests/nginx has the rest."""

import re

import pytest

import abacus
from abacus import get, post

PAGE = "http://localhost:3007"  # the test's stack allows each port of localhost, as in development


def ask(path, method, origin=PAGE, headers="authorization,content-type"):
    """A preflight. Straight to the port, because it is no call of the API's document."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return abacus.call("OPTIONS", path, headers=asked, port=abacus.PORTS["nginx"])


@pytest.mark.parametrize("path, method", [("/auth/login", "POST"), ("/users/1", "PATCH"), ("/api/values/1", "DELETE")])
def test_a_preflight_allows_a_page_of_localhost_what_the_api_has(path, method):
    reply = ask(path, method)
    assert (reply.status, reply.body, reply.headers["Access-Control-Allow-Origin"]) == (204, b"", PAGE)
    assert method in reply.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)


def test_a_preflight_allows_each_header_of_the_apis_document():
    """But those that a browser sets by itself."""
    document = (abacus.ROOT / "services/swagger/openapi.yaml").read_text()
    documented = {name.lower() for name in re.findall(r"name: ([\w-]+)\s+in: header", document) if "Sec-" not in name}
    allowed = ask("/auth/password", "PUT").headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert documented and documented <= set(allowed)


def test_a_page_of_localhost_registers_submits_and_reads_the_links_of_a_list():
    person = abacus.Person()
    origin = {"Origin": PAGE}
    submitted = post("/api/values", {"index": 7}, token=person.token, headers=origin)
    post("/api/values", {"index": 8}, token=person.token, headers=origin)
    listed = get("/api/values?limit=1", token=person.token, headers=origin)
    for reply in (submitted, listed, get("/auth/status", token=person.token, headers=origin)):
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert listed.headers["Link"]
    assert "Link" in listed.headers["Access-Control-Expose-Headers"].split(", ")


def test_a_page_of_localhost_can_read_why_it_was_refused():
    reply = get("/auth/status", headers={"Origin": PAGE})
    assert (reply.status, reply.json["code"], reply.headers["Access-Control-Allow-Origin"]) == (403, "token_missing", PAGE)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_a_page_of_another_origin_is_allowed_nothing(origin):
    for reply in (ask("/auth/login", "POST", origin=origin), get("/users/ping", headers={"Origin": origin})):
        assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


def test_a_session_in_a_cookie_is_refused_to_a_page_of_another_origin_although_it_may_call_the_api():
    person = abacus.Person()
    body = {"email": person.email, "password": person.password, "cookie": True}
    reply = post("/auth/session", body, headers={"Origin": PAGE})
    assert (reply.status, reply.json["code"]) == (403, "origin_refused")
    assert reply.headers["Set-Cookie"] is None
    assert reply.headers["Access-Control-Allow-Credentials"] is None
