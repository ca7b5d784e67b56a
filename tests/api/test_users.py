"""The users collection: who may read it, who may change it, and every refusal."""

import concurrent.futures
import secrets

import pytest

import abacus
from abacus import Daemon, Person, call, fail, get, post
from harness import ROOT

FORBIDDEN = fail("not_permitted", "You do not have permission to do that.")
NEW = {"username": "added-by-admin", "email": "added.by.admin@example.com", "password": "seven brass beads"}


def test_one_user_is_shown_without_the_admin_flag(reader):
    reply = get(f"/users/{reader.id}", token=reader.token)
    assert reply.status == 200
    assert reply.json == {
        "status": "success",
        "data": {"id": reader.id, "username": reader.username, "email": reader.email, "active": True},
    }


@pytest.mark.parametrize(
    "id_, message, code",
    [
        ("999999999", "User does not exist", "user_not_found"),
        ("blah", "User ID should be an integer", "user_id_invalid"),
        ("1.5", "User ID should be an integer", "user_id_invalid"),
        ("-", "User ID should be an integer", "user_id_invalid"),
        ("0", "User does not exist", "user_not_found"),
        ("-1", "User does not exist", "user_not_found"),
        ("99999999999999999999999999", "User does not exist", "user_not_found"),
    ],
)
def test_an_unknown_user_is_404(reader, id_, message, code):
    reply = get(f"/users/{id_}", token=reader.token)
    assert (reply.status, reply.json) == (404, fail(code, message))


def test_users_are_listed_by_id(reader):
    reply = get("/users", token=reader.token)
    users = reply.json["data"]["users"]
    assert reply.json["status"] == "success"
    assert [user["id"] for user in users] == sorted(user["id"] for user in users)


def test_users_see_of_each_other_only_the_name(reader, person):
    listed = get(f"/users?after={min(reader.id, person.id) - 1}", token=reader.token).json["data"]["users"]
    users = {user["id"]: user for user in listed}
    assert users[person.id] == {"id": person.id, "username": person.username}
    own = {"id": reader.id, "username": reader.username, "email": reader.email, "active": True, "admin": False}
    assert users[reader.id] == own
    assert get(f"/users/{person.id}", token=reader.token).json["data"] == users[person.id]


def test_an_admin_sees_every_member_of_every_user(admin, person):
    (user,) = get(f"/users?limit=1&after={person.id - 1}", token=admin).json["data"]["users"]
    shown = {"id": person.id, "username": person.username, "email": person.email, "active": True}
    assert user == {**shown, "admin": False}
    assert get(f"/users/{person.id}", token=admin).json["data"] == shown


def test_all_see_every_member_if_users_are_public(person):
    with Daemon("users", PUBLIC_USERS="true") as users:
        assert users.call("GET", f"/users/{person.id}").json["data"]["email"] == person.email
        listed = users.call("GET", f"/users?limit=1&after={person.id - 1}", token=person.token).json["data"]["users"]
    assert listed[0]["email"] == person.email


def test_the_list_is_paged_with_a_link_header(reader):
    people = [Person() for _ in range(3)]
    first = get(f"/users?limit=2&after={people[0].id - 1}", token=reader.token)
    assert [user["id"] for user in first.json["data"]["users"]] == [people[0].id, people[1].id]
    assert first.headers["Link"] == f'</users?limit=2&after={people[1].id}>; rel="next"'
    following = get(f"/users?limit=2&after={people[1].id}", token=reader.token)
    assert people[2].id in [user["id"] for user in following.json["data"]["users"]]


def test_the_last_active_admin_can_not_be_removed(admin):
    """The tests that need other admins make them again."""
    me = get("/auth/status", token=admin).json["data"]["id"]
    abacus.psql("users", f"UPDATE users SET admin = false WHERE id <> {me}")
    for method, body in [("PATCH", {"active": False}), ("PATCH", {"admin": False}), ("DELETE", None)]:
        reply = call(method, f"/users/{me}", body, token=admin)
        assert (reply.status, reply.json) == (409, fail("last_admin", "That is the last active admin."))
    assert get("/auth/status", token=admin).status == 200


