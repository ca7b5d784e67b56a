"""mailer against a real SMTP server (aiosmtpd) that refuses, delays, stalls and hangs up, and the outbox of users without it,
without Redis, and without mailer."""

import asyncio
import contextlib
import email
import email.policy
import itertools
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import types
import uuid
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

import abacus
from abacus import Daemon, Person, eventually, free_port, psql, redis_cli

PASSWORD = "a password/with@signs"
MAILERS = ("mailer", "mailer-2")[: abacus.INSTANCES]
USERS = ("users", "users-2")[: abacus.INSTANCES]
RETRY_S = 1000  # the first pause, more or less


class Mailbox:
    """What the SMTP server does, by the local part of the recipient, and what it got."""

    def __init__(self):
        self.messages, self.attempts = [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        word = address.split("@")[0].split("-")[0]
        self.attempts[address] = attempt = self.attempts.get(address, 0) + 1
        if word == "refused":
            return f"550 5.1.1 <{address}> is unknown"
        if word == "deferred" and attempt < 3:
            return f"451 4.7.1 <{address}> greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        address = envelope.rcpt_tos[0]
        word, first = address.split("@")[0].split("-")[0], self.attempts[address] == 1
        if word == "stalled" and first:
            await asyncio.sleep(3600)
        if word == "dropped" and first:
            server.transport.abort()
            return "250 never seen"
        if word == "late" and first:
            self.messages.append((address, envelope.content))
            server.transport.abort()
            return "250 never seen"
        if word == "spam":
            return "554 5.7.1 no"
        if word == "full" and first:
            return "452 4.3.1 no room"
        self.messages.append((address, envelope.content))
        if word == "killed" and first:
            self.kill()
        return "250 OK"

    def of(self, address):
        return [email.message_from_bytes(text, policy=email.policy.SMTP) for to, text in self.messages if to == address]


class Suspicious(Mailbox):
    """It knows no sender."""

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        return f"550 5.1.8 <{address}> is unknown"


class Server(Controller):
    """One that asks for STARTTLS and a password, unless it has no certificate."""

    def __init__(self, mailbox, certificate, port=0, takes=PASSWORD):
        self.starttls, self.takes = None, takes
        if certificate:
            self.starttls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.starttls.load_cert_chain(certificate)
        super().__init__(mailbox, hostname="127.0.0.1", port=port or free_port())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(no_assert=True)

    def authenticate(self, server, session, envelope, mechanism, data):
        return AuthResult(success=data.login == b"abacus" and data.password == self.takes.encode(), handled=False)

    def factory(self):
        return SMTP(
            self.handler,
            tls_context=self.starttls,
            require_starttls=bool(self.starttls),
            auth_required=bool(self.starttls),
            auth_require_tls=bool(self.starttls),
            authenticator=self.authenticate,
            timeout=300,
        )


def make_certificate(path):
    """A certificate for localhost that signed itself, with its key."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split()
    names = "-addext subjectAltName=DNS:localhost".split()
    subprocess.run(["openssl", *words, *names, "-keyout", f"{path}.key", "-out", path], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".pem.key").read_bytes())
    path.chmod(0o644)
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("smtp") / "server.pem")


@pytest.fixture(scope="module", autouse=True)
def alone():
    """The tests' mailers are the only ones, and their messages too."""
    for name in MAILERS:
        abacus.stop(name)
    drop_all()
    yield
    drop_all()
    for name in MAILERS:
        abacus.start(name)


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def server(mailbox, certificate):
    with Server(mailbox, certificate) as server:
        yield server


def drop_all():
    psql("users", "DELETE FROM outbox")
    redis_cli("DEL", "{mail}:messages", "{mail}:reports")


@contextlib.contextmanager
def mailer(server, certificate, **environment):
    """What waits at its end is dropped, because the mailer of a later test would send it when its pause is over."""
    url = f"smtp://abacus:{quote(PASSWORD, safe='')}@localhost:{server.port}"
    chosen = {"SMTP_URL": url, "SMTP_CA_FILE": certificate, "MAIL_FROM": "abacus@example.com", "SMTP_SECONDS": 20}
    chosen |= {"MAIL_DOMAIN_RATE": 1000000}  # all tests together send more to example.com than one gets
    try:
        with Daemon("mailer", **(chosen | {"PUBLIC_URL": "https://abacus.example"} | environment)) as daemon:
            yield daemon
    finally:
        drop_all()


def address_of(word):
    return f"{word}-{uuid.uuid4().hex[:12]}@example.com"


def write(*addresses, life="1 day", template="password_changed", parameters="{}"):
    """Writes messages into the outbox, as a transaction of users does; their ids, in the order of the addresses."""
    rows = ", ".join(f"('{template}', '{address}', '{parameters}', now() + interval '{life}')" for address in addresses)
    insert = f"INSERT INTO outbox (template, recipient, parameters, expires_at) VALUES {rows} RETURNING id"
    return psql("users", insert).split()


def deferrals(*messages):
    """How often each was deferred; None once it has left the outbox."""
    rows = psql("users", "SELECT id || ' ' || deferrals FROM outbox").splitlines()
    found = {message: int(count) for message, count in map(str.split, rows)}
    return [found.get(message) for message in messages]


def is_settled(*messages):
    return not any(count is not None for count in deferrals(*messages))


def pause(message):
    """Seconds until its next attempt."""
    return float(psql("users", f"SELECT extract(epoch FROM due_at - now()) FROM outbox WHERE id = '{message}'"))


def hurry(*messages):
    """The pause before the next attempt is over."""
    ids = ", ".join(f"'{message}'" for message in messages)
    psql("users", f"UPDATE outbox SET due_at = now() WHERE id IN ({ids})")


def sent(daemon, result):
    return daemon.metric("mail_sent_total", 'template="password_changed"', f'result="{result}"')


NO_ADDRESSES = [
    "ada@example.com\nBcc: eve@example.com",
    "ada@example.com>\r\nX: y",
    "<ada@example.com>",
    "ada@example.com,eve@example.com",
]


@contextlib.contextmanager
def users_stopped():
    for name in USERS:
        abacus.stop(name)
    try:
        yield
    finally:
        for name in USERS:
            abacus.start(name)


@contextlib.contextmanager
def users_with_long_pauses(seconds):
    """In place of those of the stack: however busy the machine is, a deferred message is seen before its next attempt."""
    with users_stopped(), Daemon("users", MAIL_RETRY_SECONDS=seconds) as users:
        yield users


@pytest.fixture(scope="module")
def fates(certificate):
    """One message for each thing that the server does, tried until none is left, while one waits that expired an hour ago."""
    mailbox, words = Mailbox(), ("ada", "refused", "spam", "deferred", "dropped", "late", "full")
    later = words[3:]
    run = types.SimpleNamespace(mailbox=mailbox, address={word: address_of(word) for word in (*words, "expired")})
    person = Person()
    write(run.address["expired"], life="-1 hour")
    with (
        Server(mailbox, certificate) as server,
        mailer(server, certificate, LOG_LEVEL="debug") as daemon,
        users_with_long_pauses(RETRY_S) as users,
    ):
        change = {"current": person.password, "new": "quite another pass phrase"}
        run.change, run.person = users.call("PUT", "/auth/password", change, token=person.token), person
        ids = run.id = dict(zip(words, write(*(run.address[word] for word in words)), strict=True))
        impossible = write(*NO_ADDRESSES)
        eventually(
            lambda: (
                is_settled(ids["ada"], ids["refused"], ids["spam"], *impossible)
                and deferrals(*(ids[word] for word in later)) == [1] * 4
            ),
            60,
        )
        run.pauses = {word: pause(ids[word]) for word in later}
        hurry(*(ids[word] for word in later))
        eventually(lambda: deferrals(*(ids[word] for word in later)) == [2, None, None, None], 60)
        hurry(ids["deferred"])
        eventually(lambda: psql("users", "SELECT count(*) FROM outbox") == "0", 60)
        run.sent = {result: sent(daemon, result) for result in ("sent", "failed", "deferred")}
    run.log = daemon.log.read_text() + users.log.read_text()
    return run


def test_a_changed_password_is_reported_to_its_user(fates):
    assert fates.change.status == 200, fates.change
    (message,) = fates.mailbox.of(fates.person.email)
    assert message["To"] == fates.person.email
    assert message["From"] == "Abacus <abacus@example.com>"
    assert message["Subject"] == "Your password was changed"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.iter_parts()
    for part, kind in (plain, "plain"), (html, "html"):
        assert part.get_content_type() == f"text/{kind}"
        assert "https://abacus.example" in part.get_content() and fates.person.username not in part.get_content()


@pytest.mark.parametrize("word", ["refused", "spam"])
def test_a_message_that_the_server_refuses_for_ever_is_tried_once(fates, word):
    address = fates.address[word]
    assert fates.mailbox.attempts[address] == 1 and not fates.mailbox.of(address)


@pytest.mark.parametrize("word, attempts", [("deferred", 3), ("dropped", 2), ("full", 2)])
def test_a_message_that_fails_for_now_is_sent_once_after_a_pause(fates, word, attempts):
    assert RETRY_S / 2 < fates.pauses[word] < 2 * RETRY_S
    assert fates.mailbox.attempts[fates.address[word]] == attempts
    assert len(fates.mailbox.of(fates.address[word])) == 1


def test_a_message_that_is_sent_twice_has_one_message_id(fates):
    """The server took it and hung up before it said so."""
    ids = [one["Message-ID"] for one in fates.mailbox.of(fates.address["late"])]
    assert ids == [f"<{fates.id['late']}@example.com>"] * 2


def test_an_address_that_is_more_than_one_address_is_refused(fates):
    known = {*fates.address.values(), fates.person.email}
    assert set(fates.mailbox.attempts) == known - {fates.address["expired"]}


def test_an_expired_message_is_not_sent(fates):
    assert fates.address["expired"] not in fates.mailbox.attempts


def test_the_metrics_count_what_became_of_each_attempt(fates):
    assert fates.sent == {"sent": 6, "failed": 2 + len(NO_ADDRESSES), "deferred": 5}


def test_no_log_has_an_address_or_the_password(fates):
    logs = fates.log
    for name in USERS:
        logs += (abacus.RUN_DIR / "log" / name / "current").read_text()
    assert '"result":"deferred"' in logs
    for word in [PASSWORD, quote(PASSWORD, safe=""), *fates.address.values(), fates.person.email, "eve@example.com"]:
        assert word not in logs


def test_a_message_waits_with_growing_pauses_until_the_right_server_answers(mailbox, certificate, tmp_path):
    """Wrong ones: a port without a server, and servers without STARTTLS, with a certificate that is not trusted, that refuse
    the password, and that refuse the sender. None of them gets the message or its address."""
    port, address = free_port(), address_of("ada")
    away = types.SimpleNamespace(port=port)
    wrong = [
        None,
        Server(mailbox, None, port),
        Server(mailbox, make_certificate(tmp_path / "other.pem"), port),
        Server(mailbox, certificate, port, takes="another"),
        Server(Suspicious(), certificate, port),
    ]
    pause_s = 100
    with mailer(away, certificate) as daemon, users_with_long_pauses(pause_s):
        (message,), pauses = write(address), []
        for count, server in enumerate(wrong, start=1):
            with server or contextlib.nullcontext():
                if count > 1:  # the first attempt needs no hurry, and may be over already
                    hurry(message)
                eventually(lambda count=count: deferrals(message) == [count])
            pauses.append(pause(message))
        assert daemon.is_ready() and not mailbox.attempts
        assert pauses[3] > 4 * pause_s and pauses[3] > 2 * pauses[0], pauses
        with Server(mailbox, certificate, port):
            hurry(message)
            eventually(lambda: is_settled(message))
    assert len(mailbox.of(address)) == 1


def test_a_message_that_a_mailer_without_a_server_kept_is_sent_by_one_that_has_it(server, mailbox, certificate):
    address = address_of("ada")
    with users_with_long_pauses(RETRY_S):
        with Daemon("mailer", SMS_URL="https://localhost:1") as without:
            (message,) = write(address)
            eventually(lambda: deferrals(message) == [1])
            assert without.is_ready()
        with mailer(server, certificate):
            hurry(message)
            eventually(lambda: is_settled(message))
    assert len(mailbox.of(address)) == 1


def test_a_server_that_asks_for_a_password_that_mailer_does_not_have_loses_no_message(server, mailbox, certificate):
    """It answers 530 to MAIL, which is about the mailer and not about the message."""
    with mailer(server, certificate, SMTP_URL=f"smtp://localhost:{server.port}"):
        (message,) = write(address_of("ada"))
        eventually(lambda: deferrals(message) == [1])
    assert not mailbox.attempts


def test_a_server_that_stalls_holds_up_only_its_own_messages(server, mailbox, certificate):
    stalled, prompt = address_of("stalled"), address_of("ada")
    with mailer(server, certificate, SMTP_SECONDS=3) as daemon:
        (held,) = write(stalled)
        eventually(lambda: mailbox.attempts.get(stalled))
        (message,) = write(prompt)
        eventually(lambda: is_settled(message))
        assert daemon.is_ready()
        eventually(lambda: deferrals(held) == [1])
    assert len(mailbox.of(prompt)) == 1


def test_a_server_that_answers_too_slowly_defers_a_message(certificate):
    """Each line arrives in time, but there is always another one."""

    def answer(peer):
        with contextlib.suppress(OSError):
            while True:
                peer.sendall(b"220-wait\r\n")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: answer(listener.accept()[0]), daemon=True).start()
        slow = types.SimpleNamespace(port=listener.getsockname()[1])
        with mailer(slow, certificate, SMTP_SECONDS=1) as daemon:
            (message,) = write(address_of("ada"))
            eventually(lambda: deferrals(message) == [1])
            assert daemon.is_ready()


