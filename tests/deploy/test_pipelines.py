"""The pipelines: .travis.yml and .github/workflows, and the scripts that both call. scripts/lint/workflows lints the latter."""

import fnmatch
import json
import os
import re
import shlex
import signal
import subprocess
import time

import pytest

from delivery import ACCOUNT, REGION, need
from harness import ROOT, run

ECS = ROOT / "deploy/ecs"
yaml = pytest.importorskip("yaml")

WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}


TESTS_OF_IMAGES = "ENGINE=required STRICT=1 scripts/ci/minutely sh test.sh docker"


def travis():
    return yaml.safe_load((ROOT / ".travis.yml").read_text())["jobs"]["include"]


def workflow(name):
    """Without the trigger, which YAML 1.1 takes for the key True."""
    found = yaml.safe_load(WORKFLOWS[name].read_text())
    found["on"] = found.pop(True)
    return found


def jobs():
    return [(name, job) for flow in WORKFLOWS for name, job in workflow(flow)["jobs"].items()]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_travis_pushes_only_from_the_two_branches():
    need("yamllint")
    run("yamllint", "-d", "{extends: default, rules: {line-length: {max: 160}}}", ".travis.yml")
    jsonschema = pytest.importorskip("jsonschema")
    job = {
        "type": "object",
        "additionalProperties": False,
        "required": ["stage", "name", "script"],
        "properties": {
            "stage": {"type": "string"},
            "name": {"type": "string"},
            "if": {"type": "string"},
            "addons": {"type": "object"},
            "script": {"type": ["string", "array"]},
        },
    }
    jsonschema.validate(
        yaml.safe_load((ROOT / ".travis.yml").read_text()),
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "os": {"const": "linux"},
                "dist": {"type": "string"},
                "language": {"const": "minimal"},
                "services": {"const": ["docker"]},
                "git": {"const": {"depth": False}},
                "cache": {"const": {"directories": ["$HOME/abacus-cache"]}},
                "jobs": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"include": {"type": "array", "items": job}},
                },
            },
        },
    )
    pushing = [one for one in travis() if "docker-push.sh" in str(one["script"])]
    assert [one["if"] for one in pushing] == ["type = push AND branch IN (staging, production)"]
    (testing,) = [one for one in travis() if one["script"] == TESTS_OF_IMAGES]
    assert testing["if"] == f"NOT ({pushing[0]['if']})", "the job that pushes tests the images itself"
    assert pushing[0]["script"].startswith(f"{TESTS_OF_IMAGES} && scripts/ci/minutely sh docker-push.sh && ")


def test_each_command_of_travis_prints_a_line_a_minute():
    for one in travis():
        for command in re.split("&&|;", one["script"]):
            if "sh " in command or "scripts/" in command:
                assert re.search(r"scripts/ci/(minutely|debian) ", command), command


def test_github_pushes_only_from_the_two_branches_and_what_passed_every_other_job():
    pushing = [(name, job) for name, job in jobs() if "docker-push" in str(job)]
    assert [name for name, _ in pushing] == ["push"]
    ((_, job),) = pushing
    branches = " || ".join(f"github.ref == 'refs/heads/{branch}'" for branch in ("staging", "production"))
    assert job["if"] == f"github.event_name == 'push' && ({branches})"
    tests = workflow("tests")["jobs"]
    assert sorted([*job["needs"], "images", "push"]) == sorted(tests)
    not_branches = " && ".join(f"github.ref != 'refs/heads/{branch}'" for branch in ("staging", "production"))
    assert tests["images"]["if"] == f"github.event_name != 'push' || ({not_branches})"
    assert commands(job)[:2] == [TESTS_OF_IMAGES, "scripts/ci/minutely sh docker-push.sh"]
    steps = [step.get("uses", step.get("run", "")).partition("@")[0] for step in job["steps"]]
    assert steps.index("aws-actions/configure-aws-credentials") > steps.index(TESTS_OF_IMAGES)
    assert workflow("tests")["on"] == {"push": {"branches": ["**"]}, "pull_request": None}


def test_a_deployment_that_github_cancels_gets_the_signal_because_no_shell_waits_for_it():
    deploying = [command for command in commands(workflow("tests")["jobs"]["push"]) if "deploy/ecs/" in command]
    assert len(deploying) == 2 and all(command.startswith("exec scripts/ci/minutely sh ") for command in deploying)


def test_what_waits_on_github_is_rolled_out_in_the_order_of_its_commits():
    runs = workflow("tests")["concurrency"]
    assert runs["group"] == "tests-${{ github.ref }}" and "pull_request" in runs["cancel-in-progress"]


