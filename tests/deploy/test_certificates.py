"""deploy/certificates: certificates by ACME, through a running nginx with the system's own configuration. pebble, with its
name server, takes the place of Let's Encrypt."""

import base64
import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
import typing
import urllib.parse

import pytest

from delivery import Authority, eventually, need, need_compose
from harness import ROOT, Load, Server, UnexpectedAnswerError, free_port, has_ipv6, run

DOMAINS = ["abacus.example", "www.abacus.example"]
SCRIPT = ROOT / "deploy/certificates/certificates"


class Place:
    """An nginx with HTTPS, and a certificate authority that accepts the challenges that nginx answers over plain HTTP."""

    def __init__(self, folder):
        self.folder, self.servers = folder, []
        self.http, self.https, self.status = free_port(), free_port(), free_port()
        self.conf, self.pid, self.access = folder / "conf", folder / "run/nginx.pid", folder / "access.log"
        for name in "conf", "run", "html", "kept":
            (folder / name).mkdir()
        (folder / "html/index.html").write_text("hello")
        self.variables = {
            "DOMAINS": " ".join(DOMAINS),
            "FOLDER": str(folder / "kept"),
            "CONF": str(self.conf / "tls.http"),
            "REDIRECT_LISTEN": str(self.http),
            "HTTPS_PORT": str(self.https),
            "NGINX_CONF": str(folder / "run/nginx.conf"),
            "NGINX_PID": str(self.pid),
            "EMAIL": "you@abacus.example",
        }

    def start_nginx(self, listen=None):
        for name in "headers.conf", "proxy.conf", "client.conf":
            (self.conf / name).write_text((ROOT / "nginx" / name).read_text().replace("${CONF}", str(self.conf)))
        values = {
            "LISTEN": listen or f"{self.https} ssl http2",
            "LISTEN_IPV6": "",
            "STATUS_LISTEN_IPV6": "",
            "WORKER_FILES": "1024",
            "WORKER_CONNECTIONS": "512",
            "STATUS_LISTEN": f"127.0.0.1:{self.status}",
            "AUTH_RATE": "1000r/s",
            "AUTH_BURST": "1000",
            "CLIENT_ROOT": str(self.folder / "html"),
            "CONF": str(self.conf),
            "RUN": str(self.folder / "run"),
            "ACCESS_LOG": str(self.access),
            "CORS_MAP": "",
            "CORS_VARY": "",
            "OWN_CSP": "default-src 'self'",
            "CLIENT_CSP": "default-src 'self'",
            "HTTP_INCLUDE": str(self.conf / "*.http"),
        }
        text = (ROOT / "nginx/abacus.conf.template").read_text()
        text = re.sub(r"\$\{([A-Z0-9_]+)\}", lambda found: values.get(found[1], "server 127.0.0.1:1;"), text)
        (self.folder / "run/nginx.conf").write_text(text.replace("buffer=32k flush=1s", ""))
        user = ["-g", "daemon off; user root;"] if os.getuid() == 0 else ["-g", "daemon off;"]
        self.start(
            "nginx",
            shutil.which("nginx", path="/usr/sbin:/usr/bin"),
            "-c",
            self.folder / "run/nginx.conf",
            "-e",
            "stderr",
            *user,
            port=self.status,
        )

    def start_authority(self):
        need("certbot")
        authority = Authority(self.folder, "127.0.0.1", http_port=self.http, https_port=self.https, domains_are_at="127.0.0.1")
        self.servers += authority.servers
        self.variables |= {"ACME_SERVER": authority.directory, "REQUESTS_CA_BUNDLE": str(authority.certificate)}

    def start(self, name, *command, port, **variables):
        self.servers.append(Server(self.folder / f"{name}.log", *command, **variables).wait_for_port(port))

    def stop(self):
        for server in reversed(self.servers):
            server.stop()

    def certificates(self, command, ok=True, **variables):
        return run(SCRIPT, command, ok=ok, **{**self.variables, **variables})

    def served(self):
        """Issuer and serial number of the certificate that a new connection gets."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.https))
        return subprocess.run(
            ["openssl", "x509", "-noout", "-issuer", "-serial"], input=pem, capture_output=True, text=True, check=True
        ).stdout

    def get(self, path="/", secure=True, address="127.0.0.1", **headers):
        if secure:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.https, timeout=10, context=ssl._create_unverified_context()
            )
        else:
            connection = http.client.HTTPConnection(address, self.http, timeout=10)
        connection.request("GET", path, headers={"Host": DOMAINS[0], **headers})
        reply = connection.getresponse()
        reply.text = reply.read().decode()
        connection.close()
        return reply

    def handshake(self, *options):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.https}", "-servername", DOMAINS[0], *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        return done.stdout


def requests_in_background(place):
    """One after another, each on a connection of its own."""

    def ask(_):
        reply = place.get()
        if reply.status != 200:
            raise UnexpectedAnswerError(reply.status)

    return Load(ask, threads=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    need("nginx", "openssl", "envsubst")
    one = Place(tmp_path_factory.mktemp("place"))
    try:
        one.start_authority()
        one.certificates("prepare")
        one.start_nginx()
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def certified(place):
    place.certificates("get")
    eventually(lambda: "Pebble" in place.served(), message="nginx shows the authority's certificate")
    return place


def test_without_a_certificate_nginx_serves_a_self_signed_one(place):
    assert re.search("issuer=CN ?= ?abacus.example", place.served())  # OpenSSL 3.5 prints no spaces
    assert place.get().text == "hello"


def test_an_unreachable_authority_changes_nothing(place):
    before = place.served()
    done = place.certificates("get", ok=False, ACME_SERVER=f"https://127.0.0.1:{free_port()}/dir")
    assert done.returncode != 0
    assert place.served() == before


def test_a_certificate_is_fetched_and_renewed_without_a_failed_request(place):
    with requests_in_background(place) as requests:
        place.certificates("get")
        eventually(lambda: "Pebble" in place.served(), message="nginx shows the authority's certificate")
        first = place.served()
        place.certificates("renew")  # due, because it is valid for only ten days
        eventually(lambda: place.served() != first, message="nginx shows the renewed certificate")
    assert "Pebble" in place.served()
    assert requests.failed == []
    assert requests.done > 20


def test_a_certificate_that_is_not_due_is_not_renewed(certified):
    renewal = certified.folder / f"kept/letsencrypt/renewal/{DOMAINS[0]}.conf"
    text = renewal.read_text()
    renewal.write_text("renew_before_expiry = 1 days\n" + text)
    before = certified.served()
    certified.certificates("renew")
    renewal.write_text(text)
    assert certified.served() == before


def test_a_certificate_of_another_authority_replaces_the_current_one(certified, tmp_path):
    """As when a certificate of Let's Encrypt follows one of its staging server."""
    other = Authority(tmp_path, "127.0.0.1", http_port=certified.http, https_port=certified.https, domains_are_at="127.0.0.1")
    variables = {"ACME_SERVER": other.directory, "REQUESTS_CA_BUNDLE": str(other.certificate)}
    first = certified.served()
    assert certified.certificates("check").returncode == 0
    assert certified.certificates("check", ok=False, **variables).returncode == 1
    assert certified.certificates("check", ok=False, DOMAINS="other.example").returncode == 1
    try:
        certified.certificates("get", **variables)
        eventually(lambda: certified.served() != first, message="nginx shows the other authority's certificate")
        assert certified.certificates("check", **variables).returncode == 0
    finally:
        for server in other.servers:
            server.stop()
    certified.certificates("get")
    assert certified.certificates("check").returncode == 0