def test_a_mailer_that_is_killed_before_it_reports_has_a_message_sent_again_with_the_same_id(server, mailbox, certificate):
    address = address_of("killed")
    with mailer(server, certificate) as daemon:
        mailbox.kill = lambda: [os.kill(pid, signal.SIGKILL) for pid in daemon.serving]
        (message,) = write(address)
        eventually(lambda: mailbox.of(address))
        assert not is_settled(message)
        hurry(message)  # the lease is over
        eventually(lambda: is_settled(message))
    assert [one["Message-ID"] for one in mailbox.of(address)] == [f"<{message}@example.com>"] * 2


def test_two_mailers_send_each_message_once(server, mailbox, certificate):
    domain = f"{uuid.uuid4().hex[:12]}.example.com"
    addresses = [f"ada{number}@{domain}" for number in range(40)]
    with mailer(server, certificate) as first, mailer(server, certificate) as second:
        found = write(*addresses)
        eventually(lambda: is_settled(*found))
        assert sent(first, "sent") + sent(second, "sent") == len(addresses)
    assert sorted(mailbox.attempts) == sorted(addresses) and set(mailbox.attempts.values()) == {1}


def test_a_message_of_a_newer_users_waits_for_a_newer_mailer(server, mailbox, certificate):
    with mailer(server, certificate):
        (message,) = write(address_of("ada"), template="of_tomorrow")
        eventually(lambda: deferrals(message) == [1])
    assert not mailbox.attempts


