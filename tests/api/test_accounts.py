"""Changing and deleting one's own account, and what admins do with the accounts of others: find, rename, log out."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

import abacus
from abacus import Daemon, Person, call, change_user, confirmed_by_password, eventually, fail, get, post

FORBIDDEN = fail("not_permitted", "You do not have permission to do that.")
INVALID_TOKEN = fail("token_invalid", "Invalid token. Please log in again.")
INACTIVE = fail("user_inactive", "Provide a valid auth token.")
INVALID = fail("invalid_payload", "Invalid payload.")
OUTDATED = fail("password_changed", "The password was changed meanwhile.")
NOT_YOURS = [{"field": "current", "message": "is not your password"}]


def taken(*fields):
    return abacus.taken("Another user has that name or email.", *fields)


def own(person, method, **body):
    path = "/auth/password" if method == "PUT" else "/auth/account"
    return call(method, path, {"current": person.password, **body}, token=person.token)


def shown(person, **changes):
    user = {"id": person.id, "username": person.username, "email": person.email, "active": True, "admin": False}
    return {**user, **changes}


def own_record(token):
    return get("/auth/status", token=token).json["data"]


def expect_invalid(reply, *fields):
    body = reply.json
    assert [error["field"] for error in body.pop("errors")] == list(fields)
    assert (reply.status, body) == (400, INVALID)


# ---- one's own account ----


def test_a_user_changes_name_and_email_and_stays_logged_in(person):
    session = post("/auth/session", {"email": person.email, "password": person.password}).json
    word = secrets.token_hex(6)
    new = {"username": f"renamed-{word}", "email": f"renamed-{word}@example.com"}
    reply = own(person, "PATCH", **new)
    assert (reply.status, reply.json) == (
        200,
        {"status": "success", "message": "Your account was changed.", "data": shown(person, **new)},
    )
    assert own_record(person.token) == own_record(session["access_token"]) == shown(person, **new)
    assert post("/auth/session/refresh", {"refresh_token": session["refresh_token"]}).status == 200
    abacus.log_in(new["email"], person.password)
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 404


@pytest.mark.parametrize("field", ["username", "email"])
def test_what_is_not_given_stays(person, field):
    word = secrets.token_hex(6)
    new = {"username": word} if field == "username" else {"email": f"{word}@example.com"}
    assert own(person, "PATCH", **new).status == 200
    assert own_record(person.token) == shown(person, **new)


def test_a_name_may_change_its_case_alone(person):
    assert own(person, "PATCH", username=person.username.upper()).json["data"]["username"] == person.username.upper()


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["username"]),
        ({"username": "ab"}, ["username"]),
        ({"username": None, "email": "x"}, ["username", "email"]),
        ({"username": "\u202enimda"}, ["username"]),
        ({"email": "no-at-sign"}, ["email"]),
    ],
)
def test_a_change_of_the_own_account_obeys_the_rules_of_registering(person, body, fields):
    expect_invalid(own(person, "PATCH", **body), *fields)
    assert own_record(person.token) == shown(person)


@pytest.mark.parametrize("like", [str.upper, lambda name: name.replace("o", "\u043e")], ids=["the case", "Cyrillic"])
def test_a_name_that_looks_like_anothers_is_taken(person, like):
    other = Person()
    reply = own(person, "PATCH", username=like(other.username))
    assert (reply.status, reply.json) == (409, taken("username"))
    assert own_record(person.token) == shown(person)


def test_an_email_of_another_is_taken_whatever_its_case(person):
    reply = own(person, "PATCH", email=Person().email.upper())
    assert (reply.status, reply.json) == (409, taken("email"))
    assert own_record(person.token) == shown(person)


def test_ones_own_name_is_not_the_one_that_is_taken(person):
    reply = own(person, "PATCH", username=person.username.upper(), email=Person().email)
    assert (reply.status, reply.json) == (409, taken("email"))


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("current", ["not the password", None, 7, "p" * 600])
def test_with_a_token_alone_an_account_is_neither_changed_nor_deleted(person, method, current):
    reply = own(person, method, username="taken-over", current=current)
    body = reply.json
    assert (body.pop("errors"), reply.status, body) == (NOT_YOURS, 400, INVALID)
    assert own_record(person.token) == shown(person)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_wrong_passwords_that_should_confirm_count_like_failed_logins(person, method):
    codes = [own(person, method, username="taken-over", current="not the password").status for _ in range(10)]
    assert codes == [400] * 10
    reply = own(person, method, username="taken-over")
    assert (reply.status, reply.json["code"]) == (429, "too_many_attempts")
    assert own_record(person.token) == shown(person)


def test_a_deleted_account_is_gone_with_its_tokens_and_sessions(person):
    session = post("/auth/session", {"email": person.email, "password": person.password}).json
    reply = own(person, "DELETE")
    assert (reply.status, reply.json) == (200, {"status": "success", "message": "Your account was deleted."})
    for token in (person.token, session["access_token"]):
        for path in ("/auth/status", "/api/values"):
            refused = get(path, token=token)
            assert (refused.status, refused.json) == (401, INACTIVE), path
    assert post("/auth/session/refresh", {"refresh_token": session["refresh_token"]}).status == 401
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 404
    assert post("/auth/register", person.credentials).status == 201


def test_the_last_active_admin_can_not_delete_the_own_account(person):
    admins = abacus.psql("users", "SELECT string_agg(id::text, ',') FROM users WHERE admin AND active")
    abacus.psql("users", f"UPDATE users SET admin = id = {person.id} WHERE id IN ({admins}, {person.id})")
    try:
        reply = own(person, "DELETE")
        assert (reply.status, reply.json) == (409, fail("last_admin", "That is the last active admin."))
        assert get("/auth/status", token=person.login()).status == 200
    finally:
        abacus.psql("users", f"UPDATE users SET admin = id <> {person.id} WHERE id IN ({admins}, {person.id})")


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT"])
def test_a_confirmation_by_a_password_that_was_changed_meanwhile_changes_nothing(person, method):
    """The right password has confirmed it, and its statement waits for the lock of the user's row, which the change holds."""
    row = f"users WHERE id = {person.id}"
    with ThreadPoolExecutor() as threads:
        with abacus.Transaction("users", f"SELECT FROM {row} FOR UPDATE") as postgres:
            late = threads.submit(own, person, method, username="taken-over", new="nine wooden beads")
            eventually(lambda: postgres.waiting() == 1, message="the statement waits")
            postgres.run(f"UPDATE users SET password_hash = 'another' WHERE id = {person.id}")
            postgres.commit()
        reply = late.result()
    assert (reply.status, reply.json) == (409, OUTDATED)
    assert abacus.psql("users", f"SELECT username, password_hash FROM {row}") == f"{person.username}|another"