def test_the_chain_and_all_names_verify(certified):
    for name in DOMAINS:
        seen = certified.handshake(
            "-CAfile", str(certified.folder / "root.pem"), "-verify_hostname", name, "-verify_return_error"
        )
        assert "Verify return code: 0 (ok)" in seen


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_modern_version_of_tls_is_accepted(certified, version):
    assert "Server certificate" in certified.handshake(version)


@pytest.mark.parametrize(
    "options",
    [["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"]],
)
def test_an_old_version_or_cipher_of_tls_is_refused(certified, options):
    # Security level 0 makes openssl itself accept them, so that only nginx can refuse.
    options = [*options[:1], "-cipher", (options[2] if len(options) > 2 else "ALL") + ":@SECLEVEL=0"]
    seen = certified.handshake(*options)
    assert "alert" in seen and "Cipher is (NONE)" in seen


def test_http2_is_offered(certified):
    assert "ALPN protocol: h2" in certified.handshake("-alpn", "h2,http/1.1")


def test_only_https_sends_strict_transport_security(certified):
    assert certified.get().getheader("Strict-Transport-Security") == "max-age=63072000"
    assert certified.get("/api/unknown").getheader("Strict-Transport-Security") == "max-age=63072000"
    assert certified.get(secure=False).getheader("Strict-Transport-Security") is None


