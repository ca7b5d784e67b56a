#!/usr/bin/env python3
"""usage: release_check.py URL [SERVICE...] tests a running system as its users see it, and exits with 1 and a reason at the
first fault. SERVICE: users, values, healthcheck, client, swagger; default: all. It registers a user, and deletes that user in
the end with all that is theirs.

On ECS this is the function ReleaseCheck (abacus.yaml). ECS calls it for each service behind the load balancer when test
traffic reaches the new tasks, and before any request of a user does; if it reports FAILED, or nothing, the new tasks are
dropped. tests/api/test_sound_release.py runs it on every system that is tested. Of the tests in tests/api it repeats what
every user needs and no more, because those want the passwords of admins, exhaust limits, and leave behind what they made."""

import http.client
import json
import os
import random
import re
import secrets
import ssl
import sys
import time
import urllib.parse

ANSWERS_WITHIN_S = 30  # the load balancer needs some seconds to follow a change of its rules
RESULT_WITHIN_S = 30
REQUEST_S = 10
BODY_BYTES = 4_000_000
WATCHED = {"users", "values", "worker", "mailer", "healthcheck"}


class FaultError(Exception):
    pass


class System:
    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)

    def connect(self):
        if self.url.scheme != "https":
            return http.client.HTTPConnection(self.url.netloc, timeout=REQUEST_S)
        # The certificate names the domain, and not the load balancer. The only secret sent is the password of a user who is
        # about to be deleted.
        return http.client.HTTPSConnection(self.url.netloc, timeout=REQUEST_S, context=ssl._create_unverified_context())

    def ask(self, method, path, body=None, token=None, accept="*/*"):
        """The status and the body. A dict is sent as JSON."""
        headers = {"Accept": accept} | ({"Content-Type": "application/json"} if body else {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = self.connect()
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            reply = connection.getresponse()
            return reply.status, reply.read(BODY_BYTES).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise FaultError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def expect(self, status, method, path, body=None, token=None):
        """The body; a FaultError if the status is another."""
        seen, text = self.ask(method, path, body, token)
        if seen != status:
            raise FaultError(f"{method} {path}: {seen} where {status} was expected")
        return text

    def json(self, status, method, path, body=None, token=None):
        text = self.expect(status, method, path, body, token)
        try:
            return json.loads(text)
        except ValueError as error:
            raise FaultError(f"{method} {path}: the answer is not JSON") from error


def eventually(check, limit_s, what):
    end = time.monotonic() + limit_s
    while not (seen := check()):
        if time.monotonic() > end:
            raise FaultError(f"not within {limit_s} s: {what}")
        time.sleep(0.5)
    return seen


class User:
    """Registered by its constructor, and deleted at the end of `with`. A fault that was found before counts more than one of
    the deletion."""

    def __init__(self, system):
        word = secrets.token_hex(8)
        self.system, self.name, self.email, self.password = (
            system,
            f"release-check-{word}",
            f"release-check-{word}@example.com",  # no person's (RFC 2606); the domain refuses mail by a null MX (RFC 7505)
            secrets.token_urlsafe(24),
        )
        registration = {"username": self.name, "email": self.email, "password": self.password}
        self.token = system.json(201, "POST", "/auth/register", registration)["auth_token"]

    def log_in(self, password=None, status=200):
        login = {"email": self.email, "password": password or self.password}
        self.token = self.system.json(status, "POST", "/auth/login", login).get("auth_token", self.token)

    def delete(self):
        if self.system.ask("GET", "/auth/status", token=self.token)[0] == 401:
            self.log_in()
        self.system.expect(200, "DELETE", "/auth/account", {"current": self.password}, self.token)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.delete()
        except FaultError as fault:
            if kind is None:
                raise
            print(f"release check: {self.name} is left behind: {fault}", file=sys.stderr)


def check_users(system):
    with User(system) as user:
        user.log_in(password="not " + user.password, status=404)
        shown = system.json(200, "GET", "/auth/status", token=user.token)["data"]
        if shown["email"] != user.email:
            raise FaultError("GET /auth/status shows another user")
        system.expect(200, "GET", "/auth/logout", token=user.token)
        system.expect(401, "GET", "/auth/status", token=user.token)
        user.log_in()


def fibonacci(index):
    last, number = 0, 1
    for _ in range(index):
        last, number = number, last + number
    return number


def instances(system):
    return system.json(200, "GET", "/api/healthcheck")["data"]["services"]


def is_up(instance):
    return instance["status"] != "down"


def has_worker(system):
    return any(one["name"] == "worker" and is_up(one) for one in instances(system))


def check_values(system):
    """A calculation goes through values, Postgres, Redis and a worker, and comes back whole. While no worker is up it may wait
    for one, because worker is rolled out after values, and the release may be what repairs it."""
    index = random.randrange(1001, 4000)
    with User(system) as user:
        system.expect(401, "GET", "/api/values", token="no token")
        system.expect(200, "POST", "/api/values", {"index": index}, user.token)

        def ask_result():
            return system.ask("GET", f"/api/values/fibonacci/{index}", token=user.token, accept="text/plain")

        def result():
            status, text = ask_result()
            return status == 200 and text

        try:
            seen = eventually(result, RESULT_WITHIN_S, f"the result of index {index}")
        except FaultError:
            if ask_result()[0] == 202 and not has_worker(system):
                return
            raise
        if seen.strip() != str(fibonacci(index)):
            raise FaultError(f"the result of index {index} is wrong")


def check_healthcheck(system):
    """It lists every service, also one without an instance, and reaches any. Not every one is up, because the release may be
    what repairs one."""

    def watches():
        seen = instances(system)
        return {one["name"] for one in seen} >= WATCHED and any(map(is_up, seen))

    eventually(watches, RESULT_WITHIN_S, f"healthcheck lists {', '.join(sorted(WATCHED))}, and finds one of them up")
    if "<title>" not in system.expect(200, "GET", "/status/"):
        raise FaultError("GET /status/: that is not the dashboard")


def check_client(system):
    """The page, and every script and style sheet that it names."""
    for path in "/", "/status", "/account":
        page = system.expect(200, "GET", path)
        named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
        if not named:
            raise FaultError(f"GET {path}: the page names no script")
    for path in named:
        system.expect(200, "GET", path)


def check_swagger(system):
    system.expect(200, "GET", "/swagger/")


CHECKS = {
    "users": ("/users/ping", check_users),
    "values": ("/api/values/kinds", check_values),
    "healthcheck": ("/api/healthcheck", check_healthcheck),
    "client": ("/", check_client),
    "swagger": ("/swagger/", check_swagger),
}


def answers(system, path):
    try:
        return system.ask("GET", path)[0] == 200
    except FaultError:
        return False


def check(system, service):
    path, function = CHECKS[service]
    eventually(lambda: answers(system, path), ANSWERS_WITHIN_S, f"GET {path} is answered")
    try:
        function(system)
    except (LookupError, TypeError, AttributeError) as error:  # an answer that lacks what it should have
        raise FaultError(f"{service}: an answer has another form: {error!r}") from error


def has_nothing_to_test(deployment):
    """Whether the service is made just now, when what the check needs may be missing, or has no tasks (stage at night)."""
    import boto3

    (found,) = boto3.client("ecs").describe_service_deployments(serviceDeploymentArns=[deployment])["serviceDeployments"]
    return not found.get("sourceServiceRevisions") or found["targetServiceRevision"]["requestedTaskCount"] == 0


def handler(event, _context):
    """What ECS calls at the stage POST_TEST_TRAFFIC_SHIFT of the service deployment `resourceArn`."""
    service = event["executionDetails"]["serviceArn"].rpartition("/")[2]
    if has_nothing_to_test(event["resourceArn"]):
        return {"hookStatus": "SUCCEEDED"}
    try:
        check(System(os.environ["URL"]), service)
    except FaultError as fault:
        print(f"release check of {service}: {fault}")
        return {"hookStatus": "FAILED"}
    return {"hookStatus": "SUCCEEDED"}


def main(arguments):
    if not arguments or set(arguments[1:]) - set(CHECKS):
        print((__doc__ or "").split("\n\n")[0], file=sys.stderr)
        return 64
    try:
        for service in arguments[1:] or CHECKS:
            check(System(arguments[0]), service)
    except FaultError as fault:
        print(f"release_check: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
