"""docker-push.sh: what it pushes, where to, and what it refuses to push. Debian's docker-registry with a password takes the
place of ECR's registry; moto answers the calls of `aws ecr`."""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from delivery import need
from harness import ROOT, Server, free_port, run

IMAGES = "abacus-push-test"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Registry:
    def __init__(self, folder, user, password):
        self.host, self.user, self.password = f"127.0.0.1:{free_port()}", user, password
        bcrypt = run("perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, "$2b$05$abcdefghijklmnopqrstuu").stdout
        (folder / "htpasswd").write_text(f"{user}:{bcrypt}\n")
        (folder / "config.json").write_text(
            json.dumps(
                {
                    "version": "0.1",
                    "log": {"level": "warn"},
                    "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
                    "http": {"addr": self.host},
                    "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
                }
            )
        )
        self.server = Server(folder / "log", "docker-registry", "serve", folder / "config.json").wait_for_port(
            int(self.host.split(":")[1])
        )

    def get(self, path, logged_in=True, accept="*/*"):
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": accept})
        if logged_in:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
            return json.load(reply)

    def tags(self, repository):
        return sorted(self.get(f"{repository}/tags/list")["tags"])


@pytest.fixture
def registry(tmp_path):
    need("docker-registry")
    started = []

    def start(user, password):
        started.append(Registry(tmp_path, user, password))
        return started[0]

    yield start
    for one in started:
        one.server.stop()


@pytest.fixture
def image(engine, tmp_path, monkeypatch):
    """A small image of users that the tests have passed on; its id."""
    (tmp_path / "proof").write_text(COMMIT)
    (tmp_path / "libc6").write_text(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12+deb13u1\n\n"
    )
    (tmp_path / "Dockerfile").write_text(
        'FROM scratch\nCOPY proof /proof\nCOPY libc6 /var/lib/dpkg/status.d/libc6\nCMD ["/proof"]\n'
    )
    name = f"{IMAGES}/users"
    run("docker", "build", "-q", "-t", name, tmp_path, **engine)
    id = run("docker", "image", "inspect", "-f", "{{.Id}}", name, **engine).stdout.strip()
    monkeypatch.setenv("TESTED", str(record(tmp_path, users=id)))
    yield id
    run("docker", "rmi", "-f", id, **engine)


def record(folder, commit=COMMIT, platform="linux/amd64", **ids):
    """What `sh test.sh docker` writes down, for both branches."""
    lines = [f"{commit} {kind} {service} {platform} {id}\n" for kind in ("stage", "prod") for service, id in ids.items()]
    (folder / "tested").write_text("".join(lines))
    return folder / "tested"


def push(branch="staging", ok=True, **variables):
    no_pull_request = {"TRAVIS_BRANCH": "", "TRAVIS_PULL_REQUEST": "false", "GITHUB_EVENT_NAME": ""}
    quiet = {**no_pull_request, "REGISTRY": "ecr", "IMAGES": IMAGES, "SERVICES": "users", "PLATFORMS": "linux/amd64"}
    return run("sh", "docker-push.sh", ok=ok, **{**quiet, "BRANCH": branch, "COMMIT": COMMIT, **variables})


@pytest.mark.parametrize(
    "branch, pull_request", [("staging", "17"), ("production", "17"), ("main", "false"), ("staging2", "false")]
)
def test_neither_a_pull_request_nor_another_branch_is_pushed(branch, pull_request):
    assert "nothing is pushed" in push(branch, TRAVIS_PULL_REQUEST=pull_request).stdout


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "pull_request_review"])
def test_no_run_of_a_pull_request_on_github_pushes(event):
    assert "nothing is pushed: this run is of a pull request" in push("production", GITHUB_EVENT_NAME=event).stdout