def test_plain_http_redirects_to_https_with_path_and_query(certified):
    reply = certified.get("/api/values/all?limit=3", secure=False)
    assert (reply.status, reply.getheader("Location")) == (
        308,
        f"https://{DOMAINS[0]}:{certified.https}/api/values/all?limit=3",
    )


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_plain_http_redirects_over_ipv6_too(certified):
    assert certified.get("/auth", secure=False, address="::1").status == 308


def test_a_challenge_is_answered_over_plain_http(certified):
    challenge = certified.folder / "kept/webroot/.well-known/acme-challenge/token"
    challenge.write_text("token.thumbprint")
    challenge.chmod(0o644)
    assert certified.get("/.well-known/acme-challenge/token", secure=False).text == "token.thumbprint"
    assert certified.get("/.well-known/acme-challenge/unknown", secure=False).status == 404


def test_a_key_pair_that_nginx_rejects_is_not_used(certified, tmp_path):
    before, conf = certified.served(), (certified.conf / "tls.http").read_text()
    for number in "12":
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=other",
            "-keyout",
            tmp_path / f"{number}.key",
            "-out",
            tmp_path / f"{number}.pem",
        )
    shutil.copy(tmp_path / "1.pem", tmp_path / "fullchain.pem")
    shutil.copy(tmp_path / "1.pem", tmp_path / "chain.pem")
    shutil.copy(tmp_path / "2.key", tmp_path / "privkey.pem")
    done = certified.certificates("renewed", ok=False, RENEWED_LINEAGE=str(tmp_path))
    assert done.returncode == 1 and "the one before stays" in done.stdout
    assert (certified.conf / "tls.http").read_text() == conf
    assert certified.served() == before and certified.get().status == 200


def test_the_key_is_readable_only_by_its_owner(certified):
    keys = list((certified.folder / "kept/include").glob("*/privkey.pem"))
    assert keys and {key.stat().st_mode & 0o777 for key in keys} == {0o400}


def test_show_prints_the_certificate_in_use(certified):
    shown = certified.certificates("show").stdout
    assert "Pebble" in shown and all(f"DNS:{name}" in shown for name in DOMAINS)


def test_missing_domains_are_reported_in_one_line(tmp_path):
    done = run(SCRIPT, "prepare", ok=False, FOLDER=str(tmp_path / "kept"), DOMAINS="")
    assert done.stdout == "certificates: DOMAINS is not set; set it to the names that the certificate is for\n"


@pytest.fixture
def other(tmp_path):
    """Another place, for tests that change it."""
    need("nginx", "openssl", "envsubst")
    one = Place(tmp_path)
    yield one
    one.stop()


class Responder(http.server.BaseHTTPRequestHandler):
    """The OCSP responder of an authority. `openssl ocsp` makes the answers; its own server cannot parse nginx's requests."""

    folder = None

    def do_GET(self):
        (self.folder / "request").write_bytes(base64.b64decode(urllib.parse.unquote(self.path[1:])))
        run(
            "openssl",
            "ocsp",
            "-index",
            "index.txt",
            "-CA",
            "chain.pem",
            "-rkey",
            "ca.key",
            "-rsigner",
            "chain.pem",
            "-reqin",
            "request",
            "-respout",
            "response",
            "-ndays",
            "1",
            cwd=self.folder,
        )
        answer = (self.folder / "response").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_a_certificate_that_names_an_ocsp_responder_is_stapled(other, tmp_path):
    Responder.folder = tmp_path
    with serving(Responder) as port:
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=authority",
            "-keyout",
            tmp_path / "ca.key",
            "-out",
            tmp_path / "chain.pem",
        )
        run(
            "openssl",
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={DOMAINS[0]}",
            "-keyout",
            tmp_path / "privkey.pem",
            "-out",
            tmp_path / "csr",
        )
        (tmp_path / "extensions").write_text(
            f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{port}/\nsubjectAltName=DNS:{DOMAINS[0]}\n"
        )
        run(
            "openssl",
            "x509",
            "-req",
            "-in",
            tmp_path / "csr",
            "-CA",
            tmp_path / "chain.pem",
            "-CAkey",
            tmp_path / "ca.key",
            "-set_serial",
            "0x4711",
            "-days",
            "2",
            "-extfile",
            tmp_path / "extensions",
            "-out",
            tmp_path / "fullchain.pem",
        )
        (tmp_path / "index.txt").write_text(f"V\t491231235959Z\t\t4711\tunknown\t/CN={DOMAINS[0]}\n")
        (other.folder / "kept/include").mkdir()
        other.certificates("renewed", RENEWED_LINEAGE=str(tmp_path))
        other.start_nginx()
        # nginx queries the responder on the first handshake, and staples nothing until it has the answer.
        eventually(
            lambda: "Cert Status: good" in other.handshake("-status"), message="the handshake holds the responder's answer"
        )


