"""nginx with the configuration that nginx/settings.sh and nginx/abacus.conf.template make, in front of a stand-in for all
services that answers with the headers which it got. Nothing else runs, so each test is quick."""

import http.client
import json
import os
import re
import resource
import shutil
import socket
import socketserver
import subprocess
import threading

import pytest

from harness import ROOT, Server, eventually, free_port, has_ipv6, listens

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
AWAY = "server 127.0.0.1:1;"  # tcpmux, which no machine runs any more
RENDER = """set -eu
settings_die() { echo "nginx: $*" >&2; exit 78; }
. nginx/settings.sh
[ -z "${NO_IPV6:-}" ] || settings_ipv6_addresses=/dev/null
settings_workers
settings_policies
real_ip=$(settings_real_ip)
echo "$real_ip" >"$CONF/real-ip.http"
settings_render <nginx/abacus.conf.template
"""


class StandIn(socketserver.ThreadingTCPServer):
    """Answers 200 with the request's headers as JSON, and each upgrade with 101."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 1024

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline():
                headers = dict(self.header_lines())
                if "upgrade" in headers:
                    self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                    self.server.upgraded += 1
                    self.rfile.read(1)  # until the peer closes
                    return
                self.rfile.read(int(headers.get("content-length", 0)))
                body = json.dumps({"line": line.decode().strip(), **headers}).encode()
                self.wfile.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/x-stand-in\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )

        def header_lines(self):
            while (line := self.rfile.readline().strip()) != b"":
                name, _, value = line.decode().partition(":")
                yield name.lower(), value.strip()

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.upgraded, self.port = 0, self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def environment(folder, **variables):
    return {
        **os.environ,
        "LISTEN": "8080",
        "STATUS_LISTEN": f"127.0.0.1:{free_port()}",
        "AUTH_RATE": "1000r/s",
        "AUTH_BURST": "1000",
        "CLIENT_ROOT": str(folder),
        "CONF": str(folder / "conf"),
        "RUN": str(folder),
        "ACCESS_LOG": "off",
        "HTTP_INCLUDE": str(folder / "conf/*.http"),
        "HEALTHCHECK_SERVERS": AWAY,
        "SWAGGER_SERVERS": AWAY,
        "USERS_SERVERS": AWAY,
        "VALUES_SERVERS": AWAY,
        **variables,
    }


def render(folder, client_conf="client.conf", **variables):
    """client_conf: how the client is served, a file of nginx/."""
    conf = folder / "conf"
    conf.mkdir(exist_ok=True)
    for source, name in ("headers.conf",) * 2, ("proxy.conf",) * 2, (client_conf, "client.conf"):
        text = (ROOT / "nginx" / source).read_text()
        (conf / name).write_text(text.replace("${CONF}", str(conf)).replace("/etc/abacus", str(conf)))
    return subprocess.run(
        ["sh", "-c", RENDER], cwd=ROOT, env=environment(folder, **variables), capture_output=True, text=True, timeout=30
    )


class Nginx:
    """One worker, so that limits of a worker can be counted. `with` ends it."""

    def __init__(self, folder, upstream=None, command=(), **variables):
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        server = f"server 127.0.0.1:{upstream.port};" if upstream else AWAY
        variables = {"LISTEN": str(self.port), "USERS_SERVERS": server, "VALUES_SERVERS": server, **variables}
        made = render(folder, **variables)
        assert made.returncode == 0, made.stderr
        text = made.stdout.replace("worker_processes auto;", "worker_processes 1;").replace(" json buffer=32k flush=1s", "")
        (folder / "nginx.conf").write_text(text)
        user = "daemon off; user root;" if os.getuid() == 0 else "daemon off;"
        self.server = Server(
            folder / "nginx.log", *command, NGINX, "-c", folder / "nginx.conf", "-e", "stderr", "-g", user
        ).wait_for_port(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def call(self, method, path, body=None, address="127.0.0.1", **headers):
        connection = http.client.HTTPConnection(address, self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read().decode()
        finally:
            connection.close()

    def raw(self, request):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as peer:
            peer.sendall(request)
            return b"".join(iter(lambda: peer.recv(65536), b"")).decode()


@pytest.fixture(scope="module")
def stand_in():
    with StandIn() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def nginx(stand_in, tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("nginx") / "a folder", stand_in) as server:
        yield server


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """An nginx whose services are all away, and that lets each client through once a minute."""
    with Nginx(tmp_path_factory.mktemp("nginx") / "alone", AUTH_RATE="1r/m", AUTH_BURST="1") as server:
        yield server


def expect_json_error(reply, status, code):
    assert (reply[0], reply[1]["Content-Type"]) == (status, "application/json")
    assert json.loads(reply[2])["code"] == code


# ---- errors of nginx itself ----


@pytest.mark.parametrize("ending", ["", ".html", ".css", ".js", ".png", ".xml", ".json", ".txt", ".svg"])
def test_errors_are_json_whatever_the_path_ends_with(nginx, alone, ending):
    expect_json_error(nginx.call("GET", f"/api/x{ending}"), 404, "not_found")
    expect_json_error(nginx.call("POST", f"/auth/x{ending}", b"x" * 200_000), 413, "body_too_large")
    expect_json_error(nginx.call("POST", f"/x{ending}", b""), 405, "method_not_allowed")
    expect_json_error(alone.call("GET", f"/users/x{ending}"), 503, "unavailable")
    expect_json_error(alone.call("POST", f"/api/values/x{ending}"), 503, "unavailable")


def test_the_limit_of_requests_answers_json_whatever_the_path_ends_with(alone):
    replies = [alone.call("GET", "/auth/x.html") for _ in range(6)]
    assert replies[-1][0] == 429
    expect_json_error(replies[-1], 429, "too_many_requests")


def test_a_reply_of_a_service_keeps_its_content_type(nginx):
    status, headers, _ = nginx.call("GET", "/users/x.html")
    assert (status, headers["Content-Type"]) == (200, "text/x-stand-in")


# ---- requests ----


def test_http_1_0_without_host_is_answered_and_the_service_gets_a_host(nginx):
    reply = nginx.raw(b"GET /users/ping HTTP/1.0\r\n\r\n")
    assert reply.startswith("HTTP/1.1 200 ")
    assert json.loads(reply.partition("\r\n\r\n")[2])["host"] == "abacus"


# ---- traces: https://www.w3.org/TR/trace-context/ ----

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def forwarded(nginx, path="/users/ping", **headers):
    """The headers that the service gets."""
    return json.loads(nginx.call("GET", path, **headers)[2])


@pytest.mark.parametrize("path", ["/auth/x", "/users/x", "/api/users/x", "/api/values/x"])
def test_a_request_without_a_trace_gets_one_of_nginxs_request_id(nginx, path):
    headers = forwarded(nginx, path)
    version, trace, parent, flags = headers["traceparent"].split("-")
    assert (version, trace, parent, flags) == ("00", headers["x-request-id"], headers["x-request-id"][:16], "00")
    chosen = forwarded(nginx, path, X_Request_ID="mine")
    assert chosen["x-request-id"] == "mine" and re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", chosen["traceparent"])


@pytest.mark.parametrize(
    "given, passed_on",
    [
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", f"00-{TRACE}-{PARENT}-01"),
    ],
)
def test_a_clients_trace_is_passed_on_in_the_version_that_nginx_knows(nginx, given, passed_on):
    assert forwarded(nginx, traceparent=given)["traceparent"] == passed_on


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-0",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"cc-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}g-01",
        f"00-{TRACE}-{PARENT}-01 ; x",
    ],
)
def test_a_malformed_trace_is_replaced(nginx, given):
    made = forwarded(nginx, traceparent=given)["traceparent"]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", made) and TRACE not in made


def test_tracestate_is_not_passed_on(nginx):
    assert "tracestate" not in forwarded(nginx, traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="vendor=1")


# ---- addresses of the legacy client ----


@pytest.fixture(scope="module")
def with_client(stand_in, tmp_path_factory):
    """An nginx that serves a client of two files."""
    folder = tmp_path_factory.mktemp("nginx") / "client"
    folder.mkdir()
    (folder / "index.html").write_text("<title>the page</title>")
    (folder / "service-worker.js").write_text("self.skipWaiting()")
    with Nginx(folder, stand_in, SWAGGER_SERVERS=f"server 127.0.0.1:{stand_in.port};") as server:
        yield server


@pytest.mark.parametrize("path", ["/nope.js", "/favicon.ico", "/deep/er/nope.css", "/socket.io", "/socket.io/?EIO=3"])
def test_a_file_that_is_missing_is_not_answered_with_the_page(with_client, path):
    expect_json_error(with_client.call("GET", path), 404, "not_found")


@pytest.mark.parametrize("path", ["/", "/no/such/page", "/values/fibonacci/1000", "/status"])
def test_any_other_path_is_answered_with_the_page(with_client, path):
    status, headers, body = with_client.call("GET", path)
    assert (status, headers["Content-Type"], body) == (200, "text/html", "<title>the page</title>")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_is_served_with_its_headers_and_only_read(with_client):
    status, headers, body = with_client.call("GET", "/service-worker.js")
    assert (status, headers["Cache-Control"], body) == (200, "no-cache", "self.skipWaiting()")
    assert headers["Content-Type"] in ("application/javascript", "text/javascript")
    expect_json_error(with_client.call("POST", "/service-worker.js", b""), 405, "method_not_allowed")


def test_a_browser_that_opens_auth_gets_the_page_and_a_call_gets_the_service(with_client):
    status, headers, body = with_client.call("GET", "/auth", Accept="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    assert (status, headers["Content-Type"], body) == (200, "text/html", "<title>the page</title>")
    for method, accept in ("GET", "application/json"), ("GET", "*/*"), ("POST", "text/html"):
        assert json.loads(with_client.call(method, "/auth", Accept=accept)[2])["line"] == f"{method} /auth HTTP/1.1"


def test_a_redirect_names_no_address_of_nginx_itself(with_client):
    status, headers, _ = with_client.call("GET", "/swagger")
    assert (status, headers["Location"]) == (308, "/swagger/")


# ---- pages of other origins ----

APP = "https://app.example.com"
OF_CORS = "Access-Control-"


def permissions(headers):
    return {name.removeprefix(OF_CORS): value for name, value in headers.items() if name.startswith(OF_CORS)}


@pytest.fixture(scope="module")
def shared(stand_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx") / "shared"
    with Nginx(folder, stand_in, CORS_ORIGINS=f"{APP}, http://10.1.2.3:3000 localhost") as server:
        yield server


@pytest.mark.parametrize("path", ["/auth/login", "/auth?x", "/users", "/users/1", "/api/users/1", "/api/values?limit=1"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_page_of_a_listed_origin_may_read_replies_of_the_api(shared, method, path):
    status, headers, _ = shared.call(method, path, Origin=APP)
    seen = permissions(headers)
    assert (status, seen.pop("Allow-Origin")) == (200, APP)
    assert set(seen) == {"Expose-Headers"}
    assert {"ETag", "Link", "Retry-After", "X-Request-ID"} <= set(seen["Expose-Headers"].split(", "))
    assert "Origin" in headers.get_all("Vary")


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3007",
        "https://localhost:65535",
        "http://127.0.0.1:5000",
        "http://[::1]:8080",
        "http://10.1.2.3:3000",
    ],
)
def test_localhost_stands_for_each_port_of_the_browsers_machine(shared, origin):
    assert shared.call("GET", "/users/ping", Origin=origin)[1]["Access-Control-Allow-Origin"] == origin


FOREIGN = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://app.example.com/",
    "https://appXexample.com",
    "http://localhost.evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost:3000/",
    "http://localhost:",
    "http://evil.example?http://localhost",
    "http://10.1.2.3",
    "http://10.1.2.3:30000",
    "null",
    "*",
    "file://",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_gets_no_permission_not_even_by_a_preflight(shared, origin):
    for method in ("GET", "OPTIONS"):
        status, headers, body = shared.call(
            method,
            "/users/ping",
            Origin=origin,
            Access_Control_Request_Method="PUT",
            Access_Control_Request_Headers="authorization",
        )
        assert (status, permissions(headers)) == (200, {})
        assert json.loads(body)["line"] == f"{method} /users/ping HTTP/1.1"  # from the service, as without CORS
        assert "Origin" in headers.get_all("Vary")


def test_a_preflight_is_answered_without_a_service(tmp_path):
    with Nginx(tmp_path / "preflight", CORS_ORIGINS=APP) as nginx:
        for path in ("/auth/register", "/users/1", "/api/values/fibonacci/7"):
            status, headers, body = nginx.call(
                "OPTIONS", path, Origin=APP, Access_Control_Request_Method="PUT", Access_Control_Request_Headers="authorization"
            )
            seen = permissions(headers)
            assert (status, body, seen["Allow-Origin"], seen["Max-Age"]) == (204, "", APP, "600")
            assert set(seen["Allow-Methods"].split(", ")) == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
            assert {"Authorization", "Content-Type", "If-None-Match"} <= set(seen["Allow-Headers"].split(", "))
            assert "Allow-Credentials" not in seen


def test_a_page_of_a_listed_origin_may_read_nginxs_own_errors(tmp_path):
    with Nginx(tmp_path / "errors", CORS_ORIGINS=APP, AUTH_RATE="1r/m", AUTH_BURST="1") as nginx:
        replies = [nginx.call("GET", "/users", Origin=APP), nginx.call("POST", "/auth/x", b"x" * 200_000, Origin=APP)]
        replies += [nginx.call("GET", "/auth/x", Origin=APP) for _ in range(4)] + [nginx.call("GET", "/api/x", Origin=APP)]
        assert {503, 413, 429, 404} <= {status for status, _, _ in replies}
        assert all(headers.get_all("Access-Control-Allow-Origin") == [APP] for _, headers, _ in replies)


@pytest.mark.parametrize("path", ["/", "/status/", "/swagger", "/apis", "/authors", "/index.html"])
def test_what_is_no_call_of_the_api_is_for_no_other_origin(shared, path):
    _, headers, _ = shared.call("GET", path, Origin=APP)
    assert permissions(headers) == {}
    assert "Origin" not in headers.get_all("Vary", [])


def test_no_page_of_another_origin_is_ever_allowed_to_send_cookies(shared):
    for origin in (APP, "http://localhost:3000"):
        for method in ("GET", "OPTIONS"):
            seen = permissions(shared.call(method, "/auth/session", Origin=origin, Access_Control_Request_Method="POST")[1])
            assert seen["Allow-Origin"] == origin
            assert "Allow-Credentials" not in seen


def test_without_cors_origins_nothing_is_said_about_origins(nginx):
    for method in ("GET", "OPTIONS"):
        status, headers, body = nginx.call(method, "/users/ping", Origin=APP, Access_Control_Request_Method="PUT")
        assert (status, permissions(headers), headers["Vary"]) == (200, {}, None)
        assert json.loads(body)["line"] == f"{method} /users/ping HTTP/1.1"


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.example.com",
        "null",
        "app.example.com",
        "HTTPS://APP",
        "https://a.example/",
        "ftp://a.example",
        '"x',
        "$http_x",
        "https://a;",
        "https://a.example:443",
        "http://[::1]:80",
    ],
)
def test_what_is_no_origin_is_refused_in_one_line(tmp_path, origin):
    made = render(tmp_path, CORS_ORIGINS=f"localhost,{origin}")
    assert made.returncode == 78
    assert (
        made.stderr == f'nginx: CORS_ORIGINS: "{origin}" is neither an origin such as https://app.example.com nor localhost\n'
    )


def test_a_long_origin_and_one_that_is_given_twice_are_fine(stand_in, tmp_path):
    long = f"https://{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.example:65535"
    with Nginx(tmp_path / "long", stand_in, CORS_ORIGINS=f"{long},{long} localhost localhost") as nginx:
        assert nginx.call("GET", "/users/ping", Origin=long)[1]["Access-Control-Allow-Origin"] == long


RELAXED = "default-src 'self'; script-src 'self' 'unsafe-inline'; connect-src 'self' wss://live.example.com"


def test_the_policy_of_the_client_can_be_relaxed_and_that_of_no_other_page(stand_in, tmp_path):
    servers = f"server 127.0.0.1:{stand_in.port};"
    folder = tmp_path / "relaxed"
    folder.mkdir()
    (folder / "index.html").write_text("<title>the page</title>")
    with Nginx(folder, stand_in, CLIENT_CSP=RELAXED, SWAGGER_SERVERS=servers, HEALTHCHECK_SERVERS=servers) as nginx:
        policy = {
            path: nginx.call("GET", path)[1].get_all("Content-Security-Policy") for path in ("/", "/x", "/status/", "/swagger/")
        }
    assert policy["/"] == policy["/x"] == [RELAXED]
    for path in ("/status/", "/swagger/"):
        assert len(policy[path]) == 1
        assert "script-src 'self';" in policy[path][0]
        assert "unsafe" not in policy[path][0]


@pytest.mark.parametrize("policy", ['script-src "x"', "script-src $http_x", "script-src \\", "script-src 'self'\nX-Y: z", "é"])
def test_what_is_no_policy_is_refused_in_one_line(tmp_path, policy):
    made = render(tmp_path, CLIENT_CSP=policy)
    assert made.returncode == 78
    assert made.stderr.startswith("nginx: CLIENT_CSP: a policy has neither ")
    assert made.stderr.count("\n") == 1


def test_a_policy_that_is_longer_than_nginx_reads_is_refused_in_one_line(stand_in, tmp_path):
    longest = "default-src " + "a" * 3988
    with Nginx(tmp_path / "longest", stand_in, CLIENT_CSP=longest) as nginx:
        assert nginx.call("GET", "/")[1]["Content-Security-Policy"] == longest
    made = render(tmp_path, CLIENT_CSP=longest + "a")
    assert (made.returncode, made.stderr) == (
        78,
        "nginx: CLIENT_CSP: the policy has 4001 characters; nginx takes at most 4000\n",
    )


# ---- IPv6 ----


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_where_there_is_ipv6_nginx_listens_on_both(nginx):
    assert nginx.call("GET", "/users/ping")[0] == 200
    status, _, body = nginx.call("GET", "/users/ping", address="::1")
    assert (status, json.loads(body)["x-forwarded-for"]) == (200, "::1")


def test_where_ipv6_is_off_nginx_listens_on_ipv4_alone(stand_in, tmp_path):
    with Nginx(tmp_path / "ipv4", stand_in, NO_IPV6="1") as nginx:
        assert nginx.call("GET", "/users/ping")[0] == 200
        with pytest.raises(ConnectionRefusedError):
            listens(nginx.port, "::1")


def status_of(url_host, port, path):
    connection = http.client.HTTPConnection(url_host, port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_nginxs_own_figures_can_be_read_over_ipv6(stand_in, tmp_path):
    port = free_port()
    with Nginx(tmp_path / "status", stand_in, STATUS_LISTEN=str(port)):
        assert [status_of(host, port, "/nginx_status") for host in ("127.0.0.1", "::1")] == [200, 200]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("page, path", [("client", "/"), ("swagger", "/swagger/")])
def test_the_container_of_a_page_listens_on_both(tmp_path, page, path):
    """nginx/page-entrypoint, with the folders of the image in a folder of the test's own."""
    port = free_port()
    (tmp_path / "run").mkdir(mode=0o777)
    (tmp_path / "root/swagger").mkdir(parents=True)
    for name in "index.html", "swagger/index.html":
        (tmp_path / "root" / name).write_text("a page")
    for source, name in {
        "nginx/page-entrypoint": "page-entrypoint",
        "nginx/settings.sh": "settings.sh",
        "nginx/page.conf": "nginx.conf",
        f"services/{page}/server.conf.template": "server.conf.template",
    }.items():
        text = (ROOT / source).read_text().replace("/etc/abacus", str(tmp_path)).replace("/run/nginx", str(tmp_path / "run"))
        (tmp_path / name).write_text(text if os.getuid() else text.replace("daemon off;", "daemon off; user root;"))
    path_with_nginx = f"{os.environ['PATH']}:/usr/sbin"
    server = Server(
        tmp_path / "log",
        "sh",
        tmp_path / "page-entrypoint",
        PATH=path_with_nginx,
        LISTEN=str(port),
        ROOT=str(tmp_path / "root"),
    ).wait_for_port(port)
    try:
        assert [status_of(host, port, path) for host in ("127.0.0.1", "::1")] == [200, 200]
    finally:
        server.stop()


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "unix:/run/nginx.sock"])
def test_a_listen_that_names_an_address_gets_no_second_one(tmp_path, listen):
    assert "\tlisten [::]" not in render(tmp_path, LISTEN=listen).stdout