@pytest.mark.parametrize(
    "registry_name, names",
    [
        ("ecr", ["AWS_ACCOUNT_ID", "AWS_REGION"]),
        ("dockerhub", ["DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN"]),
        ("gcr", ["GCP_PROJECT", "GCP_REGION", "GCP_KEY_FILE"]),
        ("acr", ["ACR_NAME", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]),
    ],
)
def test_missing_variables_are_named_in_one_line(registry_name, names):
    done = push(REGISTRY=registry_name, ok=False, **dict.fromkeys(names, ""))
    assert done.returncode == 1
    assert done.stdout == f"docker-push: REGISTRY={registry_name} wants these variables: {' '.join(names)}\n"


def test_an_unknown_registry_is_refused_with_a_list_of_the_known_ones():
    done = push(REGISTRY="quay", ok=False)
    assert done.returncode == 1
    assert "acr dockerhub ecr gcr" in done.stdout


def test_ecr_gets_both_tags_in_repositories_of_the_branch_and_missing_ones_are_made(engine, aws_emptied, registry, image):
    aws = aws_emptied
    password = run("aws", "ecr", "get-login-password", **aws).stdout.strip()
    target = registry("AWS", password)
    of_stage, of_production = f"{IMAGES}-stage/users", f"{IMAGES}-prod/users"
    done = push(REGISTRY_HOST=target.host, **engine, **aws)
    assert f"made the repository {of_stage}" in done.stdout
    assert target.tags(of_stage) == ["01234567", "staging"]
    found = json.loads(run("aws", "ecr", "describe-repositories", **aws).stdout)["repositories"]
    assert [(one["repositoryName"], one["imageScanningConfiguration"]["scanOnPush"]) for one in found] == [(of_stage, True)]
    assert "made the repository" not in push(REGISTRY_HOST=target.host, **engine, **aws).stdout
    push("production", REGISTRY_HOST=target.host, **engine, **aws)
    assert target.tags(of_production) == ["01234567", "production"] and target.tags(of_stage) == ["01234567", "staging"]


def test_what_a_pushed_image_consists_of_is_written_beside(engine, aws_emptied, registry, image):
    target = registry("AWS", run("aws", "ecr", "get-login-password", **aws_emptied).stdout.strip())
    push(REGISTRY_HOST=target.host, **engine, **aws_emptied)
    found = json.loads((ROOT / "artifacts/sbom/users.cdx.json").read_text())
    assert [one["purl"] for one in found["components"]] == ["pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64"]


def test_images_for_several_platforms_are_pushed_as_one_list(engine, registry, image, tmp_path):
    another = f"{IMAGES}/users:arm64"
    run("docker", "build", "-q", "--platform", "linux/arm64", "-t", another, tmp_path, **engine | {"DOCKER_BUILDKIT": "1"})
    id = run("docker", "image", "inspect", "-f", "{{.Id}}", another, **engine).stdout.strip()
    tested = record(tmp_path, platform="linux/arm64", users=id).read_text() + record(tmp_path, users=image).read_text()
    (tmp_path / "tested").write_text(tested)
    target = registry("somebody", "an access token")
    hub = {"REGISTRY": "dockerhub", "DOCKERHUB_USERNAME": "somebody", "DOCKERHUB_TOKEN": "an access token"}
    try:
        push(REGISTRY_HOST=target.host, PLATFORMS="linux/arm64,linux/amd64", **hub, **engine)
    finally:
        run("docker", "rmi", "-f", id, **engine)
    assert target.tags("somebody/users") == ["01234567", "01234567-amd64", "01234567-arm64", "staging"]
    of_list, of_image = (f"application/vnd.docker.distribution.manifest.{kind}+json" for kind in ("list.v2", "v2"))
    for tag in "01234567", "staging":
        parts = target.get(f"somebody/users/manifests/{tag}", accept=of_list)["manifests"]
        found = {
            one["platform"]["architecture"]: target.get(f"somebody/users/manifests/{one['digest']}", accept=of_image)["config"]
            for one in parts
        }
        assert {name: config["digest"] for name, config in found.items()} == {"amd64": image, "arm64": id}
    assert sorted(path.name for path in (ROOT / "artifacts/sbom").glob("users*")) >= ["users-amd64.cdx.json", "users.cdx.json"]
    pushed = (ROOT / "artifacts/pushed-images").read_text()
    assert re.fullmatch(rf"users {re.escape(target.host)}/somebody/users@sha256:[0-9a-f]{{64}}\n", pushed)


