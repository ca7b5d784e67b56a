"""Whatever Postgres answers, and however: no daemon crashes, spins or floods its log, a client gets a status of the table
libcommon/postgres/errors.c, nothing acknowledged is lost, and all is well within 2 s after Postgres is."""

import functools
import itertools
import re
import struct

import pytest
import walks

import abacus
import system
from abacus import eventually
from peer_proxy import Fault
from postgres_proxy import error, message
from system import SEED, Driven, Peered, User, in_parallel, judge

SQLSTATES = {  # the status of a call that gets it
    "08000": 503, "08003": 503, "08006": 503, "08P01": 503,
    "0A000": 500, "22P02": 500, "23502": 500, "23505": 409,
    "25006": 503, "25P02": 503, "25P03": 503, "26000": 503,
    "40001": 503, "40P01": 503, "42501": 503, "42601": 500, "42703": 500, "42883": 500, "42P01": 500,
    "53000": 503, "53100": 503, "53200": 503, "53300": 503, "53400": 503, "54000": 500, "55P03": 503,
    "57014": 504, "57P01": 503, "57P02": 503, "57P03": 503, "57P04": 503, "57P05": 503, "58030": 503,
    "XX000": 500, "XX001": 500,
}  # fmt: skip
REFUSED = {
    sqlstate: Fault(
        sqlstate, error(sqlstate, "FATAL" if sqlstate[:2] == "57" and sqlstate != "57014" else "ERROR"), executes=False
    )
    for sqlstate in SQLSTATES
}


def described(*names):
    fields = b"".join(name.encode() + b"\0" + struct.pack("!ihihih", 0, 0, 23, 4, -1, 0) for name in names)
    return message("T", struct.pack("!h", len(names)) + fields)


def row(*values):
    fields = b"".join(struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values)
    return message("D", struct.pack("!h", len(values)) + fields)


def done(tag):
    return message("C", tag.encode() + b"\0")