def test_a_message_whose_deadline_is_no_time_is_not_sent(server, mailbox, certificate):
    address, other = address_of("ada"), address_of("ada")
    words = f"id {uuid.uuid4()} attempt 1 deadline {-(2**63)} template password_changed to {address} values {{}}"
    redis_cli("XADD", "{mail}:messages", "*", *words.split())
    with mailer(server, certificate):
        (message,) = write(other)
        eventually(lambda: is_settled(message))
    assert list(mailbox.attempts) == [other]


def test_of_two_reports_of_one_attempt_the_final_one_counts():
    """Read at once, as after Redis was away."""
    (message,) = write(address_of("ada"))
    attempt = f"SELECT attempt FROM outbox WHERE id = '{message}'"
    eventually(lambda: psql("users", attempt) == "1")
    report = f"redis.call('XADD', KEYS[1], '*', 'id', '{message}', 'attempt', '1', 'result', "
    redis_cli("EVAL", f"{report}'deferred') {report}'sent')", "1", "{mail}:reports")
    eventually(lambda: redis_cli("XLEN", "{mail}:reports") == "0")
    assert is_settled(message)
    drop_all()


@pytest.fixture
def without_users():
    """The test's users is the only one: it claims the messages, and no mailer takes them."""
    with users_stopped():
        yield
    drop_all()


