"""mailer against a real HTTPS gateway that refuses, delays, stalls and hangs up."""

import contextlib
import http.server
import json
import re
import secrets
import ssl
import threading
import time
import uuid

import pytest
from test_mail import (  # noqa: F401
    RETRY_S,
    alone,
    deferrals,
    drop_all,
    hurry,
    is_settled,
    make_certificate,
    pause,
    users_with_long_pauses,
)

from abacus import Daemon, eventually, psql, redis_cli, superuser

TOKEN = "a-token-of-the-gateway-" + "x" * 20
LIFE_S = 3600  # of a message


class Gateway(http.server.ThreadingHTTPServer):
    """What it does is chosen by the last digits of the number: fates = {"01": [500, 200], …}, one answer for each attempt."""

    daemon_threads = True

    def __init__(self, certificate):
        super().__init__(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if certificate else "http"
        self.fates, self.requests, self.ended = {}, [], threading.Event()

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.server_port}/messages"

    def of(self, number):
        return [request for request in self.requests if request["body"]["to"] == number]

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = {"body": body, "headers": dict(self.headers), "path": self.path, "port": self.client_address[1]}
        self.server.requests.append(request)
        fates = self.server.fates.get(body["to"], [200])
        fate = fates[min(len(self.server.of(body["to"])), len(fates)) - 1]
        if fate == "stall":
            self.server.ended.wait(60)
        elif fate == "hang up":
            self.close_connection = True
        elif fate == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.wfile.flush()
            self.close_connection = True
        elif fate == "endless":
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\n\r\n" + b"x" * 1000000)
            self.close_connection = True
        else:
            self.send_response(fate)
            if fate == 302:
                self.send_header("Location", f"{self.server.url}/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")  # also after 204, which has no body: some gateways send one


@pytest.fixture(scope="module", autouse=True)
def long_pauses():
    with users_with_long_pauses(RETRY_S):
        yield


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("sms") / "gateway.pem")


@pytest.fixture
def gateway(certificate):
    with Gateway(certificate) as gateway:
        yield gateway


@contextlib.contextmanager
def mailer(gateway, certificate, keeps_counts=False, **environment):
    """keeps_counts: of what was sent before."""
    chosen = {"SMS_URL": gateway.url, "SMS_CA_FILE": certificate, "SMS_TOKEN": TOKEN, "SMS_SECONDS": 5, "SMS_PREFIX_RATE": 1000}
    if not keeps_counts:
        redis_cli("DEL", "{mail}:sms")
    try:
        with Daemon("mailer", **(chosen | environment)) as daemon:
            yield daemon
    finally:
        drop_all()


def new_number():
    return f"+4915{secrets.randbelow(10**8):08}"


def write(*numbers, life=f"{LIFE_S} seconds"):
    parameters = json.dumps({"mtan": str(uuid.uuid4()), "user": 1, "binding": None, "action": None})
    rows = ", ".join(f"('sms', 'code', '{number}', '{parameters}', now() + interval '{life}')" for number in numbers)
    insert = f"INSERT INTO outbox (channel, template, recipient, parameters, expires_at) VALUES {rows} RETURNING id"
    return psql("users", insert).split()


def sent(daemon, result):
    return daemon.metric("sms_sent_total", f'result="{result}"')


def test_each_answer_of_the_gateway_settles_or_defers_its_message(gateway, certificate):
    """And neither the log nor the metrics have a number, a code or the token."""
    settled = [200, 204, 302, 400, 404, 410, 422, "cut", "endless"]
    deferred = [401, 403, 408, 429, 500, 503, "hang up", "stall"]
    numbers = {fate: new_number() for fate in [*settled, *deferred]}
    gateway.fates = {number: [fate, 200] for fate, number in numbers.items()}
    with mailer(gateway, certificate, LOG_LEVEL="debug") as daemon:
        ids = dict(zip(numbers, write(*numbers.values()), strict=True))
        eventually(lambda: is_settled(*(ids[fate] for fate in settled)), message="what is final is gone")
        later = [ids[fate] for fate in deferred]
        eventually(lambda: deferrals(*later) == [1] * len(later), message="the others wait")
        assert (sent(daemon, "sent"), sent(daemon, "failed"), sent(daemon, "deferred")) == (4, 5, 8)
        assert all(0 < pause(one) < LIFE_S for one in later)
        hurry(*later)
        eventually(lambda: is_settled(*later), message="the others are sent")
    for fate, number in numbers.items():
        requests = gateway.of(number)
        assert len(requests) == (2 if ids[fate] in later else 1), fate
        assert len({request["headers"]["Idempotency-Key"] for request in requests}) == 1
        assert requests[0]["path"] == "/messages", "no redirect is followed"
    log = daemon.log.read_text()
    codes = {request["body"]["text"].split()[2] for request in gateway.requests}
    assert re.search('"http_code":[0-9]{3}', log)  # of one of them, because a line that repeats is counted and not written
    for word in [TOKEN, *numbers.values(), *(f" {code} " for code in codes)]:
        assert word not in log