# ---- the client in development: Vite's dev server ----

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


def client_in_container(folder, stand_in, **variables):
    """nginx in front of a client that has a server of its own, as in containers."""
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/client.http").write_text(f"upstream client {{ server 127.0.0.1:{stand_in.port}; }}\n")
    return Nginx(folder, stand_in, **variables)


def policy_of_development():
    """The content security policy that the image of nginx for development has."""
    return re.search(r'^ENV CLIENT_CSP="(.*)"$', (ROOT / "services/nginx/Dockerfile-dev").read_text(), re.M)[1]


def test_development_upgrades_the_path_of_vites_websocket_and_no_other(stand_in, tmp_path):
    with client_in_container(tmp_path / "develop", stand_in, client_conf="client-develop.conf") as nginx:
        assert nginx.call("GET", "/@vite/hmr?token=x", **UPGRADE)[0] == 101
        for path in "/", "/@vite/client", "/@vite/hmr/", "/src/main.tsx":
            status, _, body = nginx.call("GET", path, **UPGRADE)
            assert (status, json.loads(body)["line"]) == (200, f"GET {path} HTTP/1.1")
        expect_json_error(nginx.call("POST", "/src/main.tsx", b""), 405, "method_not_allowed")


def test_production_upgrades_no_path_of_the_client(stand_in, tmp_path):
    with client_in_container(tmp_path / "production", stand_in, client_conf="client-proxy.conf") as nginx:
        for path in "/", "/@vite/hmr?token=x":
            status, _, body = nginx.call("GET", path, **UPGRADE)
            assert (status, "upgrade" in json.loads(body)) == (200, False)
    for kind in "prod", "stage":
        recipe = (ROOT / f"services/nginx/Dockerfile-{kind}").read_text()
        assert "client-proxy.conf" in recipe and "client-develop.conf" not in recipe and "CLIENT_CSP" not in recipe