# ---- what admins do ----


def found(token, query, **options):
    parameters = "".join(f"&{name}={value}" for name, value in options.items())
    reply = get(f"/users?query={quote(query, safe='')}{parameters}", token=token)
    assert reply.status == 200, reply
    return [user["id"] for user in reply.json["data"]["users"]]


def test_an_admin_finds_users_by_a_part_of_their_name_or_email_whatever_its_case(admin, person, reader):
    word = person.username.removeprefix("person-")
    assert found(admin, word) == found(admin, f"N-{word.upper()}") == found(admin, f"{word}@EXAMPLE") == [person.id]
    assert found(admin, f"no-{word}") == []
    (user,) = get(f"/users?query={word}", token=admin).json["data"]["users"]
    assert user == shown(person)


@pytest.mark.parametrize("query", ["%", "_", "\\", "%25", "'; --", "*"])
def test_the_searched_text_is_no_pattern(admin, person, query):
    word = person.username.removeprefix("person-")
    assert found(admin, query + word[1:]) == []


def test_a_name_is_found_in_another_form_of_unicode(admin, person):
    word = secrets.token_hex(6)
    assert own(person, "PATCH", username=f"Zo\u00eb {word}").status == 200
    assert found(admin, f"zoe\u0308 {word}") == [person.id]


def test_pages_of_a_search_are_linked_with_it(admin):
    word = secrets.token_hex(6)
    people = [Person() for _ in range(3)]
    for number, person in enumerate(people):
        assert own(person, "PATCH", username=f"{number} & {word}").status == 200
    first = get(f"/users?query=%26%20{word}&limit=2", token=admin)
    assert [user["id"] for user in first.json["data"]["users"]] == [person.id for person in people[:2]]
    link = f"/users?limit=2&after={people[1].id}&query=%26%20{word}"
    assert first.headers["Link"] == f'<{link}>; rel="next"'
    assert [user["id"] for user in get(link, token=admin).json["data"]["users"]] == [people[2].id]


FILTERS = ["query=a", "active=true", "admin=true", "sort=email", "order=desc"]


@pytest.mark.parametrize("parameter", FILTERS)
def test_only_admins_search_filter_and_sort(reader, parameter):
    """By the email a search would show others which addresses there are, letter by letter, and so would an order by it."""
    reply = get(f"/users?{parameter}", token=reader.token)
    assert (reply.status, reply.json) == (401, FORBIDDEN)


