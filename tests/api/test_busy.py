"""A service that has as many queries of Postgres under way as it may refuses each call that needs one more."""

import contextlib
import secrets
from concurrent.futures import ThreadPoolExecutor

from authenticator import Passkey
from test_email_verification import token_of
from test_every_route import patterns
from test_passkeys import ORIGIN, browser
from test_password_reset import token_for

from abacus import Daemon, Transaction, eventually, fail, fresh_index, get, post, submit

BUSY = fail("busy", "Too much to do at the moment. Please try again shortly.", "error")
LIMIT_S = 60
ONE_QUERY = {
    "POSTGRES_IN_FLIGHT_MAX": 1,
    "POSTGRES_QUERY_TIMEOUT_MS": LIMIT_S * 1000,
    "HTTP_DEADLINE_MS": LIMIT_S * 1000,
}
NEVER_BUSY = {
    ("GET", "/users/ping"),
    ("POST", "/auth/passkey"),
    ("POST", "/auth/challenge/{id}/code"),  # if it can send none, whatever the reason, the answer is "unavailable"
    ("GET", "/api/values/kinds"),
    ("GET", "/api/values/live"),  # a WebSocket
}


@contextlib.contextmanager
def query_under_way(daemon, database, row, method, path, body, token):
    """A call whose query waits for a row. It is sent again if the daemon has another query under way, for itself."""
    with ThreadPoolExecutor() as pool, Transaction(database, f"SELECT FROM {row} FOR UPDATE") as held:
        send = lambda: daemon.call(method, path, body, token=token, timeout=LIMIT_S).status == 200  # noqa: E731
        sent = pool.submit(eventually, send, LIMIT_S)
        eventually(lambda: held.waiting() > 0, message="the query waits")
        yield
        assert not sent.done()
    sent.result()


def expect_busy(daemon, calls, token):
    for method, path, body in calls:
        reply = daemon.call(method, path, body, token=token)
        assert (reply.status, reply.json) == (503, BUSY), (method, path, reply)
        assert int(reply.headers["Retry-After"]) > 0


def calls_of(service, ids, bodies):
    """(method, path, body) of each that can be busy."""
    for method, path, _ in patterns(service):
        if (method, path) not in NEVER_BUSY:
            filled = path.replace("{id}", ids.get(path, "1")).replace("{kind}/{index}", "fibonacci/7")
            yield method, filled, bodies.get((method, path))


def with_bodies(users, person):
    """(ids, bodies) with which the calls that need no token reach Postgres."""
    password = {"password": person.password}
    session = post("/auth/session", {"email": person.email, **password}).json
    begun = users.call("POST", "/auth/passkey").json["data"]
    assert post("/auth/email", token=person.token).status == 202
    name = f"busy-{secrets.token_hex(6)}"
    bodies = {
        "/auth/register": {"username": name, "email": f"{name}@example.com", **password},
        "/auth/login": {"email": person.email, **password},
        "/auth": {"username": person.username, **password},
        "/auth/session": {"email": person.email, **password},
        "/auth/session/refresh": {"refresh_token": session["refresh_token"]},
        "/auth/password/forgot": {"email": person.email},
        "/auth/password/reset": {"token": token_for(person), "password": f"nine wooden {name}"},
        "/auth/email/verify": {"token": token_of(person.email)},
        "/auth/challenge/{id}": {"method": "totp", "code": "123456"},
        "/auth/passkey/{id}": {"assertion": browser.get(begun["public_key"], Passkey(handle="A" * 22))},
    }
    ids = {"/auth/challenge/{id}": "019aba5e-6c00-7cc3-98c4-dc0c0c07398f", "/auth/passkey/{id}": begun["challenge"]}
    return ids, {("POST", path): body for path, body in bodies.items()}


def test_each_call_of_users_that_needs_a_query_is_refused_while_too_many_are_under_way(person, admin):
    with Daemon("users", **ONE_QUERY, PUBLIC_URL=ORIGIN) as users:
        calls = list(calls_of("users", *with_bodies(users, person)))
        waits = ("PATCH", f"/users/{person.id}", {"active": True}, admin)
        with query_under_way(users, "users", f"users WHERE id = {person.id}", *waits):
            expect_busy(users, calls, admin)


def test_each_call_of_values_that_needs_a_query_is_refused_while_too_many_are_under_way(person):
    assert submit(fresh_index(), person.token).status == 200
    value = get("/api/values", token=person.token).json["data"]["values"][0]["id"]
    with Daemon("values", **ONE_QUERY) as values:
        calls = list(calls_of("values", {}, {("POST", "/api/values"): {"index": 7}}))
        waits = ("DELETE", f"/values/{value}", None, person.token)
        with query_under_way(values, "values", f"values WHERE id = {value}", *waits):
            expect_busy(values, calls, person.token)