def test_the_policy_of_development_is_that_of_production_with_a_nonce_and_vites_worker(nginx):
    development = policy_of_development()
    assert f'cspNonce: "{re.search("nonce-([a-z]+)", development)[1]}"' in (ROOT / "services/client/vite.config.ts").read_text()
    without = development.replace(" 'nonce-development'", "").replace("worker-src 'self' blob:; ", "")
    assert nginx.call("GET", "/")[1]["Content-Security-Policy"] == without


# ---- proxies in front ----


def seen_address(nginx, **headers):
    return json.loads(nginx.call("GET", "/users/ping", **headers)[2])["x-forwarded-for"]


def test_without_proxies_a_client_cannot_choose_its_address(nginx):
    assert seen_address(nginx, X_Forwarded_For="203.0.113.9") == "127.0.0.1"


def test_behind_a_proxy_each_client_has_its_own_address(stand_in, tmp_path):
    with Nginx(tmp_path / "proxied", stand_in, REAL_IP_FROM="127.0.0.0/8, 10.0.0.0/8") as nginx:
        assert seen_address(nginx, X_Forwarded_For="203.0.113.9") == "203.0.113.9"
        assert seen_address(nginx, X_Forwarded_For="2001:db8::9") == "2001:db8::9"
        assert seen_address(nginx, X_Forwarded_For="198.51.100.1, 203.0.113.9, 10.1.2.3") == "203.0.113.9"
        assert seen_address(nginx) == "127.0.0.1"