def test_one_active_admin_stays_when_two_remove_each_other_at_once(admin):
    me, first, second = get("/auth/status", token=admin).json["data"]["id"], Person(), Person()
    removals = [("PATCH", {"admin": False}), ("PATCH", {"active": False})] * 4 + [("DELETE", None)]
    try:
        for method, body in removals:
            abacus.psql("users", f"UPDATE users SET active = true, admin = id IN ({first.id}, {second.id})")
            tokens = {first.id: second.login(), second.id: first.login()}
            with concurrent.futures.ThreadPoolExecutor(2) as threads:
                replies = [threads.submit(call, method, f"/users/{id_}", body, token=tokens[id_]) for id_ in tokens]
            assert [reply.result().status for reply in replies].count(200) == 1
    finally:
        abacus.psql("users", f"UPDATE users SET admin = true WHERE id = {me}")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=100000000", "after=-1", "after=x", "after=99999999999999999999"]
)
def test_invalid_page_parameters_are_refused(reader, query):
    for path in ("/users", "/api/values", "/api/values/all", "/api/values/current"):
        reply = get(f"{path}?{query}", token=reader.token)
        body = reply.json
        errors = body.pop("errors")
        assert (reply.status, body) == (400, fail("invalid_payload", "Invalid payload."))
        assert [error["field"] for error in errors] == [query.split("=")[0]]


def test_a_user_reads_their_own_record(reader):
    reply = get("/api/user", token=reader.token)
    assert reply.status == 200
    assert reply.json["data"]["email"] == reader.email


def test_the_api_prefix_reaches_users_too(reader):
    assert get(f"/api/users/{reader.id}", token=reader.token).json == get(f"/users/{reader.id}", token=reader.token).json
    assert get("/api/users/ping").json == {"status": "success", "message": "pong!"}
    assert get("/api/users/ping", to="users").json == {"status": "success", "message": "pong!"}


def test_an_admin_adds_a_user(admin):
    word = secrets.token_hex(4)
    person = {**NEW, "username": word, "email": f"{word}@example.com"}
    reply = post("/users", person, token=admin)
    assert (reply.status, reply.json) == (201, {"status": "success", "message": f"{word}@example.com was added!"})
    again = post("/users", person, token=admin)
    assert (again.status, again.json) == (400, abacus.taken("Sorry. That email already exists.", "username", "email"))


def test_checks_run_in_the_order_token_admin_payload(reader, admin):
    assert post("/users", {}).status == 403
    forbidden = post("/users", {}, token=reader.token)
    assert (forbidden.status, forbidden.json) == (401, FORBIDDEN)
    invalid = post("/users", {}, token=admin)
    assert (invalid.status, invalid.json["message"]) == (400, "Invalid payload.")


@pytest.mark.parametrize("method, body", [("POST", NEW), ("PATCH", {"admin": True}), ("DELETE", None)])
def test_only_an_admin_changes_users(reader, method, body):
    path = "/users" if method == "POST" else f"/users/{reader.id}"
    reply = call(method, path, body, token=reader.token)
    assert (reply.status, reply.json) == (401, FORBIDDEN)


def test_an_admin_makes_an_admin(person, admin):
    assert abacus.change_user(person, admin, admin=True).status == 200
    assert get("/auth/status", token=person.login()).json["data"]["admin"] is True


@pytest.mark.parametrize("grave", [{"admin": True}, {"email": "thief@example.com"}])
def test_a_token_of_an_admin_alone_makes_no_admin_and_sets_no_email(person, admin, grave):
    """Otherwise a thief of the token would have an account, or a mailbox, that outlives it."""
    needed = fail("confirmation_required", "Please confirm this with your password.")
    path = f"/users/{person.id}"
    for body in (grave, {**grave, "active": True}):
        reply = call("PATCH", path, body, token=admin)
        assert (reply.status, reply.json) == (403, needed)
    headers = abacus.confirmed_by_password(admin, abacus.ADMIN[1], "change_user", id=str(person.id), active=True)
    reply = call("PATCH", path, grave, token=admin, headers=headers)
    assert (reply.status, reply.json["code"]) == (403, "confirmation_invalid")
    own = get("/auth/status", token=person.token).json["data"]
    assert (own["admin"], own["email"]) == (False, person.email)
    assert call("PATCH", path, {"admin": False, "active": True}, token=admin).status == 200, "as a legacy client sends it"


