"""deploy/ecs/rotate. The secrets are moto's; the stack, its tasks and its Redis are simulated, and so is a roll-out: it keeps
what a task that starts at that moment reads."""

import itertools
import json
import os
import shutil
import sys

import pytest
from stored_secrets import HOSTS, ROLES, read_by_a_task, secrets_manager, value_of

from delivery import ACCOUNT, REGION, need
from harness import ROOT, run

# The folder has the stack's outputs and parameters, `redis` with what Redis was asked, and `calls`. Calls of Secrets Manager go
# to moto through the real command if there is a file `real`, and otherwise without it, because it takes a second to start. The
# file `refused` has one call of Secrets Manager, and the number of the time at which it fails. With a file `unchanged`
# CloudFormation finds nothing to change.
AWS = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path("{folder}")
sys.path.insert(0, "{tests}/deploy")
with open(here / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
given = json.loads((here / "parameters").read_text())
outputs = json.loads((here / "outputs").read_text())

refused = here / "refused"
if refused.exists():
    call, number = json.loads(refused.read_text())
    so_far = [line for line in (here / "calls").read_text().splitlines() if line.startswith("secretsmanager " + call)]
    if sys.argv[2] == call and len(so_far) == number:
        sys.exit("refused")

def of(name):
    return sys.argv[sys.argv.index(name) + 1]

def stack():
    key = outputs["SecretKey"]
    if given["SigningKey"] != "current":
        outputs["SecretKey"] = key + ":::" + given["SigningKey"]
    if given["PreviousKey"] != "no":
        outputs["SecretKeyPrevious"] = key + ":::" + given["PreviousKey"]
    return {{"Stacks": [{{"Parameters": [{{"ParameterKey": name, "ParameterValue": value}} for name, value in given.items()],
                        "Outputs": [{{"OutputKey": name, "OutputValue": value}} for name, value in outputs.items()]}}]}}

match sys.argv[1:3]:
    case ["secretsmanager", _] if (here / "real").exists():
        os.execv("{aws}", ["{aws}", *sys.argv[1:]])
    case ["secretsmanager", call]:
        from stored_secrets import as_the_command_does
        as_the_command_does("{endpoint}", call, sys.argv[3:])
    case ["cloudformation", "package"]:
        pathlib.Path(of("--output-template-file")).write_text("{{}}")
    case ["cloudformation", "describe-stacks"]:
        print(json.dumps(stack()))
    case ["cloudformation", "deploy"] if (here / "unchanged").exists():
        pass
    case ["rds", "describe-db-instances"]:
        print("arn:rds-master")
    case ["cloudformation", "deploy"]:
        overrides = dict(one.split("=", 1) for one in sys.argv[sys.argv.index("--parameter-overrides") + 1:])
        (here / "parameters").write_text(json.dumps(given | overrides))
    case ["ecs", "describe-services"]:
        print("abacus-stage-users:7")
    case ["ecs", "describe-task-definition"] if "secrets" in of("--query"):
        print((here / "running").read_text() if (here / "running").exists() else "SECRET_KEY")
    case ["ecs", "describe-task-definition"]:
        print("01234567" if "commit" in of("--query") else "abacus-stage")
    case ["ecs", "register-task-definition"]:
        print("abacus-stage-database:1")
    case ["ecs", "run-task"]:
        print(json.dumps({{"tasks": [{{"taskArn": "task/1"}}]}}))
    case ["ecs", "describe-tasks"]:
        print(json.dumps({{"tasks": [{{"lastStatus": "STOPPED", "containers": [{{"name": "database", "exitCode": 0}}]}}]}}))
    case ["elasticache", "modify-replication-group"]:
        with open(here / "redis", "a") as asked:
            asked.write(json.dumps(json.loads(pathlib.Path(of("--cli-input-json")[7:]).read_text())) + "\\n")
    case ["elasticache", "describe-replication-groups"]:
        again = here / "again"
        print("modifying" if not again.exists() else "available")
        again.unlink() if again.exists() else again.touch()
"""

# deploy KIND COMMIT: fails once if there is a file `fails` that has the number of this roll-out.
DEPLOY = """#!{python}
import json, pathlib, sys, urllib.request
here = pathlib.Path("{folder}")
sys.path.insert(0, "{tests}/deploy")
from stored_secrets import read_by_a_task
lines = here / "started"
number = len(lines.read_text().splitlines()) + 1 if lines.exists() else 1
fails = here / "fails"
with open(here / "calls", "a") as calls:
    calls.write("deploy " + " ".join(sys.argv[1:]) + "\\n")
with open(lines, "a") as started:
    read = read_by_a_task("{endpoint}", here)
    started.write(json.dumps(read) + "\\n")
if fails.exists() and int(fails.read_text()) == number:
    fails.unlink()
    sys.exit("deploy: rolled back")
previous = "\\tSECRET_KEY_PREVIOUS" if read["parameters"]["PreviousKey"] != "no" else ""
(here / "running").write_text("SECRET_KEY" + previous)
"""


class Stack:
    def __init__(self, folder, variables):
        self.folder, self.endpoint = folder, variables["AWS_ENDPOINT_URL"]
        names = {"folder": folder, "python": sys.executable, "aws": shutil.which("aws")}
        names |= {"endpoint": self.endpoint, "tests": ROOT / "tests"}
        shutil.copytree(ROOT / "deploy/ecs", folder / "deploy/ecs")
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/platforms", folder / "scripts")
        self.program(folder / "bin/aws", AWS.format(**names))
        self.program(folder / "deploy/ecs/deploy", DEPLOY.format(**names))
        self.program(folder / "deploy/ecs/manage", f'#!/bin/sh\necho "manage $*" >>{folder}/calls\n')
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.variables = {**variables, "PATH": path, "POLL_SECONDS": "0.1", "DEPLOY_SECONDS": "20"}
        self.outputs = {"Cluster": "abacus-stage", "Subnets": "subnet-1", "TasksGroup": "sg-1", "Redis": "abacus-redis"}
        self.outputs["Database"] = "abacus-db"
        self.outputs["SecretKey"] = self.secret("k" * 64)
        for name, url in HOSTS.items():
            self.outputs[f"{name}Password"] = self.secret(f"former-{name}")
            self.outputs[f"{name}Url"] = self.secret(url.format(role=ROLES.get(name, ""), password=f"former-{name}"))
        self.write("outputs", self.outputs)
        self.write("parameters", {"Services": "yes", "SigningKey": "current", "PreviousKey": "no"})

    def program(self, path, text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def write(self, name, what):
        (self.folder / name).write_text(json.dumps(what))

    def secret(self, value):
        unique = {"Name": os.urandom(8).hex(), "ClientRequestToken": os.urandom(16).hex()}
        return secrets_manager(self.endpoint, "CreateSecret", SecretString=value, **unique)["ARN"]

    def current(self, output):
        return value_of(self.endpoint, self.outputs[output])

    def stages(self):
        """Those of every version of every secret."""
        arns = [arn for arn in self.outputs.values() if arn.startswith("arn:")]
        listed = [secrets_manager(self.endpoint, "DescribeSecret", SecretId=arn) for arn in arns]
        return {stage for one in listed for of in one["VersionIdsToStages"].values() for stage in of}

    def rotate(self, what, ok=True):
        return run(self.folder / "deploy/ecs/rotate", "stage", what, ok=ok, **self.variables)

    def lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def started(self):
        return [json.loads(line) for line in self.lines("started")]


@pytest.fixture
def stack(aws_emptied, tmp_path):
    need("jq")
    return Stack(tmp_path, aws_emptied)


def no_secret_was_an_argument(stack):
    secrets = [stack.current(name) for name in stack.outputs if name.endswith(("Key", "Password", "Url"))]
    calls = "\n".join(stack.lines("calls"))
    return len(secrets) == 9 and not [secret for secret in secrets if secret in calls]


def accept_each_others_tokens(one, other):
    return one["signs"] in other["accepts"] and other["signs"] in one["accepts"]


@pytest.mark.parametrize("fails", [None, 2])
def test_while_the_key_is_replaced_tasks_that_run_side_by_side_accept_each_others_tokens(stack, fails):
    """A roll-out that fails leaves tasks of both kinds, and a task may start at any moment."""
    before = read_by_a_task(stack.endpoint, stack.folder)
    stack.write("fails" if fails else "real", fails)
    if fails:
        assert stack.rotate("key", ok=False).returncode == 1
    assert "the one before is accepted" in stack.rotate("key").stdout
    started = [before, *stack.started()]
    assert all(accept_each_others_tokens(*pair) for pair in itertools.pairwise(started))
    last = read_by_a_task(stack.endpoint, stack.folder)
    assert last == started[-1], "what was promoted changes nothing for a task that starts now"
    assert last["signs"] != before["signs"] and before["signs"] in last["accepts"]
    assert len(last["signs"]) == 64 and stack.current("SecretKey") == last["signs"]
    assert no_secret_was_an_argument(stack)
    calls = stack.lines("calls")
    assert "manage stage users reseal_factors" in calls and "deploy stage 01234567" in calls


@pytest.mark.parametrize("what", ["key", "forget"])
def test_a_change_of_keys_that_the_stack_did_not_make_ends_the_rotation(stack, what):
    """Otherwise a key would become the current one that no task has."""
    if what == "forget":
        stack.rotate("key")
    before, roll_outs = stack.current("SecretKey"), len(stack.started())
    stack.write("unchanged", True)
    done = stack.rotate(what, ok=False)
    assert done.returncode == 1 and "the stack's outputs do not name the keys that it was given" in done.stdout
    assert (stack.current("SecretKey"), len(stack.started())) == (before, roll_outs)
    (stack.folder / "unchanged").unlink()
    stack.rotate(what)
    assert len(stack.started()) == roll_outs + {"key": 2, "forget": 1}[what]


def test_a_key_from_before_is_accepted_until_it_is_forgotten(stack):
    assert "there is no key from before" in stack.rotate("forget", ok=False).stdout
    stack.rotate("key")
    again = stack.rotate("key", ok=False)
    assert again.returncode == 1 and "rotate stage forget" in again.stdout
    rotated = stack.started()[-1]
    stack.rotate("forget")
    last = stack.started()[-1]
    assert last["accepts"] == [rotated["signs"]] == [last["signs"]]
    stack.rotate("key")
    assert stack.started()[-1]["signs"] != rotated["signs"]


def test_a_roll_out_that_fails_while_a_key_is_forgotten_is_given_again_before_another_key(stack):
    stack.rotate("key")
    stack.write("fails", 3)
    assert stack.rotate("forget", ok=False).returncode == 1
    refused = stack.rotate("key", ok=False)
    assert refused.returncode == 1 and "the key before is still accepted" in refused.stdout
    assert "is not accepted any more" in stack.rotate("forget").stdout
    assert len(stack.started()[-1]["accepts"]) == 1
    assert "there is no key from before" in stack.rotate("forget", ok=False).stdout


# The roles' and Redis's passwords become the current versions first, then the URLs; then these stages end.
@pytest.mark.parametrize("number", [2, 10, 14])
def test_passwords_and_urls_agree_wherever_their_rotation_was_interrupted(stack, number):
    stack.write("refused", ["update-secret-version-stage", number])
    assert stack.rotate("passwords", ok=False).returncode != 0
    stack.rotate("passwords")
    last = stack.started()[-1]
    for name, url in HOSTS.items():
        assert last[name] == url.format(role=ROLES.get(name, ""), password=stack.current(f"{name}Password")), name
    asked = [json.loads(line) for line in stack.lines("redis")]
    assert (asked[-1]["AuthTokenUpdateStrategy"], asked[-1]["AuthToken"]) == ("SET", stack.current("RedisPassword"))
    assert stack.stages() == {"AWSCURRENT", "AWSPREVIOUS"}


# Each row: a call that fails, and how often what it was needed for has happened before.
FAILS_BEFORE = {
    "whether a password is proposed": ("describe-secret", 1, "secretsmanager put-secret-value", 0),
    "whether a URL is proposed": ("describe-secret", 2, "secretsmanager put-secret-value", 1),
    "the password of a URL": ("get-secret-value", 1, "secretsmanager put-secret-value", 1),
    "the password of Redis": ("get-secret-value", 9, "elasticache modify", 0),
    "the proposed version": ("describe-secret", 9, "secretsmanager update-secret", 0),
}


@pytest.mark.parametrize("call, number, needed_for, before", FAILS_BEFORE.values(), ids=FAILS_BEFORE)
def test_a_secret_that_cannot_be_read_ends_the_rotation(stack, call, number, needed_for, before):
    stack.write("refused", [call, number])
    assert stack.rotate("passwords", ok=False).returncode != 0
    assert len([line for line in stack.lines("calls") if line.startswith(needed_for)]) == before


@pytest.mark.parametrize("url", ["rediss://redis.example:6379/0", "rediss://users@redis.example:6379/0", ""])
def test_a_url_without_a_password_ends_the_rotation_before_anything_changes(stack, url):
    stack.outputs["RedisUrl"] = stack.secret(url or " ")
    stack.write("outputs", stack.outputs)
    done = stack.rotate("passwords", ok=False)
    assert done.returncode == 1 and f"there is no new value for {stack.outputs['RedisUrl']}" in done.stdout
    assert stack.current("RedisUrl") == (url or " ") and stack.started() == [] and stack.lines("redis") == []


def test_redis_accepts_both_passwords_while_tasks_are_replaced_and_postgres_changes_just_before(stack):
    former = read_by_a_task(stack.endpoint, stack.folder)
    stack.write("fails", 1)
    assert stack.rotate("passwords", ok=False).returncode == 1
    interrupted = stack.started()[-1]
    stack.rotate("passwords")
    last = stack.started()[-1]
    assert interrupted == last, "a rotation that goes on makes no other passwords"
    for name, url in HOSTS.items():
        password = stack.current(f"{name}Password")
        assert password != f"former-{name}" and len(password) == 40
        assert last[name] == url.format(role=ROLES.get(name, ""), password=password) != former[name]
    asked = [json.loads(line) for line in stack.lines("redis")]
    assert [one["AuthTokenUpdateStrategy"] for one in asked] == ["ROTATE", "ROTATE", "SET"]
    assert {one["AuthToken"] for one in asked} == {stack.current("RedisPassword")}
    assert all(one["ReplicationGroupId"] == "abacus-redis" and one["ApplyImmediately"] for one in asked)
    calls = stack.lines("calls")
    redis = [n for n, call in enumerate(calls) if call.startswith("elasticache modify")]
    (first, second) = [n for n, call in enumerate(calls) if call.startswith("deploy ")]
    database = next(n for n, call in enumerate(calls) if call.startswith("ecs run-task"))
    assert redis[0] < database < first < redis[1] < second < redis[2]
    assert stack.stages() == {"AWSCURRENT", "AWSPREVIOUS"}
    assert no_secret_was_an_argument(stack)


@pytest.mark.parametrize("arguments", [[], ["prod"], ["dev", "key"], ["prod", "everything"], ["prod", "key", "x"]])
def test_what_cannot_be_rotated_is_refused(arguments):
    assert run(ROOT / "deploy/ecs/rotate", *arguments, ok=False, AWS_REGION=REGION, AWS_ACCOUNT_ID=ACCOUNT).returncode == 64
