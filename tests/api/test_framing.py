"""nginx and a service must always agree on where a request ends (RFC 9112 §6.3), or requests could be smuggled. Each attack
is sent through nginx and straight to a service."""

import json
import socket
import time

import pytest

import abacus
from abacus import eventually, exchange, fail

SERVICES = ["nginx", "users", "values"]
BODY = b'{"index":7}'
PATH = {"nginx": b"/users/ping", "users": b"/users/ping", "values": b"/values/all"}
SMUGGLED = b"GET /smuggled-request HTTP/1.1\r\nHost: a\r\nX-Request-ID: smuggled\r\n\r\n"


def answers(raw):
    return raw.count(b"HTTP/1.1 ")


def assert_refused(received):
    assert received.startswith(b"HTTP/1.1 400"), received[:300]
    assert answers(received) == 1, received


@pytest.mark.parametrize("to", SERVICES)
def test_head_with_a_body_can_not_smuggle_a_second_request(to):
    raw = b"HEAD " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
    received = exchange(raw, to=to)
    assert_refused(received)
    assert b"smuggled" not in received


@pytest.mark.parametrize("to", SERVICES)
def test_head_with_a_chunked_body_can_not_smuggle_a_second_request(to):
    raw = b"HEAD " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED
    received = exchange(raw, to=to)
    assert_refused(received)
    assert b"smuggled" not in received


HEADERS = {
    "two lengths that differ": b"Content-Length: 11\r\nContent-Length: 3\r\n",
    "a length with a sign": b"Content-Length: +11\r\n",
    "a length that is not a number": b"Content-Length: eleven\r\n",
    "a negative length": b"Content-Length: -1\r\n",
    "a length in hex": b"Content-Length: 0xb\r\n",
    "a length and chunks": b"Content-Length: 11\r\nTransfer-Encoding: chunked\r\n",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
}


@pytest.mark.parametrize("to", ["users", "values"])
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_malformed_framing_is_refused_by_the_service(headers, to):
    raw = (
        b"POST "
        + PATH[to]
        + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        + headers
        + b"\r\n"
        + BODY
        + SMUGGLED
    )
    received = exchange(raw, to=to)
    assert b"smuggled" not in received
    assert received == b"" or received.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), received[:200]
    assert answers(received) <= 1, received


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_malformed_framing_does_not_pass_nginx(headers):
    raw = b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + headers + b"\r\n" + BODY + SMUGGLED
    received = exchange(raw)
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.1 415")), received[:200]
    assert b"smuggled" not in received


@pytest.mark.parametrize("to", ["users", "values"])
def test_white_space_before_the_colon_is_refused(to):
    raw = b"POST " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nContent-Length : 11\r\n\r\n" + BODY + SMUGGLED
    received = exchange(raw, to=to)
    assert_refused(received)


@pytest.mark.parametrize("to", ["users", "values"])
@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"], ids=["no host", "two hosts"])
def test_anything_but_one_host_is_refused(hosts, to):
    received = exchange(b"GET " + PATH[to] + b" HTTP/1.1\r\n" + hosts + b"\r\n", to=to)
    assert_refused(received)


@pytest.mark.parametrize("to", SERVICES)
def test_pipelined_requests_are_answered_in_order(to):
    one = b"GET " + PATH[to] + b"?%d HTTP/1.1\r\nHost: a\r\nX-Request-ID: pipelined-%d\r\n\r\n"
    last = b"GET " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-ID: pipelined-9\r\n\r\n"
    received = exchange(b"".join(one % (n, n) for n in range(9)) + last, to=to)
    places = [received.index(b"pipelined-%d" % n) for n in range(10)]
    assert answers(received) == 10
    assert places == sorted(places)