@pytest.mark.parametrize("was_active", [False, True])
def test_a_token_of_an_admin_alone_activates_no_admin(person, admin, was_active):
    """Otherwise a former admin who knows the password would be one again. One who is active may be deactivated meanwhile."""
    abacus.psql("users", f"UPDATE users SET admin = true, active = {was_active} WHERE id = {person.id}")
    path, active = f"/users/{person.id}", f"SELECT active FROM users WHERE id = {person.id}"
    try:
        for body in ({"active": True}, {"active": True, "admin": False}, {"active": True, "username": "thief"}):
            reply = call("PATCH", path, body, token=admin)
            assert (reply.status, reply.json["code"]) == (403, "confirmation_required")
        assert abacus.psql("users", active) == ("t" if was_active else "f")
        reply = abacus.change_user(person, admin, active=True)
        assert (reply.status, reply.json["data"]["active"], reply.json["data"]["admin"]) == (200, True, True)
    finally:
        abacus.psql("users", f"UPDATE users SET admin = false WHERE id = {person.id}")


def test_a_user_who_is_no_admin_is_activated_without_a_confirmation(person, admin):
    for active in (False, True):
        reply = call("PATCH", f"/users/{person.id}", {"active": active}, token=admin)
        assert (reply.status, reply.json["data"]["active"]) == (200, active), "as a legacy client sends it"


@pytest.mark.parametrize("body", [{}, {"active": "yes"}, {"admin": 1}, {"active": None}])
def test_an_invalid_change_is_refused(person, admin, body):
    reply = call("PATCH", f"/users/{person.id}", body, token=admin)
    seen = reply.json
    assert seen.pop("errors")
    assert (reply.status, seen) == (400, fail("invalid_payload", "Invalid payload."))


@pytest.mark.parametrize("like", ["Name", "NAME", "N\u0430me", "\uff2eAME", "n\u0430m\u0435", "name\ufe0f"])
def test_names_that_look_alike_are_one_name(like):
    """Cyrillic letters, full width, a variation selector; and the case."""
    word = secrets.token_hex(6)
    first = {"username": f"Name {word}", "email": f"{word}@example.com", "password": f"brass beads {word}"}
    assert post("/auth/register", first).status == 201
    second = post("/auth/register", {**first, "username": f"{like}  {word}", "email": f"2{word}@example.com"})
    assert (second.status, second.json) == (400, abacus.taken("Sorry. That user already exists.", "username"))


def test_names_with_letters_of_their_own_are_different_names():
    for name in ("tom", "torn", "to\u043c", "t\u043em\u0301", "töm"):
        word = secrets.token_hex(6)
        person = {"username": f"{name}-{SUITE}", "email": f"{word}@example.com", "password": f"brass beads {word}"}
        assert post("/auth/register", person).status == 201, name


SUITE = secrets.token_hex(6)


def test_a_name_is_stored_and_found_in_one_form_however_it_was_typed():
    word = secrets.token_hex(6)
    composed, decomposed = f"Zo\u00eb {word}", f"Zoe\u0308 {word}"
    person = {"username": decomposed, "email": f"{word}@example.com", "password": f"brass beads {word}"}
    token = post("/auth/register", person).json["auth_token"]
    assert get("/auth/status", token=token).json["data"]["username"] == composed
    for name in (composed, decomposed):
        assert post("/auth", {"username": name, "password": person["password"]}).status == 200


def registration_of(name):
    word = secrets.token_hex(6)
    return post("/auth/register", {"username": name, "email": f"{word}@example.com", "password": "seven brass beads"})