def test_behind_a_proxy_each_client_has_its_own_limit(stand_in, tmp_path):
    with Nginx(tmp_path / "limits", stand_in, REAL_IP_FROM="127.0.0.1", AUTH_RATE="1r/m", AUTH_BURST="1") as nginx:
        statuses = [nginx.call("GET", "/auth/x", X_Forwarded_For="203.0.113.9")[0] for _ in range(4)]
        assert statuses[-1] == 429
        assert nginx.call("GET", "/auth/x", X_Forwarded_For="203.0.113.10")[0] == 200


def test_the_header_of_the_proxy_may_have_another_name(stand_in, tmp_path):
    with Nginx(tmp_path / "named", stand_in, REAL_IP_FROM="127.0.0.1", REAL_IP_HEADER="X-Real-IP") as nginx:
        assert seen_address(nginx, X_Real_IP="203.0.113.9", X_Forwarded_For="203.0.113.8") == "203.0.113.9"


@pytest.mark.parametrize(
    "networks",
    [
        "example.com",
        "10.0.0.0/33",
        "10.0.0",
        "10.0.0.256",
        "0.0.0.0/0",
        "::/0",
        "2001:db8::/129",
        "10.0.0.1;",
        "10.0.0.0/",
        "unix:",
    ],
)
def test_what_is_no_network_is_refused_in_one_line(tmp_path, networks):
    made = render(tmp_path, REAL_IP_FROM=f"10.0.0.0/8 {networks}")
    assert made.returncode == 78
    assert made.stderr == f'nginx: REAL_IP_FROM: "{networks}" is not an address or a network such as 10.1.0.0/16\n'


