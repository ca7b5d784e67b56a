"""Where does a request end? Nobody may be able to make nginx and a service, or two readers of one connection, disagree.
RFC 9112 §6.3 and the smuggling attacks that follow from it; each sent through nginx and straight at a service."""

import pytest

import abacus
from abacus import exchange

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
def test_head_with_a_chunked_body_can_not_smuggle_either(to):
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
def test_unsound_framing_is_refused_by_the_service(headers, to):
    raw = b"POST " + PATH[to] + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + headers + b"\r\n" + BODY + SMUGGLED
    received = exchange(raw, to=to)
    assert b"smuggled" not in received
    assert received == b"" or received.startswith(b"HTTP/1.1 4") or received.startswith(b"HTTP/1.1 501"), received[:200]
    assert answers(received) <= 1, received


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_unsound_framing_does_not_pass_nginx(headers):
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


@pytest.mark.parametrize("garbage", [b"\x00" * 64 + b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/9.9\r\n\r\n"])
@pytest.mark.parametrize("to", SERVICES)
def test_garbage_harms_nothing(to, garbage):
    import socket

    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=5) as peer:
        peer.sendall(garbage)
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1000)
    assert abacus.get(PATH[to].decode(), to=to).status == 200