BOUND = message("2")
WHOLE = {  # answers that are sound, and that the statement does not have
    "no rows": BOUND + described("a") + done("SELECT 0"),
    "no result": BOUND + message("n") + done("INSERT 0 1"),
    "an empty query": BOUND + message("n") + message("I"),
    "no columns": BOUND + described() + row() + done("SELECT 1"),
    "one column": BOUND + described("a") + row(b"7") + done("SELECT 1"),
    "nulls": BOUND + described(*"abcdefghij") + row(*[None] * 10) + done("SELECT 1"),
    "texts": BOUND + described(*"abcdefghij") + row(*[b"x"] * 10) + done("SELECT 1"),
    "empty texts": BOUND + described(*"abcdefghij") + row(*[b""] * 10) + done("SELECT 1"),
    "many rows": BOUND + described("a", "b") + row(b"1", b"fibonacci") * 5000 + done("SELECT 5000"),
    "an error without SQLSTATE": message("E", b"SERROR\0Mno\0\0"),
    "an empty error": message("E", b"\0"),
}
TORN = {  # what no Postgres sends
    "a copy": BOUND + message("G", b"\0\0\0"),
    "a second bind": BOUND * 2 + message("n") + done("SELECT 1"),
    "a sync before its time": BOUND + message("Z", b"I"),
    "an open transaction": BOUND + message("n") + done("BEGIN") + message("Z", b"T"),
    "rows without a description": BOUND + row(b"7") + done("SELECT 1"),
    "rows that their description does not fit": BOUND + described("a") + row(b"7", b"8") + done("SELECT 1"),
    "a column of negative length": BOUND + described("a") + message("D", struct.pack("!hi", 1, -9)) + done("SELECT 1"),
    "a column that is longer than its row": BOUND
    + described("a")
    + message("D", struct.pack("!hi", 1, 900))
    + done("SELECT 1"),
    "an unknown message": message("~", b"what"),
    "a message of negative length": b"D" + struct.pack("!i", -5),
    "a message of length 0": b"D" + struct.pack("!i", 0),
    "a huge message": b"D" + struct.pack("!i", 0x7FFFFFFF) + b"abc",
    "garbage": b"\x16\x03\x01\x00\xff\x00\r\n\r\n" * 4,
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "a notice and a notification": message("N", b"SWARNING\0\0") + message("A", struct.pack("!i", 7) + b"channel\0payload\0"),
    "another encoding": message("S", b"client_encoding\0LATIN1\0"),
}
TIMING = [
    Fault("late", late_s=system.COMMAND_MS / 1000 / 4),
    Fault("too late", late_s=system.SETTLED_S + 0.2),
    Fault("twice", times=2),
    Fault("cut", cut=True),
    Fault("never", is_mute=True),
    Fault("the connection ends behind it", ends=True),
    Fault("the connection ends instead of it", b"", ends=True),
]
FAULTS = [*REFUSED.values(), *(Fault(name, answer) for name, answer in (WHOLE | TORN).items()), *TIMING]
# Beside those that are chosen, because they once ended a daemon.
ALWAYS_TRIED = {
    "outbox_claim": {"texts"},
    "user_delete": {"23505"},
    "revoked_tokens": {"many rows"},
    "revoked_users": {"many rows"},
}
NOTICED_S = {"too late": system.SETTLED_S + 0.4, "never": system.SETTLED_S + 0.4, "a huge message": system.SETTLED_S + 0.4}
NOTICED_S |= dict.fromkeys(TORN, system.SETTLED_S + 0.4)
CODES_OWNER, CODES_ENROLLER, CODE = "codes-owner", "codes-enroller", "1001"
STATEMENTS_OF_WALKS = {
    walks.walk_tokens: "user_by_login user_delete",
    walks.walk_sessions: "session_insert session_end sessions_end_others sessions_of_user",
    walks.walk_factors: "factor_pending factor_activate factor_ask factor_remove recovery_codes_replace challenge_recovery"
    " passkey_user passkey_of_credential passkey_login",
    walks.walk_users: "user_by_id user_change tokens_end",
}
UNTRIED = {
    "users": {
        "account_change_waits": "needs EMAIL_VERIFICATION=required, with which no user of these tests could log in",
        "challenge_totp": "is sent and read by answer_store(), as challenge_recovery",
        "challenge_passkey": "is sent and read by answer_store(), as challenge_recovery",
        "passkey_copied": "needs an authenticator that was copied",
        "password_replace": "needs a hash of the legacy system, which is replaced once",
        "session_misused": "needs a refresh token that was copied; it ends the session",
        "token_revocation": "is sent after a revocation that was not confirmed",
        "user_revocation": "is sent after a revocation that was not confirmed",
        "revoked_tokens_by": "is sent after a login whose client left before its reply",
    },
    "values": {
        "calculation_retry": "is sent by values-manage alone",
        "calculations_failed": "is sent by values-manage alone",
        "values_delete_old": "needs VALUES_RETENTION_DAYS, and is sent once a minute",
        "values_insert": "is sent in place of values_insert_limited with VALUES_PENDING_MAX=0",
    },
}  # with the reasons
# A wrong answer to a statement may be any answer to its client, except one that acknowledges what was not done.
ANSWERS = {200, 201, 202, 400, 401, 403, 404, 409, 429, 500, 503, 504}


@pytest.fixture(scope="module")
def world():
    print(f"SEED={SEED}")
    system.make_databases()
    codes = f"{CODES_OWNER}@example.com:{CODE},{CODES_ENROLLER}@example.com:{CODE}"
    chosen = {"LOGIN_ATTEMPTS_MAX": 1000000, "MTAN_TEST_CODES": codes, "PUBLIC_URL": walks.ORIGIN}
    with Peered("users", REPAIR_SECONDS=1, SESSIONS_PRUNE_SECONDS=1, **chosen) as users:
        system.revocations_are_published()
        with Peered("values", REPAIR_SECONDS=1) as values, Peered("healthcheck") as healthcheck, Peered("worker"):
            yield {"users": Users(users), "values": Values(values, users), "healthcheck": Healthcheck(healthcheck)}