def test_the_gateway_gets_a_number_a_text_and_the_token(gateway, certificate):
    number = new_number()
    with mailer(gateway, certificate):
        (message,) = write(number)
        eventually(lambda: is_settled(message))
    (request,) = gateway.requests
    assert set(request["body"]) == {"to", "text"} and request["body"]["to"] == number
    assert request["body"]["text"].startswith("Abacus code ") and "\n" not in request["body"]["text"]
    headers = request["headers"]
    assert headers["Authorization"] == f"Bearer {TOKEN}" and headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == message


def test_each_message_has_a_connection_of_its_own(gateway, certificate):
    """On a kept one, what a gateway sent beyond an answer would be read as the answer to the next message."""
    with mailer(gateway, certificate):
        for _ in range(3):
            (message,) = write(new_number())
            eventually(lambda message=message: is_settled(message))
    assert len({request["port"] for request in gateway.requests}) == 3


def test_a_gateway_that_stalls_holds_up_only_its_own_messages(gateway, certificate):
    stalled, prompt = new_number(), new_number()
    gateway.fates = {stalled: ["stall"]}
    with mailer(gateway, certificate, SMS_SECONDS=20) as daemon:
        write(stalled)
        eventually(lambda: gateway.of(stalled))
        began = time.monotonic()
        (message,) = write(prompt)
        eventually(lambda: is_settled(message))
        assert daemon.is_ready() and time.monotonic() - began < 15


def test_a_gateway_whose_certificate_is_not_trusted_gets_nothing(gateway, certificate, tmp_path):
    """And what it does not get does not count."""
    with mailer(gateway, make_certificate(tmp_path / "other.pem"), SMS_RATE=1) as daemon:
        for _ in range(2):
            (message,) = write(new_number())
            eventually(lambda message=message: deferrals(message) == [1])
        assert (sent(daemon, "deferred"), sent(daemon, "limited")) == (2, 0)
    assert gateway.requests == []


def test_what_the_gateway_refuses_does_not_count(gateway, certificate):
    """So an outage of it uses up no limit. What it may have sent counts."""
    limits = {"SMS_NUMBER_RATE": 1, "SMS_PREFIX_RATE": 1, "SMS_RATE": 2}
    refused, stalled, other = new_number(), "+4366012345678", "+3366012345678"
    gateway.fates = {refused: [503, 500, 429, 400, 503, 200], stalled: ["hang up"]}
    with mailer(gateway, certificate, **limits) as daemon:
        (first,) = write(refused)
        for deferred in (1, 2, 3):
            eventually(lambda deferred=deferred: deferrals(first) == [deferred])
            hurry(first)
        eventually(lambda: is_settled(first), message="a refusal for good")
        (second,) = write(refused)
        eventually(lambda: deferrals(second) == [1])
        hurry(second)
        eventually(lambda: is_settled(second), message="the number gets its one message")
        (third,) = write(stalled)
        eventually(lambda: deferrals(third) == [1])
        assert (sent(daemon, "sent"), sent(daemon, "failed"), sent(daemon, "deferred")) == (1, 1, 5)
        assert sent(daemon, "limited") == 0
        (fourth,) = write(other)
        eventually(lambda: deferrals(fourth) == [1], message="no more in this hour")
        assert sent(daemon, "limited") == 1


def test_what_is_no_number_reaches_no_gateway(gateway, certificate):
    wrong = ["+49151\r\nX-Header: y", "+4915112345678,+4915112345679", "ada@example.com", "015112345678", "+" + "1" * 16]
    with mailer(gateway, certificate) as daemon:
        messages = write(*wrong)
        eventually(lambda: is_settled(*messages))
        assert sent(daemon, "failed") == len(wrong)
    assert gateway.requests == []