def test_only_admins_search_filter_and_sort_public_users_too(reader, admin):
    """Because a page of these reads many users, which any number of strangers could repeat. An active=true without a token once
    ended the process."""
    path = f"/users?query={reader.username}"
    with Daemon("users", PUBLIC_USERS="true") as users:
        assert users.call("GET", "/users?limit=1").status == 200
        for filtered in FILTERS:
            assert users.call("GET", f"/users?{filtered}").status == 403
            assert users.call("GET", f"/users?{filtered}", token=reader.token).json == FORBIDDEN
        assert [user["id"] for user in users.call("GET", path, token=admin).json["data"]["users"]] == [reader.id]


@pytest.mark.parametrize("query", ["", "x" * 513, "%ff"])
def test_an_invalid_search_is_refused(admin, query):
    expect_invalid(get(f"/users?query={query}", token=admin), "query")


@pytest.fixture(scope="module")
def few(admin):
    """Three users with a word in their names: one is inactive, one an admin. Their emails are in another order."""
    word = secrets.token_hex(6)
    people = [Person() for _ in range(3)]
    for name, email, person in zip("bCa", "xYw", people, strict=True):
        change = {"username": f"{name} & {word}", "email": f"{email}{word}@example.com"}
        assert change_user(person, admin, **change).status == 200
    assert call("PATCH", f"/users/{people[0].id}", {"active": False}, token=admin).status == 200
    assert change_user(people[1], admin, admin=True).status == 200
    yield word, [person.id for person in people]
    assert call("DELETE", f"/users/{people[1].id}", token=admin).status == 200


def test_an_admin_lists_only_those_who_are_active_or_admins_or_not(admin, few):
    word, (inactive, other_admin, plain) = few
    assert found(admin, word, active="false") == [inactive]
    assert found(admin, word, active="true") == [other_admin, plain]
    assert found(admin, word, admin="true") == [other_admin]
    assert found(admin, word, admin="false", active="true") == [plain]


def pages(admin, path):
    """The ids of each page, as the Links lead from one to the next."""
    ids = []
    while path:
        reply = get(path, token=admin)
        assert reply.status == 200, reply
        ids.append([user["id"] for user in reply.json["data"]["users"]])
        path = reply.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert len(ids) < 10
    return ids


@pytest.mark.parametrize(
    "order, expected",
    [
        ({"sort": "id"}, [[0, 1], [2]]),
        ({"order": "desc"}, [[2, 1], [0]]),
        ({"sort": "username"}, [[2, 0], [1]]),
        ({"sort": "username", "order": "desc"}, [[1, 0], [2]]),
        ({"sort": "email", "order": "asc"}, [[2, 0], [1]]),
        ({"sort": "email", "order": "desc"}, [[1, 0], [2]]),
    ],
)
def test_an_admin_sorts_by_id_name_or_email_whatever_their_case_and_pages_follow(admin, few, order, expected):
    word, ids = few
    parameters = "".join(f"&{name}={value}" for name, value in order.items())
    assert pages(admin, f"/users?limit=2&query={word}{parameters}") == [[ids[place] for place in page] for page in expected]