COSIGN = """#!/bin/sh
echo "$@" >>"$SAID"
"""


def test_with_a_key_cosign_signs_the_digest_and_attests_what_the_image_consists_of(
    engine, aws_emptied, registry, image, tmp_path
):
    """cosign is in no package of Debian, so a program that writes its arguments down takes its place."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cosign").write_text(COSIGN)
    (tmp_path / "bin/cosign").chmod(0o755)
    target = registry("AWS", run("aws", "ecr", "get-login-password", **aws_emptied).stdout.strip())
    said, key = tmp_path / "said", "awskms:///alias/abacus"
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    push(REGISTRY_HOST=target.host, COSIGN_KEY=key, SAID=str(said), PATH=path, **engine, **aws_emptied)
    sign, attest = said.read_text().splitlines()
    digest = sign.split()[-1]
    assert digest.startswith(f"{target.host}/{IMAGES}-stage/users@sha256:") and len(digest.split(":")[-1]) == 64
    assert sign == f"sign --yes --key {key} {digest}"
    assert attest == f"attest --yes --key {key} --type cyclonedx --predicate artifacts/sbom/users.cdx.json {digest}"


def test_a_key_without_cosign_is_refused_before_anything_is_pushed():
    done = push(COSIGN_KEY="cosign.key", ok=False)
    assert (done.returncode, done.stdout) == (1, "docker-push: COSIGN_KEY is set, and there is no cosign\n")


@pytest.mark.parametrize("kind, exists", [("stage", False), ("prod", True)])
def test_ecr_keeps_the_last_50_pushes_of_a_branch_however_often_the_other_is_pushed(aws_emptied, kind, exists):
    if exists:
        run("aws", "ecr", "create-repository", "--repository-name", f"{IMAGES}-{kind}/users", **aws_emptied)
    make = "need() { :; }; . deploy/registries/ecr.sh; registry_make_repository users"
    run("sh", "-euc", make, **aws_emptied, IMAGES=IMAGES, kind=kind)
    of = ["--repository-name", f"{IMAGES}-{kind}/users"]
    policy = json.loads(run("aws", "ecr", "get-lifecycle-policy", *of, **aws_emptied).stdout)
    (rule,) = json.loads(policy["lifecyclePolicyText"])["rules"]
    of_one_push = 2 + 1 + 2 * 2 + 1  # two platforms, their list, signature and attestation; and a reserve
    assert rule["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 50 * of_one_push}


def test_a_pushed_image_can_be_pulled_only_after_a_login(engine, registry, image, tmp_path):
    target = registry("somebody", "an access token")
    push(
        REGISTRY="dockerhub",
        REGISTRY_HOST=target.host,
        DOCKERHUB_USERNAME="somebody",
        DOCKERHUB_TOKEN="an access token",
        **engine,
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        target.get("somebody/users/tags/list", logged_in=False)
    assert refused.value.code == 401
    pushed = f"{target.host}/somebody/users:{COMMIT[:8]}"
    run("docker", "rmi", pushed, **engine)
    home = {"DOCKER_CONFIG": str(tmp_path / "docker"), **engine}
    assert run("docker", "pull", pushed, ok=False, **home).returncode != 0
    subprocess.run(
        ["docker", "login", "-u", "somebody", "--password-stdin", target.host],
        input=b"an access token",
        check=True,
        env={**os.environ, **home},
    )
    run("docker", "pull", pushed, **home)
    assert run("docker", "image", "inspect", "-f", "{{.Id}}", pushed, **home).stdout.strip() == image


@pytest.mark.parametrize(
    "name, user, repository",
    [("gcr", "_json_key", "a-project/abacus-push-test/users"), ("acr", "client", "abacus-push-test/users")],
)
def test_the_other_registries_differ_only_in_their_file(engine, registry, image, tmp_path, name, user, repository):
    target = registry(user, "secret")
    (tmp_path / "key.json").write_text("secret")
    push(
        REGISTRY=name,
        REGISTRY_HOST=target.host,
        GCP_PROJECT="a-project",
        GCP_REGION="europe-west3",
        GCP_KEY_FILE=str(tmp_path / "key.json"),
        ACR_NAME="abacus",
        AZURE_CLIENT_ID="client",
        AZURE_CLIENT_SECRET="secret",
        **engine,
    )
    assert target.tags(repository) == ["01234567", "staging"]


def test_no_login_is_left_behind(engine, registry, image):
    home = pathlib.Path.home() / ".docker/config.json"
    before = home.read_text() if home.exists() else None
    target = registry("client", "secret")
    push(
        REGISTRY="acr",
        REGISTRY_HOST=target.host,
        ACR_NAME="abacus",
        AZURE_CLIENT_ID="client",
        AZURE_CLIENT_SECRET="secret",
        **engine,
    )
    assert (home.read_text() if home.exists() else None) == before


def test_a_wrong_password_pushes_nothing_and_is_reported(engine, registry, image):
    target = registry("client", "secret")
    done = push(
        REGISTRY="acr",
        REGISTRY_HOST=target.host,
        ACR_NAME="abacus",
        AZURE_CLIENT_ID="client",
        AZURE_CLIENT_SECRET="wrong",
        ok=False,
        **engine,
    )
    assert done.returncode != 0
    assert "unauthorized" in done.stdout.lower()
    assert target.get("_catalog") == {"repositories": []}


ALL = re.search(r"SERVICES:=([^}]*)", (ROOT / "docker-push.sh").read_text())[1].split()


class Checkout:
    """docker-push.sh in a repository of its own, with a `docker` that has every image, and records each call."""

    def __init__(self, folder):
        self.folder, self.tree = folder, folder / "tree"
        (self.tree / "deploy").mkdir(parents=True)
        for name in "docker-push.sh", "Makefile", ".gitignore":
            shutil.copy(ROOT / name, self.tree)
        (self.tree / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/platforms", self.tree / "scripts")
        (self.tree / "scripts/sbom").write_text("#!/bin/sh\necho '{}'\n")  # it would read images, and there are none
        (self.tree / "scripts/sbom").chmod(0o755)
        shutil.copytree(ROOT / "deploy/registries", self.tree / "deploy/registries")
        self.git("init", "-q")
        self.git("add", ".")
        self.commit = self.commit_all("one")
        (folder / "bin").mkdir()
        self.ids = {name: f"sha256:{name}" for name in ALL}
        self.digests = "; ".join(f"echo docker.io/a/{name}@sha256:0123" for name in ALL)
        self.docker("true")
        record(folder, commit=self.commit, **self.ids)

    def git(self, *command):
        return run("git", "-c", "user.name=a", "-c", "user.email=a@abacus.test", *command, cwd=self.tree).stdout.strip()

    def commit_all(self, message):
        self.git("commit", "-q", "--allow-empty", "-a", "-m", message)
        return self.git("rev-parse", "HEAD")

    def docker(self, does):
        path = self.folder / "bin/docker"
        path.write_text(
            f'#!/bin/sh\necho "$*" >>{self.folder}/calls\n{does}\ncase "$*" in *RepoDigests*) {self.digests} ;; esac\n'
        )
        path.chmod(0o755)

    def push(self, branch="staging", ok=True, **variables):
        (self.folder / "calls").write_text("")
        quiet = {
            "TRAVIS_BRANCH": "",
            "TRAVIS_PULL_REQUEST": "false",
            "TRAVIS_COMMIT": "",
            "GITHUB_EVENT_NAME": "",
            "REGISTRY": "dockerhub",
            "DOCKERHUB_USERNAME": "a",
            "DOCKERHUB_TOKEN": "b",
            "BRANCH": branch,
            "PLATFORMS": "linux/amd64",
            "TESTED": str(self.folder / "tested"),
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
        }
        return run("sh", "docker-push.sh", ok=ok, cwd=self.tree, **{**quiet, **variables})

    def called(self, what):
        return [line.split() for line in (self.folder / "calls").read_text().splitlines() if line.startswith(what + " ")]


@pytest.fixture
def checkout(tmp_path):
    need("git")
    return Checkout(tmp_path)


@pytest.mark.parametrize("branch, kind", [("staging", "stage"), ("production", "prod")])
def test_every_image_that_compose_pulls_is_pushed(checkout, branch, kind):
    checkout.push(branch)
    used = set()
    for file in f"docker-compose-{kind}.yml", "deploy/certificates/docker-compose.yml":
        used |= {line.split("/")[-1].split(":")[0] for line in (ROOT / file).read_text().splitlines() if "image:" in line}
    assert used <= {call[-1].split("/")[-1].split(":")[0] for call in checkout.called("push")}


def test_every_image_that_is_pushed_is_tested():
    steps = (ROOT / "tests/docker/steps.sh").read_text()
    listed = [re.search(rf'^{name}="(.*)"$', steps, re.MULTILINE)[1] for name in ("daemons", "images")]
    assert {*listed[1].replace("$daemons", listed[0]).split(), "certificates"} == set(ALL)


def test_the_very_images_that_were_tested_are_pushed_and_nothing_is_built(checkout):
    checkout.push("production", SERVICES="users db")
    assert not checkout.called("build")
    tags = [checkout.commit[:8], "production"]
    assert [call[1:] for call in checkout.called("tag")] == [
        [f"sha256:{name}", f"docker.io/a/{name}:{tag}"] for name in ("users", "db") for tag in tags
    ]
    assert [call[-1] for call in checkout.called("push")] == [call[-1] for call in checkout.called("tag")]
    pushed = (checkout.tree / "artifacts/pushed-images").read_text().splitlines()
    assert pushed == [f"{name} docker.io/a/{name}@sha256:0123" for name in ("users", "db")]


UNTESTED = {
    "no record": {},
    "another commit": {"commit": COMMIT, "users": "sha256:1", "db": "sha256:2"},
    "another platform": {"platform": "linux/arm64", "users": "sha256:1", "db": "sha256:2"},
    "only one of them": {"users": "sha256:1"},
}


@pytest.mark.parametrize("recorded", UNTESTED.values(), ids=UNTESTED)
def test_what_was_not_tested_is_not_pushed_nor_what_comes_before_it(checkout, recorded):
    record(checkout.folder, **{"commit": checkout.commit, **recorded})
    if not recorded:
        (checkout.folder / "tested").unlink()
    done = checkout.push(ok=False, SERVICES="users db")
    missing = "db" if len(recorded) == 1 else "users"
    assert done.returncode == 1 and done.stdout == (
        f"docker-push: no test has passed on {missing} of {checkout.commit[:8]} for stage and linux/amd64; "
        "check that commit out without changes, and run: sh test.sh docker\n"
    )
    assert not checkout.called("push") and not checkout.called("login")


def test_an_image_that_is_gone_since_it_was_tested_is_not_built_again(checkout):
    checkout.docker('[ "$*" != "image inspect sha256:db" ] || exit 1')
    done = checkout.push(ok=False, SERVICES="users db")
    assert done.stdout == ("docker-push: the tested image of db, sha256:db, is not on this engine; push where it was tested\n")
    assert not checkout.called("push") and not checkout.called("build")


KINDS = [("prod", "sha256:1"), ("stage", "sha256:2"), ("dev", "sha256:3")]
IDS = "".join(f"abacus/users:{kind} {id}\n" for kind, id in KINDS)


class Steps:
    """tests/docker/steps.sh in a repository of its own, with a `docker` whose image of each name has the id in `ids`."""

    def __init__(self, checkout):
        self.checkout, self.tree, self.folder = checkout, checkout.tree, checkout.folder
        (self.tree / "tests/docker").mkdir(parents=True)
        shutil.copy(ROOT / "tests/docker/steps.sh", self.tree / "tests/docker")
        for name in "build-arguments", "base-image", "base-images":
            shutil.copy(ROOT / "scripts" / name, self.tree / "scripts")
        checkout.git("add", ".")
        self.commit = checkout.commit_all("two")
        (self.folder / "docker-ids").write_text(IDS.replace("sha256:3", "sha256:5"))  # development's was built again
        self.built_of(self.commit)
        built = [(kind, f"abacus/users:{kind} {id}") for kind, id in KINDS]
        (self.folder / "out.built").write_text("".join(f"users {kind} linux/amd64 {image}\n" for kind, image in built))

    def built_of(self, commit):
        ids = f'grep "^$5 " {self.folder}/docker-ids | cut -d" " -f2'
        self.checkout.docker(f'case "$*" in *image.revision*) echo {commit[:8]} ;; *) {ids} ;; esac')

    def run(self, step, ok=True):
        command = f"out={self.folder}/out; . tests/docker/steps.sh; {step}"
        quiet = dict.fromkeys(("BASE", "REVISION", "CREATED"), "")
        return run("sh", "-ec", command, ok=ok, cwd=self.tree, **quiet, PATH=f"{self.folder}/bin:{os.environ['PATH']}")

    def record(self, ok=True):
        return self.run("record_tested", ok)

    def recorded(self):
        file = self.tree / "artifacts/tested-images"
        return file.read_text() if file.exists() else None


def test_the_images_that_all_tests_passed_on_are_recorded_with_their_commit(checkout):
    steps = Steps(checkout)
    steps.record()
    assert steps.recorded() == "".join(f"{steps.commit} {kind} users linux/amd64 {id}\n" for kind, id in KINDS[:2])


def test_an_image_that_another_build_replaced_during_the_tests_leaves_no_record(checkout):
    steps = Steps(checkout)
    (steps.folder / "docker-ids").write_text(IDS.replace("sha256:2", "sha256:4"))
    assert "abacus/users:stage was built anew during the tests" in steps.record(ok=False).stdout
    assert steps.recorded() is None


def test_a_commit_during_the_tests_does_not_take_the_images_of_the_one_before_for_its_own(checkout):
    steps = Steps(checkout)
    checkout.commit_all("three")
    assert "HEAD has moved during the tests" in steps.record(ok=False).stdout and steps.recorded() is None


def test_the_image_for_debugging_is_built_on_the_pinned_base(checkout):
    steps = Steps(checkout)
    (steps.folder / "calls").write_text("")
    steps.run("debug_image")
    (build,) = checkout.called("build")
    assert any(word.startswith("--build-arg=BASE=debian:trixie-slim") for word in build) and "debug" in build


def test_tests_of_files_that_differ_from_the_commit_leave_no_record(checkout):
    steps = Steps(checkout)
    (steps.tree / "more").touch()
    assert "nothing is recorded as tested" in steps.record().stdout and steps.recorded() is None


@pytest.mark.parametrize(
    "variables, code, said",
    [({"ENGINE": ""}, 0, "skipped docker: no Docker engine"), ({"ENGINE": "required"}, 1, "FAILED  docker: no Docker engine")],
)
def test_without_an_engine_the_tests_that_need_one_are_skipped_or_fail_where_it_is_required(tmp_path, variables, code, said):
    for name in "test.sh", "tests/docker/steps.sh":
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, does in {
        "scripts/install-packages": "true",
        "scripts/stack": "true",
        "bin/docker": '[ "$1" = buildx ]',
        "bin/id": "echo 1000",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    done = run(
        "sh",
        "test.sh",
        "docker",
        ok=False,
        cwd=tmp_path,
        PATH=f"{tmp_path}/bin:{os.environ['PATH']}",
        DOCKER_HOST="unix:///none",
        **variables,
    )
    assert done.returncode == code and done.stdout.startswith(said)


def test_an_image_that_names_a_machines_package_sources_is_pushed_with_a_warning(checkout):
    checkout.docker('case "$*" in "image inspect -f"*abacus.base*sha256:nginx) echo offline ;; esac')
    warnings = [line for line in checkout.push(SERVICES="users nginx").stdout.splitlines() if "warning" in line]
    assert len(warnings) == 1 and warnings[0].startswith(
        "docker-push: warning: nginx is built on the base of scripts/offline-base-images"
    )
    assert len(checkout.called("push")) == 4