class Asked(Driven):
    """triggers: which statement each function sends."""

    def reconnects(self):
        self.peered.postgres.cut_all()
        return []

    def triggers(self):
        return {"connect": self.reconnects, "prepare": self.reconnects, "unnamed": self.reconnects}


class Walked(walks.Client):
    """The last reply is that at which its walk ended, unless the walk went to its end."""

    def __init__(self, peered):
        super().__init__(peered.name, peered.call, system.USERS_DATABASE)
        self.last = None

    def reply_to(self, route, ask):
        self.last = ask()
        return self.last


class Users(Asked):
    def __init__(self, peered):
        super().__init__(peered)
        self.user, self.numbers = User(peered), itertools.count()
        self.codes_owner, self.enroller = User(peered, CODES_OWNER), User(peered, CODES_ENROLLER)
        system.give_codes_by_message(self.codes_owner)

    def logs_in(self):
        reply = self.peered.call("POST", "/auth/login", self.user.credentials)
        if reply.status == 200:
            self.user.token = reply.json["auth_token"]
        return [reply]

    def logs_out(self):
        return [*self.logs_in(), self.peered.call("POST", "/auth/logout", token=self.user.token)]

    def refreshes(self):
        begun = self.peered.call("POST", "/auth/session", self.user.credentials)
        if begun.status != 201:
            return [begun]
        body = {"refresh_token": begun.json["refresh_token"]}
        return [begun, self.peered.call("POST", "/auth/session/refresh", body)]

    def refreshes_again(self):
        """By the same token, as a client that lost the reply."""
        *begun, first = self.refreshes()
        if first.status != 200:
            return [*begun, first]
        body = {"refresh_token": begun[0].json["refresh_token"]}
        return [*begun, first, self.peered.call("POST", "/auth/session/refresh", body)]

    def registers_again(self):
        """Which is refused: 400 is the right answer."""
        body = {"username": self.user.name, "email": self.user.email, "password": self.user.password}
        reply = self.peered.call("POST", "/auth/register", body)
        return [] if reply.status == 400 else [reply]

    def is_shown(self):
        return [*self.logs_in(), self.peered.call("GET", "/auth/status", token=self.user.token)]

    def registers(self):
        name = f"{self.user.name}-{next(self.numbers)}"
        return [
            self.peered.call(
                "POST", "/auth/register", {"username": name, "email": f"{name}@example.com", "password": "seven brass beads"}
            )
        ]

    def changes_password(self):
        self.logs_in()
        body = {"current": self.user.password, "new": self.user.password}
        return [self.peered.call("PUT", "/auth/password", body, token=self.user.token)]

    def forgets_password(self):
        return [self.peered.call("POST", "/auth/password/forgot", {"email": self.user.email})]

    def resets_password(self):
        body = {"token": system.make_reset_token(self.user.email), "password": self.user.password}
        return [self.peered.call("POST", "/auth/password/reset", body)]

    def changes_account(self):
        self.logs_in()
        body = {"current": self.user.password, "email": self.user.email}
        return [self.peered.call("PATCH", "/auth/account", body, token=self.user.token)]

    def lists_factors(self):
        return [*self.logs_in(), self.peered.call("GET", "/auth/factors", token=self.user.token)]

    def enrols_an_app(self):
        self.logs_in()
        body = {"method": "totp", "current": self.user.password}
        return [self.peered.call("POST", "/auth/factors", body, token=self.user.token)]

    def confirms(self, action="change_account", **parameters):
        """Its password confirms, because this user has no factor. The last reply has what X-Confirmation wants."""
        self.logs_in()
        body = {"action": action, "parameters": parameters or {"email": self.user.email}}
        begun = self.peered.call("POST", "/auth/confirmations", body, token=self.user.token)
        if begun.status != 201:
            return [begun]
        path = f"/auth/challenge/{begun.json['data']['challenge']}"
        return [begun, self.peered.call("POST", path, {"method": "password", "password": self.user.password})]

    def confirmed(self, confirmed, method, path, body=None):
        """Calls this after it was confirmed, if it was."""
        *_, last = confirmed
        if last.status != 200:
            return confirmed
        headers = {"X-Confirmation": last.json["data"]["confirmation"]}
        return [*confirmed, self.peered.call(method, path, body, token=self.user.token, headers=headers)]

    def changes_account_confirmed(self):
        return self.confirmed(self.confirms(), "PATCH", "/auth/account", {"email": self.user.email})

    def fails_to_log_in(self):
        self.peered.call("POST", "/auth/login", {"email": self.user.email, "password": "wrong"})
        return []

    def lists_events(self):
        return [*self.logs_in(), self.peered.call("GET", "/auth/events", token=self.user.token)]

    def is_sent_a_link_by_an_admin(self):
        number = system.make_admin(self.user.email)
        return self.confirmed(self.confirms("reset_user", id=str(number)), "POST", f"/users/{number}/reset")

    def enrols_codes(self):
        """With a wrong code, so that this user keeps having no factor; its 400 is the right answer."""
        login = self.peered.call("POST", "/auth/login", self.enroller.credentials)
        if login.status != 200:
            return [login]
        token, body = login.json["auth_token"], {"method": "mtan", "current": self.enroller.password}
        begun = self.peered.call("POST", "/auth/factors", body, token=token)
        if begun.status != 201:
            return [begun]
        path = f"/auth/factors/{begun.json['data']['id']}"
        tried = self.peered.call("POST", path, {"code": "1"}, token=token)
        return [begun] if tried.status == 400 else [begun, tried]

    def has_a_code(self, path):
        """The challenge that it answers; or what else the daemon replied."""
        system.forget_tries()
        begun = self.peered.call("POST", path, self.codes_owner.credentials)
        if begun.status != 401:
            return None, [begun]
        data = begun.json.get("data", {})
        return (data["challenge"] if data.get("sent") else None), []

    def confirms_by_a_code(self):
        challenge, replies = self.has_a_code("/auth/session")
        if challenge:
            answer = {"method": "mtan", "code": CODE}
            replies = [self.peered.call("POST", f"/auth/challenge/{challenge}", answer)]
        return replies

    def logs_in_by_a_code(self):
        challenge, replies = self.has_a_code("/auth/login")
        if challenge:
            replies = [self.peered.call("POST", "/auth/login", self.codes_owner.credentials | {"mtan": CODE})]
        return replies

    def verifies_an_address(self):
        """Of which there may be too many."""
        self.logs_in()
        reply = self.peered.call("POST", "/auth/email", token=self.user.token)
        body = {"token": system.make_email_token(self.user.email)}
        return [*([] if reply.status == 429 else [reply]), self.peered.call("POST", "/auth/email/verify", body)]

    def reads_a_report(self):
        system.add_mail_report()
        return []

    def is_left_alone(self):
        return []

    def walks(self, walk):
        """The end of a walk is an answer that is another than its main path has."""
        client = Walked(self.peered)
        try:
            walk(client)
        except (AssertionError, LookupError, TypeError, ValueError):
            return [client.last]
        return []

    def finds(self, query=""):
        system.make_admin(self.user.email)
        return [*self.logs_in(), self.peered.call("GET", f"/users?{query}", token=self.user.token)]

    def publishes_again(self):
        system.redis_says("DEL", "{revocations}:complete")
        self.peered.redis.cut_all()
        return []

    def triggers(self):
        return (
            super().triggers()
            | self.walked()
            | {
                "users_page": self.finds,
                "user_taken": self.registers_again,
                "session_refresh": self.refreshes_again,
                **{
                    f"users_found_by_{column}{suffix}": functools.partial(
                        self.finds, f"active=true&sort={column}&order={order}"
                    )
                    for column in ("id", "username", "email")
                    for suffix, order in (("", "asc"), ("_descending", "desc"))
                },
                "revoked_tokens": self.publishes_again,
                "revoked_users": self.publishes_again,
                "events_prune": self.is_left_alone,
                "sessions_prune": self.is_left_alone,
                "outbox_prune": self.is_left_alone,
                "user_by_email": self.logs_in,
                "user_of_token": self.is_shown,
                "user_insert": self.registers,
                "device_note": self.logs_in,
                "token_revoke": self.logs_out,
                "sessions_rotate": self.refreshes,
                "password_set": self.changes_password,
                "account_change": self.changes_account,
                "user_of_reset": self.resets_password,
                "password_reset": self.resets_password,
                "password_forgotten": self.forgets_password,
                "password_resets_begin": self.forgets_password,
                "factors_of_user": self.lists_factors,
                "factor_enrol": self.enrols_an_app,
                "challenge_insert": self.confirms,
                "challenge_account": self.confirms,
                "challenge_try": self.confirms,
                "challenge_password": self.confirms,
                "confirmation_use": self.changes_account_confirmed,
                "event_login": self.logs_in,
                "events_attempted": self.fails_to_log_in,
                "events_of_user": self.lists_events,
                "user_reset": self.is_sent_a_link_by_an_admin,
                "mtan_send_for_factor": self.enrols_codes,
                "mtan_try_for_factor": self.enrols_codes,
                "mtan_send": self.confirms_by_a_code,
                "challenge_mtan": self.confirms_by_a_code,
                "mtan_of_login": self.logs_in_by_a_code,
                "email_link": self.verifies_an_address,
                "email_verify": self.verifies_an_address,
                "outbox_claim": self.is_left_alone,
                "outbox_settle": self.reads_a_report,
            }
        )

    def walked(self):
        return {
            name: functools.partial(self.walks, walk) for walk, names in STATEMENTS_OF_WALKS.items() for name in names.split()
        }

    def drive(self):
        return self.is_shown() + self.registers() + self.forgets_password()

    def is_well(self):
        return self.peered.is_ready() and {reply.status for reply in self.logs_out() + self.registers()} == {200, 201}