@pytest.mark.parametrize("sort", ["id", "username", "email"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_page_goes_on_behind_a_user_who_is_gone_since_only_by_id(admin, sort, order):
    """The Link has an id and no text, which would get into the logs of URLs."""
    word = secrets.token_hex(6)
    people = [Person() for _ in range(3)]
    for name, person in zip("abc", people, strict=True):
        changed = own(person, "PATCH", username=f"{name}{word}", email=f"{name}{word}@example.com")
        assert changed.status == 200, changed
    first = get(f"/users?limit=2&query={word}&sort={sort}&order={order}", token=admin)
    path = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert f"after={people[1].id}&" in path
    assert call("DELETE", f"/users/{people[1].id}", token=admin).status == 200
    following = get(path, token=admin)
    if sort == "id":
        assert [user["id"] for user in following.json["data"]["users"]] == [people[2 if order == "asc" else 0].id]
    else:
        expect_invalid(following, "after")


def test_the_first_user_of_all_and_the_last_are_in_an_order_that_descends(admin):
    def begins_with(order):
        (user,) = get(f"/users?limit=1&sort=username&order={order}", token=admin).json["data"]["users"]
        return user["username"]

    names = "SELECT username FROM users ORDER BY lower(username)"
    assert begins_with("asc") == abacus.psql("users", f"{names} LIMIT 1")
    assert begins_with("desc") == abacus.psql("users", f"{names} DESC LIMIT 1")


@pytest.mark.parametrize(
    "parameter, value",
    [
        ("active", "yes"),
        ("admin", ""),
        ("sort", "password_hash"),
        ("order", "newest"),
        ("after", "a"),
        ("sort=email&after", ""),
        ("sort=email&after", "ada@example.com"),
        ("sort=username&after", "-1"),
        ("sort=username&order=desc&after", "9223372036854775807"),
    ],
)
def test_an_invalid_filter_or_order_is_refused(admin, parameter, value):
    expect_invalid(get(f"/users?{parameter}={value}", token=admin), parameter.rpartition("&")[2])


def test_a_page_that_has_looked_at_as_many_users_as_it_may_leads_on(admin, few):
    """The window of 20,000 is full of users whom only the database knows, until the test ends."""
    word, ids = few
    name = f"crowd-{secrets.token_hex(4)}"
    abacus.psql(
        "users",
        "INSERT INTO users (username, skeleton, email, password_hash) SELECT n, n, n || '@example.com', ''"
        f" FROM (SELECT '{name}-' || generate_series(1, 20000) AS n) crowd",
    )
    try:
        first, *others = pages(admin, f"/users?query={word}&order=desc")
        assert first == []
        assert [user for page in others for user in page] == [*reversed(ids)]
    finally:
        abacus.psql("users", f"DELETE FROM users WHERE username LIKE '{name}-%'")


def test_an_admin_changes_name_and_email_of_a_user(admin, person):
    word = secrets.token_hex(6)
    new = {"username": f"renamed-{word}", "email": f"renamed-{word}@example.com"}
    reply = change_user(person, admin, **new)
    assert (reply.status, reply.json["data"]) == (200, shown(person, **new))
    assert own_record(person.token) == shown(person, **new)
    assert own_record(abacus.log_in(new["email"], person.password)) == shown(person, **new)


def test_an_admin_renames_and_deactivates_in_one_change(admin, person):
    word = secrets.token_hex(6)
    reply = call("PATCH", f"/users/{person.id}", {"username": word, "active": False}, token=admin)
    assert reply.json["data"] == shown(person, username=word, active=False)
    assert get("/auth/status", token=person.token).status == 401


def test_an_admin_gives_no_user_the_name_or_email_of_another(admin, person):
    other = Person()
    for new in ({"username": other.username.upper()}, {"email": other.email}, {"email": other.email, "active": False}):
        reply = change_user(person, admin, **new)
        assert (reply.status, reply.json) == (409, taken(*(field for field in new if field != "active")))
    assert own_record(person.token) == shown(person)


@pytest.mark.parametrize("body, field", [({"username": " ada"}, "username"), ({"email": 7}, "email")])
def test_an_admin_obeys_the_rules_for_names_too(admin, person, body, field):
    expect_invalid(call("PATCH", f"/users/{person.id}", body, token=admin), field)


def test_a_name_from_before_lookalikes_were_refused_is_compared_once_it_is_set_again(person):
    abacus.psql("users", f"UPDATE users SET skeleton = NULL WHERE id = {person.id}")
    assert own(person, "PATCH", email=person.email).status == 200
    assert abacus.psql("users", f"SELECT skeleton IS NULL FROM users WHERE id = {person.id}") == "t"
    assert own(person, "PATCH", username=person.username).status == 200
    assert abacus.psql("users", f"SELECT skeleton = users_skeleton(username) FROM users WHERE id = {person.id}") == "t"


def end_sessions(admin, user_id):
    headers = confirmed_by_password(admin, abacus.ADMIN[1], "end_user_sessions", id=str(user_id))
    return call("DELETE", f"/users/{user_id}/sessions", token=admin, headers=headers)


def test_an_admin_ends_all_sessions_of_a_user(admin, person):
    session = post("/auth/session", {"email": person.email, "password": person.password}).json
    reply = end_sessions(admin, person.id)
    assert (reply.status, reply.json) == (200, {"status": "success", "message": "All sessions of the user were ended."})
    for token in (person.token, session["access_token"]):
        for path in ("/auth/status", "/api/values"):
            refused = get(path, token=token)
            assert (refused.status, refused.json) == (401, INVALID_TOKEN), path
    assert post("/auth/session/refresh", {"refresh_token": session["refresh_token"]}).status == 401
    fresh = person.login()
    assert get("/auth/sessions", token=fresh).json["data"]["sessions"] == []
    assert get("/api/values", token=fresh).status == 200


def test_sessions_of_an_inactive_user_can_be_ended_and_the_user_stays_inactive(admin, person):
    assert call("PATCH", f"/users/{person.id}", {"active": False}, token=admin).status == 200
    assert end_sessions(admin, person.id).status == 200
    for path in ("/auth/status", "/api/values"):
        refused = get(path, token=person.login())
        assert (refused.status, refused.json) == (401, INACTIVE), path


def test_only_an_admin_ends_the_sessions_of_others(admin, person, reader):
    path = f"/users/{person.id}/sessions"
    reply = call("DELETE", path, token=reader.token)
    assert (reply.status, reply.json) == (401, FORBIDDEN)
    assert get("/auth/status", token=person.token).status == 200
    unknown = end_sessions(admin, 999999999)
    assert (unknown.status, unknown.json) == (404, fail("user_not_found", "User does not exist"))