def attempt(message):
    return int(psql("users", f"SELECT attempt FROM outbox WHERE id = '{message}'") or 0)


def report(message, number, result):
    """As mailer does, of an attempt."""
    redis_cli("XADD", "{mail}:reports", "*", "id", message, "attempt", str(number), "result", result)


def test_a_message_that_was_published_under_another_lease_has_that_lease_and_is_then_published_under_the_lease_of_now(
    without_users,
):
    """A published message says when its lease ends, and a mailer may send it until then: a shorter lease sends none twice."""
    with Daemon("users", MAIL_LEASE_SECONDS=1000):
        (message,) = write(address_of("ada"))
        eventually(lambda: attempt(message) == 1)
        assert 900 < pause(message) < 1001
    with Daemon("users", MAIL_LEASE_SECONDS=2):
        (newer,) = write(address_of("ada"))
        eventually(lambda: attempt(newer) > 1)
        assert attempt(message) == 1
        hurry(message)
        eventually(lambda: attempt(message) > 1)
        assert pause(message) <= 2
        report(message, 1, "sent")
        eventually(lambda: is_settled(message), message="what became of it under the first lease counts")


def test_a_message_that_was_deferred_in_a_run_with_long_pauses_gets_the_next_pause_by_the_setting_of_now(without_users):
    with Daemon("users", MAIL_RETRY_SECONDS=1000):
        (message,) = write(address_of("ada"))
        eventually(lambda: attempt(message) == 1)
        report(message, 1, "deferred")
        eventually(lambda: deferrals(message) == [1])
        assert 700 < pause(message) < 1251
    with Daemon("users", MAIL_RETRY_SECONDS=1):
        hurry(message)
        eventually(lambda: attempt(message) == 3)
        report(message, 3, "deferred")
        eventually(lambda: deferrals(message) == [2])
        assert pause(message) < 3