class Values(Asked):
    def __init__(self, peered, users):
        super().__init__(peered)
        self.user, self.indexes, self.missing, self.acknowledged = User(users), itertools.count(1), itertools.count(50_000), []
        self.leaver = User(users)  # takes everything back, so its submissions are not among the acknowledged

    def submits(self):
        index = next(self.indexes)
        reply = self.peered.call("POST", "/values", {"index": index}, token=self.user.token)
        if reply.status == 200:
            self.acknowledged.append((int(reply.json["id"]), index))
        return [reply]

    def lists(self):
        return [self.peered.call("GET", "/values", token=self.user.token)]

    def filters(self, order):
        return [self.peered.call("GET", f"/values?state=done&order={order}", token=self.user.token)]

    def takes_back(self, path):
        submitted = self.peered.call("POST", "/values", {"index": next(self.indexes)}, token=self.leaver.token)
        number = submitted.json["id"] if submitted.status == 200 else 0
        return [submitted, self.peered.call("DELETE", path.format(number), token=self.leaver.token)]

    def puts_back(self):
        """What is done: it stays as it is."""
        return [self.peered.call("POST", "/values/fibonacci/1/retry", token=self.user.token)]

    def lists_all(self):
        return [self.peered.call("GET", "/values/all")]

    def lists_current(self):
        return [self.peered.call("GET", "/values/current")]

    def reads_what_is_not_there(self):
        """Each time another, because a wrong answer may have made it one that is."""
        return [self.peered.call("GET", f"/values/fibonacci/{next(self.missing)}", token=self.user.token)]

    def lists_what_is_pending(self):
        """From there on, because the first page may have a thousand others, which are all done."""
        index = next(self.indexes)
        system.make_pending(index)
        return [self.peered.call("GET", f"/values/current?after={index - 1}")]

    def lacks_a_calculation(self):
        system.make_submission_alone(next(self.indexes))
        return []

    def is_left_alone(self):
        return []

    def triggers(self):
        return super().triggers() | {
            "values_insert_limited": self.submits,
            "values_of_user": self.lists,
            "values_found_newest": lambda: self.filters("newest"),
            "values_found_lowest": lambda: self.filters("lowest"),
            "values_found_highest": lambda: self.filters("highest"),
            "value_delete": lambda: self.takes_back("/values/{}"),
            "values_delete_of_user": lambda: self.takes_back("/values"),
            "calculation_retry_own": self.puts_back,
            "values_all": self.lists_all,
            "calculations_of": self.lists_current,
            "calculations_page": self.lists_what_is_pending,
            "calculations_named": self.reads_what_is_not_there,
            "calculations_waiting": self.is_left_alone,
            "calculations_missing": self.is_left_alone,
            "calculations_pending": self.is_left_alone,
            "calculations_restore": self.lacks_a_calculation,
            "calculations_finish": self.submits,
        }

    def drive(self):
        return self.submits() + self.lists() + self.lists_all()

    def is_well(self):
        return self.peered.is_ready() and {reply.status for reply in self.submits() + self.lists()} == {200}


