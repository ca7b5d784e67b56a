"""deploy/ecs/release_check.py: what passes for a sound system, and what does not. tests/api/test_sound_release.py runs it on
the real one."""

import http.server
import importlib.util
import itertools
import json
import sys
import threading
import types

import pytest

from harness import ROOT, run

PROGRAM = ROOT / "deploy/ecs/release_check.py"
PAGE = '<script type="module" src="/assets/index-1a2b.js"></script><link rel="stylesheet" href="/assets/index-3c4d.css">'


def health(down=()):
    """What healthcheck shows."""
    names = "users", "values", "worker", "mailer", "healthcheck"
    return {"data": {"services": [{"name": name, "status": "down" if name in down else "up"} for name in names]}}


class Sound:
    """Answers as the system does, but for the answers of `faults`: {(method, path): (status, text)}."""

    def __init__(self, faults):
        self.faults, self.users, self.tokens = faults, {}, {}

    def answer(self, method, path, body, token):
        kind = "/".join(path.split("/")[:-1]) + "/" if path.startswith("/api/values/fibonacci/") else path
        if (method, kind) in self.faults:
            return self.faults[method, kind]
        match method, kind:
            case "POST", "/auth/register":
                self.users[body["email"]] = body["password"]
                return 201, {"auth_token": self.new_token(body["email"])}
            case "POST", "/auth/login" if self.users.get(body["email"]) == body["password"]:
                return 200, {"auth_token": self.new_token(body["email"])}
            case "POST", "/auth/login":
                return 404, {"status": "fail"}
            case "GET", "/users/ping" | "/api/values/kinds" | "/swagger/":
                return 200, ""
            case "GET", "/" | "/status" | "/account":
                return 200, PAGE
            case "GET", "/assets/index-1a2b.js" | "/assets/index-3c4d.css":
                return 200, ""
            case "GET", "/status/":
                return 200, "<title>Abacus status</title>"
            case "GET", "/api/healthcheck":
                return 200, health()
        return self.answer_user(method, kind, path, body, token) if token in self.tokens else (401, {"status": "fail"})

    def answer_user(self, method, kind, path, body, token):
        match method, kind:
            case "GET", "/auth/status":
                return 200, {"data": {"email": self.tokens[token]}}
            case "GET", "/auth/logout":
                del self.tokens[token]
                return 200, {}
            case "DELETE", "/auth/account" if self.users.get(self.tokens[token]) == body["current"]:
                del self.users[self.tokens[token]]
                return 200, {}
            case "POST", "/api/values":
                return 200, {"working": True}
            case "GET", "/api/values/fibonacci/":
                before, number = 0, 1
                for _ in range(int(path.rpartition("/")[2])):
                    before, number = number, before + number
                return 200, str(number)
        return 404, {}

    def new_token(self, email):
        token = f"token-{len(self.tokens)}-{email}"
        self.tokens[token] = email
        return token