@pytest.mark.parametrize("left_s, least_s, most_s", [(1800, 400, 750), (90, 20, 38), (20, 9, 19)])
def test_a_message_that_was_often_deferred_is_tried_until_its_end(without_users, left_s, least_s, most_s):
    """After a third of the time that it has left, or MAIL_RETRY_SECONDS: otherwise a link that is good is sent no more."""
    with Daemon("users", MAIL_RETRY_SECONDS=15):
        (message,) = write(address_of("ada"))
        eventually(lambda: attempt(message) == 1)
        end = f"expires_at = now() + interval '{left_s} s'"
        psql("users", f"UPDATE outbox SET deferrals = 20, {end} WHERE id = '{message}'")
        report(message, 1, "deferred")
        eventually(lambda: deferrals(message) == [21])
        assert least_s < pause(message) < most_s


def test_no_more_than_twenty_notices_wait_for_one_address():
    person, passwords = Person(), itertools.count()
    count = f"SELECT count(*) FROM outbox WHERE recipient = '{person.email}'"
    rows = f"SELECT 'password_changed', '{person.email}', '{{}}', now() + interval '1 hour' FROM generate_series(1, 19)"
    psql("users", f"INSERT INTO outbox (template, recipient, parameters, due_at) {rows}")
    for waiting in ("20", "20"):
        change = {"current": person.password, "new": f"pass phrase {next(passwords)}"}
        assert abacus.call("PUT", "/auth/password", change, token=person.login()).status == 200
        person.password = change["new"]
        assert psql("users", count) == waiting
    drop_all()