def access(place, path):
    return eventually(
        lambda: [json.loads(line) for line in place.access.read_text().splitlines() if f'"{path}"' in line],
        message=f"{path} is in the log",
    )


def test_the_clients_address_is_taken_only_from_cloudflares_ranges(other):
    shutil.copy(ROOT / "deploy/certificates/cloudflare.http", other.conf)
    other.certificates("prepare")
    other.start_nginx()
    other.get("/api/forged", **{"CF-Connecting-IP": "198.51.100.7", "X-Forwarded-For": "198.51.100.7"})
    assert access(other, "/api/forged")[0]["remote_ip"] == "127.0.0.1"
    # The same, with this machine's address among the ranges.
    with open(other.conf / "cloudflare.http", "a") as more:
        more.write("set_real_ip_from 127.0.0.1;\n")
    os.kill(int(other.pid.read_text()), signal.SIGHUP)
    eventually(
        lambda: (
            other.get("/api/true", **{"CF-Connecting-IP": "198.51.100.7"})
            and access(other, "/api/true")[-1]["remote_ip"] == "198.51.100.7"
        ),
        message="the client's own address is in the log",
    )


class Published(http.server.BaseHTTPRequestHandler):
    answers: typing.ClassVar = {}

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answers[self.path].encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def published():
    with serving(Published) as port:
        yield {"CLOUDFLARE": f"http://127.0.0.1:{port}", "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


def test_cloudflares_ranges_are_updated_from_its_published_lists(published, tmp_path):
    shipped = (ROOT / "deploy/certificates/cloudflare.http").read_text()
    ranges = re.findall(r"set_real_ip_from (\S+);", shipped)
    # As Cloudflare publishes them, without a newline at the end.
    Published.answers = {
        "/ips-v4": "\n".join(one for one in ranges if "." in one),
        "/ips-v6": "\n".join(one for one in ranges if ":" in one),
    }
    run(ROOT / "deploy/certificates/cloudflare-ranges", tmp_path / "written", **published)
    assert (tmp_path / "written").read_text() == shipped


@pytest.mark.parametrize("answer", ["<html>attention required</html>", "", "10.0.0.0/8\n" * 3])
def test_an_answer_that_is_not_a_list_of_ranges_changes_nothing(published, tmp_path, answer):
    (tmp_path / "written").write_text("as it was")
    Published.answers = {"/ips-v4": answer, "/ips-v6": ""}
    done = run(ROOT / "deploy/certificates/cloudflare-ranges", tmp_path / "written", ok=False, **published)
    assert done.returncode == 1 and "stays as it is" in done.stdout
    assert (tmp_path / "written").read_text() == "as it was"


@pytest.mark.parametrize("kind", ["stage", "prod"])
def test_compose_accepts_the_certificates_file(kind):
    need_compose()
    shown = run(
        ROOT / "scripts/compose",
        "-f",
        f"docker-compose-{kind}.yml",
        "-f",
        "deploy/certificates/docker-compose.yml",
        "config",
        DOMAINS=DOMAINS[0],
    ).stdout
    assert "8443 ssl http2" in shown and "DOMAINS: abacus.example" in shown
