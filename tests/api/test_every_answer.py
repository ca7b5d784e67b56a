"""The answers that every call can get before it reaches its service, or in its place, each seen from every call: so that all
answers of the API's document are seen (services/swagger/tests/exchanges.js counts them). Each test starts an nginx of its own
with the stack's configuration, in which one thing is worse."""

import contextlib
import http.client
import re
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_every_route import patterns, routes

from abacus import RUN_DIR, call, exchange
from harness import eventually, free_port, listens

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
LIVE = ("GET", "/api/values/live")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455
BODY_MAX = 128 << 10
BUFFERED_MAX = 16 << 10  # nginx keeps a longer body in a file


@pytest.fixture(scope="module")
def calls(reader):
    """(method, path) of each call that the API's document has."""
    health = [(method, path.replace("{id}", "1")) for method, path, _ in patterns("healthcheck") if path.startswith("/api")]
    return [LIVE, *((method, path) for method, path, _ in routes(reader)), *health]


@contextlib.contextmanager
def nginx(folder, *changes):
    """Its port. changes: pairs of what each place of the configuration is replaced by, as for re.sub()."""
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    port = free_port()
    text = (RUN_DIR / "nginx/nginx.conf").read_text()
    for what, with_this in [
        (r"listen \[::\].*;", ""),
        (r"listen \d+ [^;]*;", f"listen 127.0.0.1:{port};"),
        (rf"listen 127\.0\.0\.1:(?!{port})\d+;", f"listen 127.0.0.1:{free_port()};"),
        (r'(_temp_path|pid) "?[^;"]*/nginx/([\w.]+)"?;', rf'\1 "{folder}/\2";'),
        (r'include [^;]*\*\.http"?;', ""),
        (r"worker_processes auto;", "worker_processes 1;"),
        *changes,
    ]:
        text, count = re.subn(what, with_this, text)
        assert count, what
    (folder / "nginx.conf").write_text(text)
    process = subprocess.Popen(
        [NGINX, "-c", folder / "nginx.conf", "-e", folder / "nginx.log", "-g", "daemon off;"], stdout=subprocess.DEVNULL
    )
    try:
        eventually(lambda: process.poll() is None and listens(port), 10, not_yet=OSError)
        yield port
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def folder():
    """One that nginx's worker may enter, which is another user."""
    path = RUN_DIR / f"test-nginx-{free_port()}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def answers(calls, port=None, **options):
    """(status, code) of all."""

    def ask(method, path):
        reply = call(method, path, port=port, is_recorded=True, **options)
        return reply.status, reply.json["code"]

    with ThreadPoolExecutor(16) as threads:
        return set(threads.map(ask, *zip(*calls, strict=True)))


def test_every_call_refuses_a_body_that_is_too_large(calls):
    assert answers(calls, body=b" " * (BODY_MAX + 1)) == {(413, "body_too_large")}


def test_every_call_refuses_a_request_that_is_none(calls):
    for method, path in calls:
        answer = exchange(f"{method} {path} HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400 ") and b'"code":"bad_request"' in answer, (method, path)


def test_every_call_is_answered_with_429_when_an_address_has_too_many_connections(calls, folder):
    with nginx(folder, (r"limit_conn connections \d+", "limit_conn connections 1")) as port:
        listener = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}
        listener.request("GET", LIVE[1], headers=upgrade)
        with contextlib.closing(listener), listener.getresponse() as first:
            assert first.status == 101
            assert answers(calls, port) == {(429, "too_many_requests")}


def test_every_call_is_answered_with_500_when_nginx_can_not_keep_its_body(calls, folder):
    with nginx(folder, (r"(client_body_temp_path) [^;]*", rf"\1 {folder}/body")) as port:
        shutil.rmtree(folder / "body")
        assert answers(calls, port, body=b" " * 2 * BUFFERED_MAX) == {(500, "internal")}


def test_every_call_is_answered_with_503_while_its_service_is_away(calls, folder):
    with nginx(folder, (r"server 127\.0\.0\.1:\d+", "server 127.0.0.1:1")) as port:
        assert answers(calls, port) == {(503, "unavailable")}


def test_every_call_is_answered_with_504_when_its_service_does_not_answer(calls, folder):
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:
        silent_port = silent.getsockname()[1]
        all_silent = r"(upstream \w+ {\s+)server [^\n]*", rf"\1server 127.0.0.1:{silent_port};"
        soon = r"(proxy_read_timeout) \d+s", r"\1 100ms"
        with nginx(folder, all_silent, soon) as port:
            assert answers(calls, port) == {(504, "timeout")}