class Healthcheck(Asked):
    def triggers(self):
        return {"connect": self.reconnects, "unnamed": self.looks}  # it prepares nothing

    def shows(self):
        reply = self.peered.call("GET", "/healthcheck")
        assert reply.status == 200, reply
        return reply.json["data"]["postgres"]["status"]

    def looks(self):
        self.shows()
        return []

    def drive(self):
        return self.looks()

    def is_well(self):
        return self.peered.is_ready() and self.shows() == "up"


def statuses_of(fault):
    """Beside the statuses of what had no fault. 400: an e-mail that is taken (23505). 504: the proxy itself was late."""
    if fault.name not in SQLSTATES:
        return ANSWERS
    return {200, 201, 202, SQLSTATES[fault.name], 503, 504, 400 if fault.name == "23505" else 503}


def test_every_line_of_the_table_is_tried():
    lines = system.table("postgres/errors.c")
    assert all(any(sqlstate.startswith(line) for sqlstate in SQLSTATES) for line in lines), lines


def statements_of(file):
    listed = (system.ROOT / file).read_text().partition("store_statements[] = {")[2].partition("};")[0]
    return set(re.findall(r"&store_(\w+),", listed))


def test_every_statement_is_tried_or_has_a_reason(world):
    files = {"users": "services/users/store/statements.c", "values": "services/values/store.c"}
    sent = {name: statements_of(file) for name, file in files.items()}
    assert system.untried(world, sent) == {name: set(UNTRIED[name]) for name in files}