UNREADABLE = {
    "no request line": (b"\x00\x01\x02\r\n\r\n", 400),
    "a method in small letters": (b"get /users/ping HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an unknown method": (b"BREW /users/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 501),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
    "a head that is too large": (b"GET /users/ping HTTP/1.1\r\nHost: a\r\nX-Large: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "too many headers": (b"GET /users/ping HTTP/1.1\r\nHost: a\r\n" + b"X-Many: bbbbbbbbbbbbbb\r\n" * 4000 + b"\r\n", 431),
    "an address that is too long": (b"GET /users/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a version that is not supported": (b"GET /users/ping HTTP/2.0\r\nHost: a\r\n\r\n", 400),
    "an expectation of something else": (
        b"POST /auth/login HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        415,
    ),
}


def assert_envelope(received, code=None):
    head, body = received.split(b"\r\n\r\n", 1)
    status = int(head.split()[1])
    assert b"\r\nContent-Type: application/json\r\n" in head + b"\r\n", received[:300]
    assert set(json.loads(body)) >= {"status", "message", "code", "request_id"}
    assert json.loads(body)["status"] == "fail" and (400 <= status < 500 or status in (501, 505))
    assert code in (None, status)


@pytest.mark.parametrize("to", SERVICES)
@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_request_is_refused_in_the_error_envelope(what, to):
    raw, code = UNREADABLE[what]
    assert_envelope(exchange(raw, to=to), code if to == "nginx" else None)


@pytest.mark.parametrize("to", SERVICES)
def test_an_unreadable_request_after_a_valid_one_is_refused(to):
    sound = b"GET " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=10) as peer:
        peer.sendall(sound)
        assert peer.recv(1 << 20).startswith(b"HTTP/1.1 200")
        peer.sendall(b"BREW " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while part := peer.recv(65536):
            received += part
    assert_envelope(received, 501)


def test_headers_that_nginx_accepts_are_not_too_large_for_a_service():
    headers = {f"X-Large-{n}": "a" * 7900 for n in range(2)}
    assert abacus.get("/users/ping", headers=headers).status == 200
    reply = abacus.get("/users/ping", headers={**headers, "X-Large-2": "a" * 7900})
    assert (reply.status, reply.json) == (
        431,
        {**fail("headers_too_large", "The headers are too large."), "request_id": reply.json["request_id"]},
    )


def test_a_refusal_is_counted_and_logged():
    def count():
        text = abacus.get("/metrics", port=abacus.ADMIN_PORTS["users"]).text
        return sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("http_requests_total") and 'route="other"' in line and 'code="501"' in line
        )

    before = count()
    received = exchange(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", to="users")
    assert count() == before + 1
    id_ = json.loads(received.split(b"\r\n\r\n", 1)[1])["request_id"]
    eventually(lambda: id_ in (abacus.RUN_DIR / "log/users/current").read_text(errors="replace"))


def post(to, headers, body):
    return (
        b"POST "
        + {"values": b"/values"}.get(to, b"/auth/login")
        + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        + headers
        + b"\r\n"
        + body
    )


CHUNKS = {
    "a size in hex notation": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a size of 63 bits": b"7fffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "no number": b"2g\r\n{}\r\n0\r\n\r\n",
    "more than its size": b"2\r\n{}X\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("to", SERVICES)
@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS.keys())
def test_malformed_chunks_smuggle_nothing(body, to):
    received = exchange(post(to, b"Transfer-Encoding: chunked\r\nConnection: close\r\n", body + SMUGGLED), to=to)
    assert b"smuggled" not in received
    assert answers(received) == 1
    assert_envelope(received, 400 if to == "nginx" else None)


LINES = {
    "a folded header": b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n",
    "a folded length": b"Content-Length: 2\r\n 2\r\n",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n",
    "a NUL": b"X-Nul: a\x00b\r\nContent-Length: 2\r\n",
    "a bare CR": b"X-Bare: a\rContent-Length: 9\r\nContent-Length: 2\r\n",
    "a length beyond 64 bits": b"Content-Length: 99999999999999999999999\r\n",
    "two equal lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n",
    "chunks in HTTP/1.0": b"Transfer-Encoding: chunked\r\nConnection: close\r\n",
}


@pytest.mark.parametrize("to", SERVICES)
@pytest.mark.parametrize("headers", LINES.values(), ids=LINES.keys())
def test_malformed_lines_smuggle_nothing(headers, to):
    raw = post(to, headers + b"Connection: close\r\n", b"{}" + SMUGGLED)
    received = exchange(raw.replace(b"HTTP/1.1", b"HTTP/1.0", 1) if b"chunked\r\nConnection" in headers else raw, to=to)
    assert b"smuggled" not in received
    assert answers(received) == 1
    assert_envelope(received)


@pytest.mark.parametrize("to", SERVICES)
def test_lines_that_end_in_a_bare_lf_are_framed_like_others(to):
    raw = post(to, b"Content-Length: 2\r\nConnection: close\r\n", b"").replace(b"\r\n", b"\n") + b"{}" + SMUGGLED
    received = exchange(raw, to=to)
    assert (answers(received), b"smuggled" in received) == (1, False)


@pytest.mark.parametrize("to", SERVICES)
def test_a_later_http_1_version_is_answered_as_http_1_1(to):
    received = exchange(b"GET " + PATH[to] + b" HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\n", to=to)
    assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("to", SERVICES)
def test_http_1_0_may_leave_host_out(to):
    assert exchange(b"GET " + PATH[to] + b" HTTP/1.0\r\n\r\n", to=to).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("to", SERVICES)
@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS"])
def test_the_body_of_a_method_that_needs_none_is_not_read_as_a_request(method, to):
    last = b"GET " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    received = exchange(
        method + b" " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED + last,
        to=to,
    )
    assert (answers(received), b"smuggled" in received) == (2, False)


@pytest.mark.parametrize("to", ["users", "nginx"])
def test_a_request_pipelined_behind_a_slow_one_is_answered_after_it(to, person):
    """While a password is hashed, the following requests arrive: in part, whole, and many. The pauses let each part arrive by
    itself."""
    login = json.dumps({"email": person.email, "password": person.password}).encode()
    first = post(to, b"Content-Length: %d\r\n" % len(login), login)
    second = b"GET /users/ping HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /users/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=20) as peer:
        peer.sendall(first)
        time.sleep(0.005)
        peer.sendall(second[:10])
        time.sleep(0.005)
        peer.sendall(second[10:] + second * 50 + last)
        received = b""
        while part := peer.recv(65536):
            received += part
    assert received.index(b"auth_token") < received.index(b"pong!")
    assert answers(received) == 53


@pytest.mark.parametrize("to", SERVICES)
def test_a_client_that_expects_100_continue_gets_it_or_its_answer(to):
    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=10) as peer:
        peer.sendall(post(to, b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n", b""))
        assert peer.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        peer.sendall(b"{}")
        assert peer.recv(65536).startswith(b"HTTP/1.1 40")


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 64 + b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/9.9\r\n\r\n"]
)
@pytest.mark.parametrize("to", SERVICES)
def test_random_bytes_do_no_harm(to, garbage):
    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=5) as peer:
        peer.sendall(garbage)
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1000)
    assert abacus.get(PATH[to].decode(), to=to).status == 200