@pytest.fixture
def served():
    """serve(faults): the system, and its URL."""
    servers = []

    def serve(faults=()):
        system = Sound(dict(faults))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                status, text = system.answer(self.command, self.path, json.loads(body) if body else None, token)
                self.send_response(status)
                self.end_headers()
                self.wfile.write((text if isinstance(text, str) else json.dumps(text)).encode())

            def do_POST(self):
                self.do_GET()

            def do_DELETE(self):
                self.do_GET()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return system, f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def program(monkeypatch):
    """The module, on a clock of which each look takes half a second."""
    spec = importlib.util.spec_from_file_location("release_check", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ticks = itertools.count()
    clock = types.SimpleNamespace(monotonic=lambda: next(ticks) / 2, sleep=lambda _: None)
    monkeypatch.setattr(module, "time", clock)
    return module


@pytest.mark.parametrize("services", [[], ["values"], ["swagger", "client"]])
def test_a_sound_system_passes_and_nothing_is_left_behind(served, services):
    system, url = served()
    assert run("python3", PROGRAM, url, *services).stdout == ""
    assert system.users == {}


ALL_DOWN = health(down=("users", "values", "worker", "mailer", "healthcheck"))
INCOMPLETE = {"data": {"services": [{"name": "users", "status": "up"}]}}
WATCHES = "not within 30 s: healthcheck lists healthcheck, mailer, users, values, worker, and finds one of them up"
FAULTS = [
    ("users", "POST", "/auth/register", (503, ""), "POST /auth/register: 503 where 201 was expected"),
    ("users", "POST", "/auth/register", (201, "{"), "the answer is not JSON"),
    ("users", "POST", "/auth/register", (201, {}), "users: an answer has another form: KeyError('auth_token')"),
    ("users", "POST", "/auth/login", (200, {"auth_token": "x"}), "POST /auth/login: 200 where 404 was expected"),
    ("users", "POST", "/auth/login", (404, {}), "POST /auth/login: 404 where 200 was expected"),
    ("users", "DELETE", "/auth/account", (503, ""), "DELETE /auth/account: 503 where 200 was expected"),
    ("users", "GET", "/auth/status", (200, {"data": {"email": "x"}}), "shows another user"),
    ("users", "GET", "/auth/status", (500, ""), "GET /auth/status: 500 where 200"),
    ("users", "GET", "/auth/logout", (200, ""), "GET /auth/status: 200 where 401 was expected"),
    ("values", "GET", "/api/values", (200, ""), "GET /api/values: 200 where 401 was expected"),
    ("values", "POST", "/api/values", (503, ""), "POST /api/values: 503 where 200 was expected"),
    ("values", "GET", "/api/values/fibonacci/", (404, ""), "not within 30 s: the result of index"),
    ("values", "GET", "/api/values/fibonacci/", (200, "21"), "is wrong"),
    ("values", "GET", "/api/values/kinds", (502, ""), "not within 30 s: GET /api/values/kinds is answered"),
    ("values", "GET", "/api/values/fibonacci/", (202, ""), "not within 30 s: the result of index"),
    ("healthcheck", "GET", "/api/healthcheck", (200, INCOMPLETE), WATCHES),
    ("healthcheck", "GET", "/api/healthcheck", (200, ALL_DOWN), WATCHES),
    ("healthcheck", "GET", "/status/", (200, ""), "that is not the dashboard"),
    ("client", "GET", "/account", (200, "<h1>Welcome to nginx!</h1>"), "GET /account: the page names no script"),
    ("client", "GET", "/assets/index-3c4d.css", (404, ""), "GET /assets/index-3c4d.css: 404 where 200 was expected"),
]


LEAVES_THE_USER = ("POST", "/auth/login"), ("DELETE", "/auth/account")


@pytest.mark.parametrize("service, method, path, answer, reason", FAULTS)
def test_a_fault_is_named_and_the_user_is_deleted_all_the_same(served, program, service, method, path, answer, reason):
    system, url = served({(method, path): answer})
    with pytest.raises(program.FaultError) as fault:
        program.check(program.System(url), service)
    assert reason in str(fault.value)
    assert system.users == {} or (method, path) in LEAVES_THE_USER


def test_a_user_whose_token_is_dead_is_deleted_too(served, program):
    system, url = served()
    with program.User(program.System(url)):
        system.tokens.clear()
    assert system.users == {}


PENDING = ("GET", "/api/values/fibonacci/")
WORKER_DOWN = {("GET", "/api/healthcheck"): (200, health(down=("worker", "mailer")))}


def test_a_release_that_repairs_worker_and_mailer_passes_because_they_come_last(served, program):
    system, url = served(WORKER_DOWN | {PENDING: (202, "")})
    for service in program.CHECKS:
        program.check(program.System(url), service)
    assert system.users == {}


def test_while_no_worker_is_up_a_result_may_be_pending_and_nothing_else(served, program):
    with pytest.raises(program.FaultError, match=r"not within 30 s: the result of index"):
        program.check(program.System(served(WORKER_DOWN | {PENDING: (404, "")})[1]), "values")


def test_healthcheck_gets_time_to_find_the_services(served, program):
    looks = iter([ALL_DOWN, INCOMPLETE])
    system, url = served()
    sound = system.answer

    def answer(method, path, *rest):
        found = next(looks, None) if path == "/api/healthcheck" else None
        return (200, found) if found else sound(method, path, *rest)

    system.answer = answer
    program.check(program.System(url), "healthcheck")
    assert next(looks, None) is None


def test_a_system_that_does_not_answer_is_named_once_its_time_is_over(program):
    with pytest.raises(program.FaultError, match=r"not within 30 s: GET / is answered"):
        program.check(program.System("http://127.0.0.1:1"), "client")


@pytest.mark.parametrize("arguments", [[], ["http://127.0.0.1:1", "worker"]])
def test_what_it_does_not_know_is_refused(arguments):
    assert run("python3", PROGRAM, *arguments, ok=False).returncode == 64


def event(service):
    """As AWS documents it, without the weights."""
    arn = f"arn:aws:ecs:eu-central-1:123456789012:service/abacus-prod/{service}"
    deployment = f"arn:aws:ecs:eu-central-1:123456789012:service-deployment/abacus-prod/{service}/1a2b"
    details = {"serviceArn": arn, "targetServiceRevisionArn": arn.replace(":service/", ":service-revision/") + "/2"}
    return {
        "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
        "resourceArn": deployment,
        "executionId": "1",
        "executionDetails": details,
    }


@pytest.fixture
def replaces(monkeypatch):
    """replaces(REVISIONS, TASKS): ECS says that the deployment takes the place of these, with so many tasks."""

    def replaces(revisions, tasks=2):
        def describe_service_deployments(**asked):
            assert asked == {"serviceDeploymentArns": [event("users")["resourceArn"]]}
            target = {"requestedTaskCount": tasks}
            return {"serviceDeployments": [{"sourceServiceRevisions": revisions, "targetServiceRevision": target}]}

        ecs = types.SimpleNamespace(describe_service_deployments=describe_service_deployments)
        monkeypatch.setitem(sys.modules, "boto3", types.SimpleNamespace(client={"ecs": ecs}.get))

    return replaces


FORMER = [{"arn": "arn:aws:ecs:eu-central-1:123456789012:service-revision/abacus-prod/users/1"}]


@pytest.mark.parametrize("faults, status", [({}, "SUCCEEDED"), ({("GET", "/auth/logout"): (200, "")}, "FAILED")])
def test_ecs_learns_whether_the_new_tasks_get_requests(served, program, replaces, monkeypatch, capsys, faults, status):
    replaces(FORMER)
    monkeypatch.setenv("URL", served(faults)[1])
    assert program.handler(event("users"), None) == {"hookStatus": status}
    assert ("release check of users: GET /auth/status: 200" in capsys.readouterr().out) == (status == "FAILED")


@pytest.mark.parametrize("revisions, tasks", [([], 2), (FORMER, 0)], ids=["it is made just now", "it has no tasks"])
def test_a_service_is_not_tested_while_it_can_not_answer(program, replaces, monkeypatch, revisions, tasks):
    replaces(revisions, tasks)
    monkeypatch.setenv("URL", "http://127.0.0.1:1")
    assert program.handler(event("users"), None) == {"hookStatus": "SUCCEEDED"}
