"""The main path of each route of users, values and healthcheck, a call after another. test_pooler.py runs them as they are, and
test_system_calls.py disturbs each of their calls."""

import json
import secrets

from authenticator import Browser

import abacus
import system
from abacus import eventually, totp
from websocket import TEXT, frame

ORIGIN = "https://abacus.example"
CODE = "1001"


def owner_of_codes(number):
    """The address of the user whose code by message is always CODE, with MTAN_TEST_CODES=codes_known()."""
    return f"codes-{number}@walkers.example.com"


def codes_known(number):
    return f"{owner_of_codes(number)}:{CODE}"


def routes(name):
    lines = system.manage(name, "routes").stdout.splitlines()
    return {tuple(line.split()[:2]) for line in lines}


class Client:
    """Calls routes of a daemon, which must answer as expected, and notes them. ask(method, path, …) returns a Reply.
    database: of the users whose daemon it is."""

    number = 0  # the daemon has MTAN_TEST_CODES=codes_known(number)

    def __init__(self, name, ask, database=None):
        self.name, self.ask, self.database, self.seen = name, ask, database, set()

    def __call__(self, method, route, *segments, query="", status=200, **request):
        path = route.replace("{id}", "{}").replace("{kind}/{index}", "fibonacci/{}").replace("{file}", "{}").format(*segments)
        path += query and f"?{query}"
        reply = self.reply_to((method, route), lambda: self.ask(method, path, **request))
        assert reply.status == status, f"{method} {path}: {reply}"
        self.seen.add((method, route))
        return json.loads(reply.body) if reply.headers.get("Content-Type", "").startswith("application/json") else None

    def reply_to(self, route, ask):
        return ask()


class Walker:
    """A user with a token, and what users asks of one."""

    def __init__(self, call, word):
        word = f"{word}-{secrets.token_hex(4)}"
        self.call, self.name, self.email = call, f"walker-{word}", f"{word}@example.com"
        self.password, self.proof = f"brass beads {word}", None
        self.token = call("POST", "/auth/register", status=201, body=self.credentials | {"username": self.name})["auth_token"]

    @property
    def credentials(self):
        return {"email": self.email, "password": self.password}

    def logs_in(self):
        self.token = self.call("POST", "/auth/login", body=self.credentials)["auth_token"]

    def begins_session(self):
        session = self.call("POST", "/auth/session", status=201, body=self.credentials)
        self.token = session["access_token"]
        return session

    def confirms(self, action, **parameters):
        """By the password, or by what the user has."""
        body = {"action": action, "parameters": parameters}
        begun = self.call("POST", "/auth/confirmations", status=201, body=body, token=self.token)["data"]
        answer = self.proof() if self.proof else {"method": "password", "password": self.password}
        answered = self.call("POST", "/auth/challenge/{id}", begun["challenge"], body=answer)
        return {"X-Confirmation": answered["data"]["confirmation"]}


def walk_tokens(call):
    ada = Walker(call, "ada")
    call("GET", "/users/ping")
    for method in ("GET", "POST"):
        ada.logs_in()
        call(method, "/auth/logout", token=ada.token)
    ada.token = call("POST", "/auth", body={"username": ada.name, "password": ada.password})["access_token"]
    call("GET", "/auth/status", token=ada.token)
    call("GET", "/user", token=ada.token)
    call("PUT", "/auth/password", body={"current": ada.password, "new": "another pass phrase"}, token=ada.token)
    ada.password = "another pass phrase"
    call("POST", "/auth/password/forgot", status=202, body={"email": ada.email})
    body = {"token": system.make_reset_token(ada.email, call.database), "password": ada.password}
    call("POST", "/auth/password/reset", body=body)
    ada.logs_in()
    call("POST", "/auth/email", status=202, token=ada.token)
    call("POST", "/auth/email/verify", body={"token": system.make_email_token(ada.email, call.database)})
    change = {"username": f"{ada.name}-2"}
    call("PATCH", "/auth/account", body=change, headers=ada.confirms("change_account", **change), token=ada.token)
    call("GET", "/auth/events", token=ada.token)
    call("DELETE", "/auth/account", body={"current": ada.password}, token=ada.token)


def walk_sessions(call):
    bob = Walker(call, "bob")
    first, second = bob.begins_session(), bob.begins_session()
    second = call("POST", "/auth/session/refresh", body={"refresh_token": second["refresh_token"]})
    assert len(call("GET", "/auth/sessions", token=second["access_token"])["data"]["sessions"]) == 2
    call("DELETE", "/auth/sessions/{id}", first["session"]["id"], token=second["access_token"])
    bob.token = second["access_token"]
    bob.token = call("DELETE", "/auth/sessions", token=bob.token, headers=bob.confirms("end_other_sessions"))["data"][
        "access_token"
    ]
    call("DELETE", "/auth/session", token=bob.token)