def test_more_than_a_number_a_range_and_all_together_may_get_are_deferred(gateway, certificate):
    near = [f"+49160{secrets.randbelow(10**7):07}" for _ in range(3)]
    limits = {"SMS_NUMBER_RATE": 1, "SMS_PREFIX_RATE": 2, "SMS_RATE": 3}
    with mailer(gateway, certificate, **limits) as daemon:
        first = write(near[0])
        eventually(lambda: is_settled(*first))
        again = write(near[0])
        eventually(lambda: deferrals(*again) == [1], message="the number has its message")
        second = write(near[1])
        eventually(lambda: is_settled(*second))
        third = write(near[2])
        eventually(lambda: deferrals(*third) == [1], message="the numbers are alike")
        others = write("+4366012345678")
        eventually(lambda: is_settled(*others))
        last = write("+3366012345678")
        eventually(lambda: deferrals(*last) == [1], message="no more in this hour")
        assert (sent(daemon, "sent"), sent(daemon, "limited")) == (3, 3)


def test_messages_of_a_run_with_other_limits_count_against_the_limits_of_now(gateway, certificate):
    number = new_number()
    with mailer(gateway, certificate, SMS_NUMBER_RATE=5):
        found = write(number, number)
        eventually(lambda: is_settled(*found))
    for lower in ({"SMS_NUMBER_RATE": 2}, {"SMS_PREFIX_RATE": 2}, {"SMS_RATE": 2}):
        with mailer(gateway, certificate, keeps_counts=True, **lower) as daemon:
            (late,) = write(number)
            eventually(lambda late=late: deferrals(late) == [1])
            assert sent(daemon, "limited") == 1, lower
    with mailer(gateway, certificate, keeps_counts=True, SMS_NUMBER_RATE=3):
        (late,) = write(number)
        eventually(lambda: is_settled(late))


def test_a_message_of_a_channel_that_only_a_newer_users_knows_waits_for_it(gateway, certificate):
    """The newer one has migrated the database already."""
    check = "outbox_channel_check"
    superuser(f"ALTER TABLE outbox DROP CONSTRAINT {check}", "users")
    try:
        with mailer(gateway, certificate):
            insert = "INSERT INTO outbox (channel, template, recipient, parameters, expires_at)"
            psql("users", f"{insert} VALUES ('pigeon', 'code', 'roof', '{{}}', now() + interval '1 hour')")
            (message,) = write(new_number())
            eventually(lambda: is_settled(message))
            assert psql("users", "SELECT attempt FROM outbox WHERE channel = 'pigeon'") == "0"
    finally:
        drop_all()
        superuser(f"ALTER TABLE outbox ADD CONSTRAINT {check} CHECK (channel IN ('email', 'sms'))", "users")


def test_a_code_whose_time_is_over_is_not_sent(gateway, certificate):
    with mailer(gateway, certificate):
        write(new_number(), life="3 seconds")  # less than an attempt may take
        (message,) = write(new_number())
        eventually(lambda: is_settled(message))
        eventually(lambda: psql("users", "SELECT count(*) FROM outbox WHERE expires_at > now()") == "0")
    assert len(gateway.requests) == 1


def test_an_sms_that_a_mailer_without_a_gateway_kept_is_sent_by_one_that_has_it(gateway, certificate):
    number = new_number()
    with Daemon("mailer", SMTP_URL="smtp://localhost:1", MAIL_FROM="abacus@example.com", SMTP_SECONDS=5) as daemon:
        (message,) = write(number)
        eventually(lambda: deferrals(message) == [1])
        assert daemon.is_ready()
    with mailer(gateway, certificate):
        hurry(message)
        eventually(lambda: is_settled(message))
    assert len(gateway.of(number)) == 1


@pytest.mark.parametrize(
    "variables, word",
    [
        ({"SMS_URL": "ftp://localhost"}, "SMS_URL"),
        ({"SMS_URL": "https://user:password@localhost"}, "SMS_URL"),
        ({"SMS_URL": "https://"}, "SMS_URL"),
        ({"APP_ENV": "production", "SMS_URL": "http://localhost"}, "SMS_URL"),
        ({"SMS_TOKEN": "a\r\nX-Header: y"}, "SMS_TOKEN"),
        ({"APP_ENV": "production", "SMS_TOKEN": "short"}, "SMS_TOKEN"),
    ],
)
def test_a_wrong_configuration_names_the_variable_and_not_its_value(variables, word):
    done = Daemon("mailer", **variables).run("--check")
    assert done.returncode == 78 and f"mailer: {word}: " in done.stderr, done
    assert "password" not in done.stderr.replace("the password of the gateway", "")