NO_NAMES = {
    "longer in NFC": ("\u0958" * 65, "must have 3 to 128 characters"),
    "shorter in NFC": ("e\u0301a", "must have 3 to 128 characters"),
    "invisible": ("\u3164" * 3, "must contain a visible character"),
    "white space before it": (f" {SUITE}", "must not begin or end with white space"),
    "white space behind it": (f"{SUITE}\u3000", "must not begin or end with white space"),
    "white space behind what is invisible": (f"\u3164 \ufe0f{SUITE}", "must not begin or end with white space"),
    "a character of no width": (f"\u200b{SUITE}", "must not contain control or format characters"),
}


@pytest.mark.parametrize("name, problem", NO_NAMES.values(), ids=NO_NAMES)
def test_the_form_in_which_a_name_is_stored_has_a_length_and_ends_that_are_seen(name, problem):
    reply = registration_of(name)
    errors = [{"field": "username", "message": problem}]
    assert (reply.status, reply.json["code"], reply.json["errors"]) == (400, "invalid_payload", errors)


def test_a_name_can_not_be_turned_into_what_looks_like_another_one():
    """RIGHT-TO-LEFT OVERRIDE: browsers show this name as admin-…"""
    assert registration_of(f"\u202e{secrets.token_hex(6)}-nimda").status == 400
    assert registration_of(f"\u2067{secrets.token_hex(6)}\u2069").status == 400


@pytest.mark.parametrize("migrations", [["0003_names", "0004_skeletons"], ["0004_skeletons"]], ids=" ".join)
def test_the_migrations_keep_names_that_collide_and_the_first_has_the_skeleton(migrations):
    word = secrets.token_hex(6)
    names = [f"Lily {word}", f"Liiy {word}"]
    values = ", ".join(f"('{name}', '{index}{word}@example.com', '-')" for index, name in enumerate(names))
    folder = ROOT / "services/users/migrations"
    up = "".join((folder / f"{name}.up.sql").read_text() for name in migrations)
    down = "".join((folder / f"{name}.down.sql").read_text() for name in reversed(migrations))
    rows = abacus.psql(
        "users",
        f"BEGIN; {down} INSERT INTO users (username, email, password_hash) VALUES {values}; {up}"
        f" SELECT username, skeleton IS NULL FROM users WHERE username LIKE '%{word}' ORDER BY id; ROLLBACK",
    )
    assert rows.splitlines() == [f"{names[0]}|f", f"{names[1]}|t"]


def test_a_user_whom_an_earlier_version_adds_has_a_skeleton_too():
    name = f"Lily {secrets.token_hex(6)}"
    added = f"INSERT INTO users (username, email, password_hash) VALUES ('{name}', '{secrets.token_hex(6)}@example.com', '-')"
    seen = f"SELECT skeleton = users_skeleton(username) FROM users WHERE username = '{name}'"
    assert abacus.psql("users", f"BEGIN; {added}; {seen}; ROLLBACK") == "t"


@pytest.mark.parametrize("method, body", [("PATCH", {"active": False}), ("DELETE", None)])
def test_changing_an_unknown_user_is_404(admin, method, body):
    reply = call(method, "/users/999999999", body, token=admin)
    assert (reply.status, reply.json) == (404, fail("user_not_found", "User does not exist"))


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/users/blah", None),
        ("PATCH", "/users/blah", {"active": False}),
        ("DELETE", "/users/blah", None),
        ("DELETE", "/users/blah/sessions", None),
        ("GET", "/users/blah/events", None),
        ("POST", "/users/blah/reset", None),
    ],
)
def test_each_call_about_one_user_refuses_an_id_that_is_no_number(admin, method, path, body):
    reply = call(method, path, body, token=admin)
    assert (reply.status, reply.json) == (404, fail("user_id_invalid", "User ID should be an integer"))


def test_passwords_and_tokens_are_never_logged(person):
    post("/auth/login", {"email": person.email, "password": person.password})
    get("/auth/status", token=person.token)
    logs = "".join(path.read_text(errors="replace") for path in abacus.RUN_DIR.glob("log/**/*") if path.is_file())
    assert REQUEST_IN_LOG in logs
    assert person.password not in logs
    assert person.token not in logs
    assert abacus.RUN_DIR.joinpath("secrets/SECRET_KEY").read_text().strip() not in logs


REQUEST_IN_LOG = f'"request_id":"{abacus.REQUEST_ID}"'