def walk_factors(call):
    eve = Walker(call, "eve")
    eve.begins_session()
    enrolled = call("POST", "/auth/factors", status=201, body={"method": "totp", "current": eve.password}, token=eve.token)[
        "data"
    ]
    app = enrolled["id"]
    activated = call("POST", "/auth/factors/{id}", app, body={"code": totp(enrolled["secret"])}, token=eve.token)["data"]
    eve.token, codes = activated["access_token"], activated["recovery_codes"]
    eve.proof = lambda: {"method": "recovery", "code": codes.pop()}
    headers = eve.confirms("add_factor", method="passkey")
    enrolled = call("POST", "/auth/factors", status=201, body={"method": "passkey"}, token=eve.token, headers=headers)["data"]
    browser = Browser(ORIGIN)
    passkey, credential = browser.create(enrolled["public_key"])
    body = {"credential": credential}
    eve.token = call("POST", "/auth/factors/{id}", enrolled["id"], body=body, token=eve.token)["data"]["access_token"]
    begun = call("POST", "/auth/passkey", status=201)["data"]
    body = {"assertion": browser.get(begun["public_key"], passkey)}
    eve.token = call("POST", "/auth/passkey/{id}", begun["challenge"], status=201, body=body)["access_token"]
    assert len(call("GET", "/auth/factors", token=eve.token)["data"]["factors"]) == 2
    body = {"asked": "sensitive"}
    headers = eve.confirms("change_factors", **body)
    eve.token = call("PATCH", "/auth/factors", body=body, token=eve.token, headers=headers)["data"]["access_token"]
    headers = eve.confirms("replace_recovery_codes")
    reply = call("POST", "/auth/recovery-codes", body={}, token=eve.token, headers=headers)["data"]
    eve.token, codes[:] = reply["access_token"], reply["recovery_codes"]
    call("DELETE", "/auth/factors/{id}", app, token=eve.token, headers=eve.confirms("remove_factor", id=app))


def walk_codes_by_message(call):
    """The daemon knows the codes of one address. The user gets it after registering, because a registration of an earlier walk,
    which ended without an answer, may be carried out after this one."""
    owner = Walker(call, "codes")
    system.give_address(owner, owner_of_codes(call.number), call.database)
    system.give_codes_by_message(owner, call.database)
    begun = call("POST", "/auth/session", status=401, body=owner.credentials)["data"]
    call("POST", "/auth/challenge/{id}/code", begun["challenge"])
    call("POST", "/auth/challenge/{id}", begun["challenge"], status=201, body={"method": "mtan", "code": CODE})


def walk_users(call):
    root = Walker(call, "root")
    system.make_admin(root.email, call.database)
    root.logs_in()
    word = f"carol-{secrets.token_hex(4)}"
    body = {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}
    call("POST", "/users", status=201, body=body, token=root.token)
    (found,) = call("GET", "/users", query=f"query={word}", token=root.token)["data"]["users"]
    carol = str(found["id"])
    call("GET", "/users/{id}", carol, token=root.token)
    call("PATCH", "/users/{id}", carol, body={"username": f"{word}-2"}, token=root.token)
    call("GET", "/users/{id}/events", carol, token=root.token)
    call("POST", "/users/{id}/reset", carol, status=202, token=root.token, headers=root.confirms("reset_user", id=carol))
    headers = root.confirms("end_user_sessions", id=carol)
    call("DELETE", "/users/{id}/sessions", carol, token=root.token, headers=headers)
    call("DELETE", "/users/{id}", carol, token=root.token)


OF_USERS = (walk_tokens, walk_sessions, walk_factors, walk_codes_by_message, walk_users)


def walk_values(call, token):
    call("GET", "/values/kinds")
    ids = [call("POST", "/values", body={"index": index}, token=token)["id"] for index in (10, 11)]
    assert {value["id"] for value in call("GET", "/values", token=token)["data"]["values"]} >= set(ids)
    call("GET", "/values/all")
    call("GET", "/values/current")
    eventually(
        lambda: call("GET", "/values/{kind}/{index}", 10, token=token)["data"]["result"] == str(abacus.fibonacci(10)),
        20,
        not_yet=AssertionError,
    )
    call("POST", "/values/{kind}/{index}/retry", 10, token=token)
    call("DELETE", "/values/{id}", ids[0], token=token)
    call("DELETE", "/values", token=token)


def walk_live(call, token):
    upgrade = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": f"{'A' * 22}=="}
    call("GET", "/values/live", status=101, headers=upgrade, more=frame(TEXT, token), until=b'"ready"')


def walk_healthcheck(call, token):
    """Of one that has itself as a target, and one that is down, which is an event."""
    for route in ("/healthcheck", "/healthcheck/requests", "/healthcheck/queue/history"):
        call("GET", route)
    own = "service=healthcheck&method=GET&route=/healthcheck/requests/history"  # which the question itself is
    eventually(lambda: call("GET", "/healthcheck/requests/history", query=own), not_yet=AssertionError)
    call("GET", "/healthcheck/history", query="service=users")
    (event, *_) = eventually(lambda: call("GET", "/healthcheck/events", token=token)["data"]["events"])
    call("PUT", "/healthcheck/events/{id}/acknowledgement", event["id"], body={"note": "seen"}, token=token)
    call("PUT", "/healthcheck/notice", body={"text": "Maintenance"}, token=token)
    call("DELETE", "/healthcheck/notice", token=token)
    for route in ("/", "/status"):
        call("GET", route, status=308)
    call("GET", "/status/")
    call("GET", "/status/{file}", "app.js")
    call("GET", "/status/stream", until=b"data:")