def test_only_the_job_that_pushes_may_take_a_role_and_none_has_a_key():
    for name in WORKFLOWS:
        assert workflow(name)["permissions"] == {"contents": "read"}
        assert "secrets." not in WORKFLOWS[name].read_text()
    with_more = {name: job["permissions"] for name, job in jobs() if "permissions" in job}
    assert with_more == {"push": {"contents": "read", "id-token": "write"}}


def test_each_job_on_github_has_a_limit_and_leaves_no_token_in_its_checkout():
    for name, job in jobs():
        assert job["timeout-minutes"] <= 360, name
        (checkout,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["persist-credentials"] is False, name


def test_what_runs_a_version_of_before_beside_this_one_has_the_history():
    for name, job in jobs():
        (checkout,) = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert (checkout.get("fetch-depth") == 0) == (name == "debian"), name
    assert yaml.safe_load((ROOT / ".travis.yml").read_text())["git"] == {"depth": False}


def test_what_each_image_consists_of_is_kept_with_the_run_that_pushed_it():
    """Travis has no place for it, as .travis.yml says."""
    steps = workflow("tests")["jobs"]["push"]["steps"]
    names = [step.get("uses", step.get("run", "")).partition("@")[0] for step in steps]
    upload = names.index("actions/upload-artifact")
    assert upload == names.index("scripts/ci/minutely sh docker-push.sh") + 1 and "if" not in steps[upload]
    kept = steps[upload]["with"]["path"]
    written = re.findall(r'echo "(artifacts/sbom/[^"]*)"', (ROOT / "docker-push.sh").read_text())
    assert written and all(fnmatch.fnmatch(path, kept) for path in [*written, "artifacts/pushed-images"])
    assert "artifacts/sbom" in (ROOT / ".travis.yml").read_text()


def test_github_and_travis_run_the_same_tests():
    tests = workflow("tests")["jobs"]
    of_github = {
        " ".join(["scripts/ci/debian", one["release"], one["commands"]])
        for one in tests["debian"]["strategy"]["matrix"]["include"]
    }
    of_github |= set(commands(tests["images"]))
    assert commands(tests["debian"]) == ["scripts/ci/debian ${{ matrix.release }} ${{ matrix.commands }}"]
    assert of_github == {one["script"] for one in travis() if one["stage"] == "test"}


def test_each_night_has_an_hour_of_chaos_and_fuzzing():
    nightly = workflow("nightly")
    assert nightly["on"]["schedule"] and "workflow_dispatch" in nightly["on"]
    wanted = dict(command.partition(" ")[::2] for command in nightly["jobs"]["debian"]["strategy"]["matrix"]["command"])
    assert int(wanted["chaos"]) >= 3600 and int(wanted["fuzz"]) >= 1800


def test_each_night_injects_every_fault_of_which_each_commit_has_some():
    assert "faults" in workflow("nightly")["jobs"]["debian"]["strategy"]["matrix"]["command"]
    command = (ROOT / "test.sh").read_text().partition("\nfaults() {")[2].partition("\n}")[0]
    assert "FAULTS=all FAULTS_PER_COMMAND=all" in command and "black_box tests/faults" in command


def test_every_command_in_the_pipelines_is_one_of_test_sh():
    usage = (ROOT / "test.sh").read_text().partition("\nset -u")[0]
    called = [
        word
        for script in [str(one["script"]) for one in travis()]
        for words in re.findall(r"scripts/ci/debian \w+ (.*)", script)
        for word in shlex.split(words)
    ]
    called += workflow("nightly")["jobs"]["debian"]["strategy"]["matrix"]["command"]
    assert len(called) > 6
    for command in called:
        assert re.search(rf"\b{command.split()[0]}\b", usage), command


def test_a_silent_command_has_a_line_for_each_pause_and_its_own_exit_code():
    start = time.monotonic()
    done = run("scripts/ci/minutely", "sh", "-c", "sleep 2.5; echo done; exit 7", ok=False, PAUSE="1")
    took_s = time.monotonic() - start
    assert done.returncode == 7
    lines = done.stdout.splitlines()
    lines.remove("done")
    assert 1 <= len(lines) <= took_s
    assert all(re.fullmatch(r"\d+ s: still at work on: sh -c sleep 2.5; echo done; exit 7", line) for line in lines)
    assert run("scripts/ci/minutely", "echo", "at once", PAUSE="60").stdout == "at once\n"
    assert time.monotonic() - start < 30, "a pause held the output open"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command_whose_end_is_waited_for(sent):
    """As when a job is cancelled. The test resets signals, because a shell cannot trap one that its parent ignores."""
    command = "trap 'echo taken back; exit 3' TERM; echo begun; for _ in $(seq 100); do sleep 0.1; done"
    minutely = ["env", "--default-signal=INT,TERM", ROOT / "scripts/ci/minutely", "sh", "-c", command]
    with subprocess.Popen(minutely, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(sent)
        assert process.stdout.read() == "taken back\n"
    assert process.returncode == 3


# In place of the engine: runs what the container would, in the folder that stands for it.
DOCKER = """#!/bin/sh
echo "$*" >"$SAID/docker"
while case $1 in debian:*-slim*) false ;; esac; do
	case $1 in OWNER=* | ELSEWHERE=*) export "$1" ;; esac
	shift
done
shift
exec "$@"
"""


@pytest.fixture
def tree(tmp_path):
    """A tree whose test.sh says what it is called with, and fails at the command of that name."""
    said = tmp_path / "said"
    said.mkdir()
    note = 'echo "$(basename "$0") $*" >>"$SAID/calls"'
    variables = " ".join(f"{name}=${{{name}:-}}" for name in ("ENGINE", "STRICT", "ELSEWHERE"))
    for name, does in {
        "test.sh": f'{note} && echo "{variables}" >>"$SAID/calls" && [ "$1" != fails ]',
        "bin/docker": None,
        **{f"bin/{program}": note for program in ("apt-get", "git", "python3", "pip", "chown")},
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(DOCKER if does is None else f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    for name in "ci", "base-image", "base-images":
        (tmp_path / "scripts" / name).symlink_to(ROOT / "scripts" / name)

    def start(*command, ok=True):
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        script = tmp_path / "scripts/ci/debian"
        done = run(script, *command, ok=ok, cwd=tmp_path, PATH=path, SAID=str(said), HOME=str(tmp_path))
        return done, (said / "calls").read_text().splitlines()

    return start, said


@pytest.mark.parametrize("engine", ["deploy", "arm64"])
def test_the_commands_run_in_order_in_a_container_of_the_release_where_nothing_may_be_skipped(tree, tmp_path, engine):
    start, said = tree
    _, calls = start("trixie", "chaos 90", engine, "e2e")
    assert [line for line in calls if line.startswith("test.sh") or "=" in line] == [
        "test.sh chaos 90",
        "ENGINE= STRICT=1 ELSEWHERE=lint format",
        f"test.sh {engine}",
        "ENGINE=required STRICT=1 ELSEWHERE=lint format",
        "test.sh e2e",
        "ENGINE= STRICT=1 ELSEWHERE=lint format",
    ]
    assert calls[-1] == f"chown -R {os.getuid()}:{os.getgid()} /cache"
    given = (said / "docker").read_text()
    assert f"-v {tmp_path}/abacus-cache:/cache " in given and "/var/run/docker.sock" in given


def test_the_formatter_of_debian_12_decides_so_there_it_runs(tree):
    start, _ = tree
    _, calls = start("bookworm", "quick")
    assert "ENGINE= STRICT=1 ELSEWHERE=" in calls


def test_the_first_command_that_fails_is_the_last_and_the_cache_still_belongs_to_the_caller(tree):
    start, _ = tree
    done, calls = start("trixie", "server", "fails", "e2e", ok=False)
    assert done.returncode == 1
    assert [line for line in calls if line.startswith("test.sh")] == ["test.sh server", "test.sh fails"]
    assert calls[-1].startswith("chown -R ")


def test_an_image_of_debian_that_cannot_be_pulled_is_named_with_the_script_that_pins_another(tree, tmp_path):
    start, said = tree
    (said / "calls").touch()
    (tmp_path / "bin/docker").write_text("#!/bin/sh\nfalse\n")
    done, calls = start("bookworm", "server", ok=False)
    assert done.returncode == 1 and calls == []
    assert "debian:bookworm-slim@sha256:" in done.stdout and "scripts/update-base-images" in done.stdout


STACKS = {"staging": "abacus-stage", "production": "abacus-prod"}


def of_role(aws, branch, call, *arguments):
    role = f"abacus-github-{branch}"
    return json.loads(run("aws", "iam", call, "--role-name", role, *arguments, "--output", "json", **aws).stdout)


def policy_of(aws, branch):
    return of_role(aws, branch, "get-role-policy", "--policy-name", "rollout")["PolicyDocument"]["Statement"]


def test_a_role_is_for_runs_of_the_named_repository_on_its_own_branch_alone(aws_emptied):
    for repository in "another/repository", "owner/repository":  # it may be run again
        run(ECS / "github-role", repository, **aws_emptied)
    issuer = "token.actions.githubusercontent.com"
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    for branch in STACKS:
        (statement,) = of_role(aws_emptied, branch, "get-role")["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Federated": provider} and statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert statement["Condition"] == {
            "StringEquals": {
                f"{issuer}:aud": "sts.amazonaws.com",
                f"{issuer}:sub": f"repo:owner/repository:ref:refs/heads/{branch}",
            }
        }
        assert (ROOT / ".github/workflows/tests.yml").read_text().count("role/abacus-github-${{ github.ref_name }}\n") == 1
    found = json.loads(run("aws", "iam", "list-open-id-connect-providers", "--output", "json", **aws_emptied).stdout)
    assert found["OpenIDConnectProviderList"] == [{"Arn": provider}]


def test_a_role_and_its_job_last_as_long_as_the_longest_roll_out(aws_emptied):
    """Without them nothing takes back what did not become stable."""
    limit = int(re.search(r"DEPLOY_SECONDS:=(\d+)", (ECS / "deploy").read_text())[1])
    waits = 2 + 2 + 1  # the migrations, the two steps, the way back
    made_before = ["--role-name", "abacus-github-staging", "--assume-role-policy-document", "{}"]
    run("aws", "iam", "create-role", *made_before, **aws_emptied)
    run(ECS / "github-role", "owner/repository", **aws_emptied)
    sessions = {of_role(aws_emptied, branch, "get-role")["Role"]["MaxSessionDuration"] for branch in STACKS}
    job = workflow("tests")["jobs"]["push"]
    (asked,) = [step["with"]["role-duration-seconds"] for step in job["steps"] if "role-to-assume" in step.get("with", {})]
    assert sessions == {asked} and asked >= waits * limit + 20 * 60, "twenty minutes to push"
    assert job["timeout-minutes"] * 60 >= asked + 60 * 60, "an hour for the tests"


@pytest.mark.parametrize("branch", STACKS)
def test_the_role_may_do_what_the_document_lists_and_reads_no_secret_itself(aws_emptied, branch):
    run(ECS / "github-role", "owner/repository", **aws_emptied)
    policy = policy_of(aws_emptied, branch)
    actions = set()
    for one in policy:
        of_statement = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        actions |= set(of_statement)
        assert one["Effect"] == "Allow" and not any("*" in action for action in of_statement)
        if one["Resource"] == "*":
            assert all(action.startswith("ecr:Get") or "TaskDefinition" in action for action in of_statement)
        else:
            assert STACKS[branch] in str(one["Resource"])
    listed = (ROOT / "deploy/README.md").read_text().partition("## What CI may do\n")[2].partition("\n## ")[0]
    assert actions == set(permissions(listed))


# What a roll-out of a stack acts on.
ACTED_ON = [
    f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/STACK/users",
    f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/STACK/1a2b",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/STACK-users:3",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/STACK/1a2b",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/STACK/users",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/STACK/users/1a2b",
    f"arn:aws:iam::{ACCOUNT}:role/STACK-UsersExecution-1A2B",
    f"arn:aws:iam::{ACCOUNT}:role/STACK-TaskRole-1A2B",
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/abacus/STACK:log-stream:users/users/1a2b",
]


@pytest.mark.parametrize("branch", STACKS)
def test_a_branch_acts_on_its_own_stack_and_images_and_on_no_other(aws_emptied, branch):
    run(ECS / "github-role", "owner/repository", **aws_emptied)
    policy = policy_of(aws_emptied, branch)
    allowed = [
        pattern
        for one in policy
        if one["Resource"] != "*"
        for pattern in ([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
    ]
    for stack in STACKS.values():
        for arn in ACTED_ON:
            may = any(fnmatch.fnmatchcase(arn.replace("STACK", stack), pattern) for pattern in allowed)
            assert may == (stack == STACKS[branch]), arn
    (register,) = [one for one in policy if one["Action"] == "ecs:RegisterTaskDefinition"]
    assert register["Condition"] == {"StringEquals": {"aws:RequestTag/place": STACKS[branch]}}


def test_the_role_gives_no_task_the_master_password(aws_emptied):
    run(ECS / "github-role", "owner/repository", **aws_emptied)
    (passed,) = [one["Resource"] for one in policy_of(aws_emptied, "production") if one["Action"] == "iam:PassRole"]
    template = (ECS / "abacus.yaml").read_text()
    for role in re.findall(r"^  (\w+Execution|TaskRole):", template.partition("\nOutputs:")[0], re.MULTILINE):
        arn = f"arn:aws:iam::{ACCOUNT}:role/abacus-prod-{role}-1A2B"
        assert any(fnmatch.fnmatchcase(arn, pattern) for pattern in passed) == ("Master" not in role), role


def permissions(text):
    """`ecr:A`, `B`: two of ecr."""
    service = None
    for name in re.findall(r"`((?:\w+:)?[A-Z]\w+)`", text):
        service = name.partition(":")[0] if ":" in name else service
        yield name if ":" in name else f"{service}:{name}"


@pytest.mark.parametrize("wrong", ["", "owner", "owner/", "/repository", "a/b/c", "owner/repo*", 'owner/"'])
def test_what_is_no_repository_is_refused(wrong):
    done = run(ECS / "github-role", wrong, ok=False, AWS_REGION=REGION, AWS_ACCOUNT_ID=ACCOUNT)
    assert done.returncode == 64