@pytest.mark.parametrize("header", ["X Forwarded For", "X-Real-IP;", "$http_x"])
def test_what_is_no_header_is_refused_in_one_line(tmp_path, header):
    made = render(tmp_path, REAL_IP_HEADER=header)
    assert made.returncode == 78
    assert made.stderr == f'nginx: REAL_IP_HEADER: "{header}" is not the name of a header\n'


# ---- connections ----


def test_a_worker_carries_more_websockets_than_the_soft_limit_of_descriptors_allows(tmp_path):
    wanted = 700
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip(f"the hard limit of open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    peers = []
    try:
        with (
            StandIn() as upstream,
            Nginx(tmp_path / "many", upstream, ("sh", "-c", 'ulimit -Sn 1024; exec "$0" "$@"')) as nginx,
        ):
            for _ in range(wanted):
                peers.append(socket.create_connection(("127.0.0.1", nginx.port), timeout=20))
                peers[-1].sendall(
                    b"GET /api/values/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                )
            eventually(lambda: upstream.upgraded == wanted, 60, message="all are open")
            assert all(peer.recv(12) == b"HTTP/1.1 101" for peer in peers)
            assert nginx.call("GET", "/users/ping")[0] == 200
            for peer in peers:
                peer.close()
            upstream.shutdown()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_low_a_limit_of_descriptors_is_refused_in_one_line(tmp_path):
    (tmp_path / "conf").mkdir()
    made = subprocess.run(
        ["sh", "-c", "ulimit -n 100; " + RENDER],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert made.returncode == 78
    assert made.stderr == "nginx: the limit of open files is 100; raise it (ulimit -n) to 1024 or more\n"
