"""Under light load: a replica is killed, and all are replaced, and nobody outside notices."""

import http.client
import json
import os
import secrets
import threading
import time

import pytest

from engine import KIND, compose, containers, docker, run

PORT = int(os.environ["PORT"])
pytestmark = pytest.mark.skipif(KIND != "prod", reason="replicas run in production alone")


def call(method, path, body=None, token=None):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    except OSError as error:
        return 0, repr(error)
    finally:
        connection.close()


class Load:
    """A few requests at a time, about a hundred a second, until the end of `with`. failed: (path, status, body)."""

    def __init__(self, requests, threads=4):
        self.requests, self.count, self.failed, self.is_over = requests, 0, [], False
        self.slowest_ms = 0
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]

    def run(self, number):
        while not self.is_over:
            method, path, body, token = self.requests[(self.count + number) % len(self.requests)]
            begun = time.monotonic()
            status, text = call(method, path, body, token)
            self.slowest_ms = max(self.slowest_ms, (time.monotonic() - begun) * 1000)
            self.count += 1
            if status not in (200, 201):
                self.failed.append((method, path, status, text[:200]))
            time.sleep(0.03)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(2)
        self.is_over = True
        for thread in self.threads:
            thread.join()
        print(f"{self.count} requests, {len(self.failed)} failed, slowest {self.slowest_ms:.0f} ms")


@pytest.fixture(scope="module")
def token():
    word = secrets.token_hex(6)
    status, body = call(
        "POST", "/auth/register", {"username": f"load-{word}", "email": f"{word}@example.com", "password": word * 2}
    )
    assert status == 201, body
    return json.loads(body)["auth_token"]


def reads(token):
    return [
        ("GET", "/users/ping", None, None),
        ("GET", "/auth/status", None, token),
        ("GET", "/api/values/kinds", None, None),
        ("GET", "/api/values/current?limit=10", None, token),
        ("GET", "/", None, None),
    ]


def healthy(service, count):
    for _ in range(300):
        found = containers(service)
        if len(found) == count and all(one["State"]["Health"]["Status"] == "healthy" for one in found):
            return True
        time.sleep(0.2)
    return False


@pytest.mark.parametrize("service", ["users", "values"])
def test_a_replica_is_killed_and_no_read_fails(service, token):
    assert len(containers(service)) == 2
    with Load(reads(token)) as load:
        docker("kill", containers(service)[0]["Id"])
        time.sleep(5)
    compose("up", "-d", "--no-build", "--no-recreate", "--no-deps", service)
    assert load.failed == [] and load.count > 100
    assert healthy(service, 2)


@pytest.mark.parametrize("service", ["users", "values"])
def test_a_killed_process_is_back_by_itself_and_no_read_fails(service, token):
    victim = containers(service)[0]
    with Load(reads(token)) as load:
        os.kill(victim["State"]["Pid"], 9)
        time.sleep(4)
    assert load.failed == []
    assert healthy(service, 2)


def test_all_replicas_are_replaced_one_by_one_and_no_request_fails(token):
    before = {one["Id"] for service in ("users", "values") for one in containers(service)}
    everything = [*reads(token), ("POST", "/api/values", {"index": 30}, token)]
    with Load(everything) as load:
        done = run("scripts/rolling-replace", "users", "values")
        assert done.returncode == 0, done.out
    after = {one["Id"] for service in ("users", "values") for one in containers(service)}
    assert load.failed == [] and load.count > 100
    assert len(after) == 4 and not before & after
