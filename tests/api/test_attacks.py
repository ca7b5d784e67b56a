"""Attacks on accounts that need a statistic, or go through several parts of the system; docs/security.md lists all of them."""

import random
import re
import statistics
import time

import pytest

import abacus
from abacus import Daemon, Person, call, eventually, get, messages, post

PAIRS, MISSES_MAX = 20, 1
LINK = re.compile(r"(\S+)/(?:reset|verify)#")
EVIL = "evil.test"


# ---- who has an account, by time ----


def duration_s(ask):
    start = time.perf_counter()
    ask()
    return time.perf_counter() - start


def expect_the_same_time(known, unknown):
    """A sign test. Both are asked in pairs, one after the other and in either order, so that other load affects both alike. If
    neither takes longer by more than a quarter of the median, then each is longer by that much in half of the pairs at most.
    So 19 of 20 pairs on one side come by chance once in 24,000 runs at most, whatever the times are distributed like. A
    password hash that only one of both computes makes it the longer one in every pair."""
    times = {known: [], unknown: []}
    for number in range(PAIRS):
        for ask in random.sample(list(times), 2):
            times[ask].append(duration_s(lambda ask=ask, number=number: ask(number)))
    quarter = statistics.median(times[known] + times[unknown]) / 4
    differences = [first - second for first, second in zip(times[known], times[unknown], strict=True)]
    for sign in (1, -1):
        assert sum(sign * difference > quarter for difference in differences) < PAIRS - MISSES_MAX, times


def asking(path, body, status):
    """Each time from another address, because failed logins are limited."""

    def ask(number):
        reply = post(path, body, to="users", headers={"X-Forwarded-For": f"198.51.100.{number}"})
        assert reply.status == status, reply

    return ask


def inactive(admin):
    person = Person()
    assert call("PATCH", f"/users/{person.id}", {"active": False}, token=admin).status == 200
    return person


@pytest.mark.parametrize("path, status", [("/auth/session", 401), ("/auth/login", 404)])
def test_a_wrong_password_and_an_unknown_user_take_the_same_time(person, path, status):
    wrong, unknown = ({"email": one, "password": "not the password"} for one in (person.email, f"nobody-{person.email}"))
    expect_the_same_time(asking(path, wrong, status), asking(path, unknown, status))


def test_the_right_password_of_an_inactive_user_takes_as_long_as_an_unknown_user(admin):
    person = inactive(admin)
    right, unknown = ({"email": one, "password": person.password} for one in (person.email, f"nobody-{person.email}"))
    expect_the_same_time(asking("/auth/session", right, 401), asking("/auth/session", unknown, 401))


def test_a_forgotten_password_takes_the_same_time_with_and_without_an_account(person):
    known, unknown = ({"email": one} for one in (person.email, f"nobody-{person.email}"))
    expect_the_same_time(asking("/auth/password/forgot", known, 202), asking("/auth/password/forgot", unknown, 202))


# ---- headers of messages ----


@pytest.mark.parametrize(
    "end",
    [
        "\r\nBcc: other@evil.test",
        "\nBcc: other@evil.test",
        "\rBcc: other@evil.test",
        "\r\n\r\nanother body",
        ", other@evil.test",
        " other@evil.test",
        ">\r\nRCPT TO:<other@evil.test",
        "> other@evil.test",
        "\u2028Bcc: other@evil.test",
        "%0d%0aBcc:other@evil.test",
        "\0other@evil.test",
    ],
)
def test_an_address_that_adds_a_header_or_a_recipient_is_refused_wherever_it_is_given(person, admin, end):
    address = person.email + end
    body = {"email": address, "username": person.username + "-2", "password": person.password, "current": person.password}
    replies = [
        post("/auth/register", body),
        post("/users", body, token=admin),
        call("PATCH", "/auth/account", body, token=person.token),
        call("PATCH", f"/users/{person.id}", body, token=admin),
        post("/auth/password/forgot", body),
    ]
    assert {(reply.status, reply.json["code"]) for reply in replies} <= {(400, "invalid_payload"), (400, "malformed_json")}
    assert get("/auth/status", token=person.token).json["data"]["email"] == person.email


# ---- links and redirects to another host ----


def hosts_of_links(address, subject):
    """What comes before the path in the links of the messages."""
    return {
        host
        for message in messages(address, subject)
        for part in message.iter_parts()
        for host in LINK.findall(part.get_content().replace('href="', " "))
    }


def test_links_lead_to_our_host_whatever_the_request_names(person):
    abacus.native("the messages of mailer")
    headers = {
        "Host": EVIL,
        "X-Forwarded-Host": EVIL,
        "X-Forwarded-Proto": "https",
        "Forwarded": f"host={EVIL}",
        "Referer": EVIL,
    }
    assert post("/auth/password/forgot", {"email": person.email}, headers=headers).status == 202
    with Daemon("users", EMAIL_VERIFICATION="required") as users:
        assert users.call("POST", "/auth/email", token=person.token, headers=headers).status == 202
        for subject in "Choose a new password", "Confirm your email address":
            found = eventually(lambda subject=subject: hosts_of_links(person.email, subject), message=subject)
            assert found == {f"http://localhost:{abacus.PORT}"}


@pytest.mark.parametrize(
    "path, place",
    [
        ("/swagger", "/swagger/"),
        (f"/swagger?next=//{EVIL}", "/swagger/"),
        (f"http://{EVIL}/swagger", "/swagger/"),
        (f"//{EVIL}", None),
        (f"//{EVIL}/swagger", None),
        (f"/.//{EVIL}/..", None),
        (f"/%2f%2f{EVIL}", None),
        (f"/\\{EVIL}", None),
        (f"/swagger/..//{EVIL}", None),
        (f"/assets//{EVIL}/", None),
        (f"/status?//{EVIL}", None),
        ("/auth/", None),
        ("/users/", None),
    ],
)
def test_no_redirect_leaves_the_host(path, place):
    request = f"GET {path} HTTP/1.1\r\nHost: {EVIL}\r\nConnection: close\r\n\r\n"
    head = abacus.exchange(request.encode()).decode("latin-1").split("\r\n\r\n")[0]
    found = re.findall(r"(?im)^(?:location|refresh): *(.*?)\r?$", head)
    assert found == ([place] if place else []), head