def test_a_message_with_a_code_expires_with_its_challenge_and_a_newer_one_takes_its_place():
    """While no mailer runs: no code is sent that has become void."""
    person = Person()
    columns, row = "id, user_id, method, secret, activated_at", f"gen_random_uuid(), {person.id}, 'mtan', '', now()"
    psql("users", f"INSERT INTO factor_settings (user_id) VALUES ({person.id}); INSERT INTO factors ({columns}) VALUES ({row})")
    waiting = f"SELECT parameters ->> 'mtan', expires_at FROM outbox WHERE recipient = '{person.email}' AND template = 'code'"
    for _ in range(2):
        reply = abacus.post("/auth/session", {"email": person.email, "password": person.password})
        assert (reply.status, reply.json["data"]["sent"]) == (401, True), reply
        challenge = f"SELECT id, expires_at FROM challenges WHERE id = '{reply.json['data']['challenge']}'"
        assert psql("users", waiting) == psql("users", challenge)
    parameters = psql("users", f"SELECT parameters FROM outbox WHERE recipient = '{person.email}'")
    assert "code" not in parameters, "the outbox has all but the code"
    drop_all()


def test_nothing_is_lost_when_redis_loses_everything(server, mailbox, certificate):
    """While no mailer runs, so that the message is in Redis alone; users publishes it again after its lease."""
    address = address_of("ada")
    (message,) = write(address)
    eventually(lambda: int(redis_cli("XLEN", "{mail}:messages")) > 0)
    redis_cli("DEL", "{mail}:messages")
    with mailer(server, certificate):
        hurry(message)  # the lease is over
        eventually(lambda: is_settled(message))
    assert len(mailbox.of(address)) == 1


def test_more_messages_than_the_limit_of_an_address_and_of_a_domain_are_deferred(server, mailbox, certificate):
    domain = f"{uuid.uuid4().hex[:12]}.example.com"
    with mailer(server, certificate, MAIL_RECIPIENT_RATE=2, MAIL_DOMAIN_RATE=8) as daemon:
        same = write(*[f"Ada@{domain}", f"ada@{domain}", f"ada@{domain.upper()}"])
        eventually(lambda: sorted(deferrals(*same), key=str) == [1, None, None])
        others = write(*[f"{word}@{domain}" for word in ("bob", "carol", "dan")])
        eventually(lambda: sorted(deferrals(*others), key=str) == [1, None, None])
        assert (sent(daemon, "sent"), sent(daemon, "limited")) == (4, 2)
        ttls = [redis_cli("TTL", key) for key in ("{mail}:recipients", "{mail}:domains")]
        assert ttls == ["-1", "-1"]  # what expires may be evicted


ENROLS = '{"mtan": "", "user": 1, "action": "receive_codes"}'
CONFIRMS = '{"mtan": "", "user": 1, "action": "delete_account"}'


def test_a_domain_that_other_messages_have_filled_still_gets_links_for_a_new_password_and_codes(server, mailbox, certificate):
    """Half of its rate is for all messages, a quarter for such links and codes, and one for codes alone."""
    domain = f"{uuid.uuid4().hex[:12]}.example.com"

    def are_sent(sent, deferred, **message):
        found = write(*[f"{uuid.uuid4().hex[:12]}@{domain}" for _ in range(sent + deferred)], **message)
        eventually(lambda: sorted(deferrals(*found), key=str) == [1] * deferred + [None] * sent)

    with mailer(server, certificate, MAIL_DOMAIN_RATE=12):
        are_sent(6, 2, template="email_link")
        are_sent(0, 2, template="code", parameters=ENROLS)  # which any user has sent to any address
        are_sent(3, 2, template="password_reset")
        are_sent(1, 0, template="code", parameters=CONFIRMS)
        are_sent(2, 2, template="code")  # of a login
    assert len(mailbox.messages) == 12