def test_every_statement_may_be_answered_with_any_error_for_a_while(world):
    def refuse_everything(driven):
        slowest_s = 0
        for sqlstate, fault in REFUSED.items():
            what = f"everything is answered with {sqlstate}"
            with driven.peered.bounded(what):
                rule = driven.peered.postgres.arm(fault, most=None)
                judge(f"{driven.name}: {what}", driven.drive(), statuses_of(fault))
                eventually(lambda: rule.applied >= 3, message=f"{driven.name} has sent statements: {what}")
                slowest_s = max(slowest_s, driven.peered.recovers(what, driven.is_well))
        return slowest_s

    print(in_parallel(world, refuse_everything))


def test_any_statement_may_be_answered_in_any_way(world):
    def misbehave(driven):
        slowest_s, applied = 0, 0
        for name, trigger in driven.triggers().items():
            always = [fault for fault in FAULTS if fault.name in ALWAYS_TRIED.get(name, ())]
            for fault in dict.fromkeys([*always, *system.some(driven.random, FAULTS)]):
                what = f"{driven.name}: {name} is answered so: {fault}"
                with driven.peered.bounded(what):
                    rule = driven.peered.postgres.arm(fault, name)
                    system.provoke(rule, what, trigger, statuses_of(fault))
                    limit_s = system.RECOVERS_S + NOTICED_S.get(fault.name, 0)
                    slowest_s = max(slowest_s, driven.peered.recovers(what, driven.is_well, limit_s))
                    applied += rule.applied
        return slowest_s, applied

    print(in_parallel(world, misbehave))


def test_nothing_acknowledged_was_lost(world):
    """A client's answer is an acknowledgement if the statement was answered as Postgres answers it."""
    stored = {int(index) for index in abacus.superuser('SELECT index FROM "values"', "faults_values").split()}
    assert stored >= {index for _, index in world["values"].acknowledged}
    system.all_are_done(index for _, index in world["values"].acknowledged)
    assert system.redis_says("HLEN", "{jobs}:dead") == 0