def test_a_domain_gets_a_message_of_each_kind_however_low_its_rate(server, mailbox, certificate):
    with mailer(server, certificate, MAIL_DOMAIN_RATE=1):
        for template in ("email_link", "password_reset", "code"):
            (message,) = write(f"ada@{uuid.uuid4().hex[:12]}.example.com", template=template)
            eventually(lambda message=message: is_settled(message))


def test_messages_of_a_run_with_other_limits_count_against_the_limits_of_now(server, mailbox, certificate):
    address = address_of("ada")
    with mailer(server, certificate, MAIL_RECIPIENT_RATE=5):
        found = write(address, address, address)
        eventually(lambda: is_settled(*found))
    with mailer(server, certificate, MAIL_RECIPIENT_RATE=3) as daemon:
        (late,) = write(address)
        eventually(lambda: deferrals(late) == [1])
        assert sent(daemon, "limited") == 1
    with mailer(server, certificate, MAIL_RECIPIENT_RATE=4) as daemon:
        (late,) = write(address)
        eventually(lambda: is_settled(late))
        assert (sent(daemon, "sent"), len(mailbox.of(address))) == (1, 4)


@pytest.mark.parametrize("word, counts", [("deferred", False), ("full", False), ("refused", True), ("late", True)])
def test_what_the_server_did_not_take_counts_only_if_it_was_refused_for_good(server, mailbox, certificate, word, counts):
    address = address_of(word)
    with mailer(server, certificate, MAIL_RECIPIENT_RATE=1) as daemon:
        (message,) = write(address)
        eventually(lambda: deferrals(message) in ([1], [None]))
        (again,) = write(address)
        eventually(lambda: deferrals(again) in ([1], [None]))
        assert sent(daemon, "limited") == int(counts)


def test_a_mailer_that_is_stopped_reports_what_it_has_sent(server, mailbox, certificate):
    address = address_of("ada")
    with mailer(server, certificate) as daemon:
        (message,) = write(address)
        eventually(lambda: mailbox.attempts.get(address))
        assert daemon.terminate(30) == 0
        eventually(lambda: is_settled(message))
    assert len(mailbox.of(address)) == 1


@pytest.mark.parametrize(
    "variables, word",
    [
        ({"SMTP_URL": "http://localhost"}, "SMTP_URL"),
        ({"SMTP_URL": "localhost:25"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://localhost?x"}, "SMTP_URL"),
        ({"MAIL_FROM": "Abacus <abacus@example.com>"}, "MAIL_FROM"),
        ({"MAIL_FROM": "abacus@example.com\nBcc: eve@example.com"}, "MAIL_FROM"),
        ({"PUBLIC_URL": "javascript:alert(1)"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "https://abacus.example/"}, "PUBLIC_URL"),
        ({"APP_ENV": "production", "PUBLIC_URL": "http://abacus.example"}, "PUBLIC_URL"),
        ({"APP_ENV": "production", "SMTP_STARTTLS": "false"}, "SMTP_STARTTLS"),
        ({"APP_ENV": "production", "MAIL_DIR": "/tmp"}, "MAIL_DIR"),
        ({"APP_ENV": "production", "SMTP_URL": "smtp://localhost", "MAIL_FROM": None}, "MAIL_FROM"),
    ],
)
def test_a_wrong_configuration_names_the_variable(variables, word):
    done = Daemon("mailer", **variables).run("--check")
    assert done.returncode == 78 and f"mailer: {word}: " in done.stderr, done
