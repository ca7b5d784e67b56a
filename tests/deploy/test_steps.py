"""What test.sh counts, lists and refuses."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import ROOT, eventually, run

COMMANDS = (
    "server quick client e2e docker deploy rest all analysis cluster arm64 debian13 coverage faults fuzz simulate chaos"
).split()


@pytest.fixture(autouse=True)
def as_by_hand(monkeypatch):
    """Without what the pipelines set for the test.sh that runs these tests."""
    for name in "STRICT", "ELSEWHERE", "ENGINE":
        monkeypatch.delenv(name, raising=False)


def test_help_lists_every_command():
    done = run("sh", "test.sh", "--help")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == COMMANDS
    for arguments, last in (([], ""), (["servers"], "test.sh: there is no command servers\n")):
        refused = run("sh", "test.sh", *arguments, ok=False)
        assert refused.returncode == 64 and refused.stdout == done.stdout + last


def test_only_without_a_name_lists_the_steps():
    listed = run("sh", "test.sh", "server", "--only").stdout.splitlines()
    assert listed[0] == "  build gcc"
    assert {"  lint format", "  lint clang-tidy", "  plain http/test_router", "  sanitized no report"} <= set(listed)
    assert "  docker stage tests/api" in run("sh", "test.sh", "docker", "--only").stdout.splitlines()


@pytest.mark.parametrize("command", ["client", "server"])
def test_a_name_that_nothing_has_is_refused_at_once_with_the_steps_that_there_are(command):
    refused = run("sh", "test.sh", command, "--only", "flux capacitor", ok=False, timeout=60)
    first, *listed = refused.stdout.splitlines()
    assert refused.returncode == 64
    assert first.startswith(f"test.sh: no step of {command}") and '"flux capacitor"' in first
    assert listed == run("sh", "test.sh", command, "--only").stdout.splitlines()


def make_tree(folder, programs):
    """test.sh alone, and programs that do as is said."""
    for name, does in {"scripts/install-packages": "true", "scripts/stack": "true", **programs}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
    (folder / "tests/docker").mkdir(parents=True, exist_ok=True)
    (folder / "test.sh").write_text((ROOT / "test.sh").read_text())


def test_a_skip_is_counted_and_strict_makes_it_a_failure(tmp_path):
    """With a clang-format of another version than the one that decides, in a tree without sources."""
    make_tree(tmp_path, {"clang-format": "echo clang-format version 99.1.0"})
    for strict, code, last in ("", 0, "0 passed, 0 failed, 1 skipped"), ("1", 1, "0 passed, 1 failed"):
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = run("sh", "test.sh", "quick", "--only", "lint format", ok=False, cwd=tmp_path, PATH=path, STRICT=strict)
        assert done.returncode == code and done.stdout.splitlines()[-1] == last, done.stdout


def test_the_size_of_an_image_is_printed_after_its_own_step_alone(tmp_path):
    """The steps after it are not run, and read no output of another."""
    shutil.copytree(ROOT / "tests/docker", tmp_path / "tests/docker")
    programs = dict.fromkeys(("scripts/build-arguments", "scripts/offline-base-images", "scripts/make-secrets"), "true")
    programs |= {"scripts/platforms": "echo linux/$(dpkg --print-architecture)"}
    make_tree(tmp_path, {**programs, "bin/docker": 'case "$*" in *Size*) echo 18000000 ;; esac'})
    variables = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "CA_BUNDLE": "", "NODE_EXTRA_CA_CERTS": ""}
    done = run("sh", "test.sh", "docker", "--only", "docker image worker prod", cwd=tmp_path, **variables)
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed" and done.stdout.count("18.0 MB") == 1, done.stdout


def test_what_runs_beside_the_tests_is_counted_with_them(tmp_path):
    """In a tree without sources, where nearly every step fails at once, those of `analysis` too; `cluster` ends for want of its
    build."""
    make_tree(tmp_path, {f"bin/{name}": "exit 1" for name in ("make", "node", "npm")})
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    *lines, last = run("sh", "test.sh", "server", ok=False, cwd=tmp_path, PATH=path, timeout=120).stdout.splitlines()
    count = {word: sum(line.startswith(word) for line in lines) for word in ("ok  ", "FAILED  ", "skipped ")}
    assert last.split(", ")[:2] == [f"{count['ok  ']} passed", f"{count['FAILED  ']} failed"], last
    assert any(line.startswith("FAILED  build clang") for line in lines) and "FAILED  cluster ended early" in lines


def make_tree_with_engine(folder, run):
    programs = {"scripts/offline-base-images": "true", "scripts/base-image": "echo debian:trixie-slim"}
    run = f'[ "$1" != run ] || {{ cat >/dev/null; {run}; }}'
    make_tree(folder, {**programs, "scripts/build-arguments": "true", "bin/docker": run})
    (folder / "tests/docker/steps.sh").write_text((ROOT / "tests/docker/steps.sh").read_text())
    return f"{folder / 'bin'}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    "counts, last, code",
    [
        ("57 passed, 1 failed", "59 passed, 1 failed", 1),
        ("57 passed, 0 failed, 3 skipped", "59 passed, 0 failed, 3 skipped", 0),
        ("killed", "2 passed, 1 failed", 1),
    ],
)
def test_what_a_container_of_debian_13_counts_is_counted_and_leaves_no_file(tmp_path, counts, last, code):
    path = make_tree_with_engine(tmp_path, f"echo {counts}")
    before = sorted(tmp_path.iterdir())
    done = run("sh", "test.sh", "debian13", "quick", ok=False, cwd=tmp_path, PATH=path, COUNTS="")
    assert (done.stdout.splitlines()[-1], done.returncode) == (last, code)
    assert sorted(tmp_path.iterdir()) == before


def test_a_container_of_debian_13_is_as_strict_and_another_machine_formats(tmp_path):
    path = make_tree_with_engine(tmp_path, 'echo "$*" >given; echo 1 passed, 0 failed')
    for strict in "", "1":
        run("sh", "test.sh", "debian13", "quick", cwd=tmp_path, PATH=path, COUNTS="", STRICT=strict)
        given = (tmp_path / "given").read_text()
        assert ("-e STRICT=1 " in given) == (strict == "1") and "-e ELSEWHERE=lint format " in given


SKIPS = """import pytest


def test_missing():
    pytest.skip("there is no emulator")


@pytest.mark.parametrize("name", "ab")
def test_of_another_system(name):
    pytest.skip("elsewhere: only for development")
"""


@pytest.mark.parametrize(
    "command, step, file",
    [
        ("arm64", "arm64 daemons", "tests/docker/test_arm64.py"),
        ("docker", "docker dev hardening", "tests/docker/test_hardening.py"),
        ("deploy", "deploy x", "tests/deploy/test_x.py"),
        ("server", "nginx configuration", "tests/nginx/test_x.py"),
        ("server", "plain tests/stack", "tests/stack/test_x.py"),
        ("cluster", "sanitized cluster tests/api", "tests/api/test_x.py"),
    ],
)
def test_every_test_that_was_skipped_is_counted_except_those_that_another_step_runs(tmp_path, command, step, file):
    done = run_with_skips(tmp_path, command, step, file)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed, 1 skipped"), done.stdout
    assert "        2 run elsewhere: only for development\n" in done.stdout
    assert f"skipped {step}: there is no emulator (1)\n" in done.stdout


def test_strict_makes_a_test_that_was_skipped_a_failure(tmp_path):
    done = run_with_skips(tmp_path, "server", "plain tests/stack", "tests/stack/test_x.py", STRICT="1")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "1 passed, 1 failed"), done.stdout
    assert "FAILED  plain tests/stack: skipped, which STRICT=1 forbids: there is no emulator (1)\n" in done.stdout


@pytest.mark.parametrize(
    "printed, skipped",
    [
        ("ok 1 - a page # SKIP there is no browser", "node --test says: there is no browser (1)"),
        ("      Tests  7 passed | 2 skipped (9)", "Vitest says: skipped (2)"),
    ],
)
def test_what_node_and_vitest_skipped_is_counted(tmp_path, printed, skipped):
    make_tree(tmp_path, {"bin/npm": f"echo '{printed}'", "services/client/build.sh": "true"})
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run("sh", "test.sh", "client", "--only", "client unit", cwd=tmp_path, PATH=path)
    assert f"skipped client unit: {skipped}\n" in done.stdout and " 0 failed, " in done.stdout.splitlines()[-1]


def run_with_skips(tmp_path, command, step, file, **variables):
    """A step of three tests that are skipped, of which another step runs two."""
    path = make_tree_with_engine(tmp_path, "true")
    make_tree(
        tmp_path, dict.fromkeys(("bin/make", "scripts/make-secrets", "tests/docker/make-tls", "scripts/platforms"), "true")
    )
    (tmp_path / "scripts/compose").symlink_to("/bin/true")
    (tmp_path / "bin/docker").write_text("#!/bin/sh\necho healthy\n")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(SKIPS)
    return run("sh", "test.sh", command, "--only", step, ok=False, cwd=tmp_path, PATH=path, **variables)


def test_a_step_that_another_job_runs_is_no_skip(tmp_path):
    make_tree(tmp_path, {"bin/clang-format": "echo clang-format version 99.1.0"})
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    variables = {"PATH": path, "STRICT": "1", "ELSEWHERE": "another|lint format"}
    done = run("sh", "test.sh", "quick", "--only", "lint format", cwd=tmp_path, **variables)
    assert done.stdout == ("        lint format runs elsewhere: clang-format 14 decides, and this is 99\n0 passed, 0 failed\n")


@pytest.mark.parametrize("command", ["client", "e2e"])
def test_on_a_node_that_is_too_old_for_the_pages_their_steps_are_skipped(tmp_path, command):
    """As on Debian 12, whose own is 18. Its `node -e` looks at the version."""
    old = "case $1 in -p) echo 18.20.4 ;; *) exit 1 ;; esac"
    make_tree(tmp_path, {"bin/node": old, "bin/npm": "exit 1", "bin/make": "exit 1", "services/client/build.sh": ""})
    (tmp_path / "services/client/build.sh").write_text((ROOT / "services/client/build.sh").read_text())
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    steps = run("sh", "test.sh", command, "--only", cwd=tmp_path, PATH=path).stdout.splitlines()
    *skips, last = run("sh", "test.sh", command, cwd=tmp_path, PATH=path).stdout.splitlines()
    assert last == f"0 passed, 0 failed, {len(steps)} skipped" and len(steps) >= 5
    why = "client: Node.js 18.20.4 is too old, the web client needs 20.19; everything else works without it"
    assert skips == [f"skipped {step.strip()}: {why}" for step in steps]
    refused = run("sh", "test.sh", command, ok=False, cwd=tmp_path, PATH=path, STRICT="1")
    assert refused.stdout.splitlines()[-1] == f"0 passed, {len(steps)} failed"


# A stand-in for the engine, whose images and system are files. What the system is made of must be there before it comes up.
BASE = "debian:trixie-slim"
SERVICES = "users values worker mailer healthcheck client swagger nginx db redis"
ENGINE = f"""cd "$ENGINE"
command=$1
case "$*" in *State.Health*) echo healthy && exit ;; esac
case $command in
build) [ -e {BASE} ] || exit 1 ;;
run) ;;
*) exit 0 ;;
esac
for word; do
	case $word in
	debian:* | abacus/* | abacus-test/*) image=$(echo "$word" | tr / .) ;;
	esac
done
case $command in
build) : >"$image" ;;
run) [ -e "$image" ] && echo abacus.test ;; # which is what `certificates show` is asked for
esac
"""
COMPOSE = f"""case "$*" in
*-dev.yml\\ config) printf 'volumes:\\n    name: a\\n    name: b\\n    name: c\\n' && exit ;;
*-stage.yml\\ config) printf 'volumes:\\n    name: d\\n    name: e\\n' && exit ;;
esac
cd "$ENGINE"
case $1 in
down) rm -f up ;;
up)
	kind=${{PROJECT##*-}}
	case $kind in
	dev) needed={BASE} ;;
	*) needed=$(for name in {SERVICES}; do echo abacus.$name:$kind; done) ;;
	esac
	[ $kind != prod ] || needed="$needed abacus-test.valkey"
	for image in $needed; do [ -e $image ] || exit 1; done
	echo "$PROJECT" >up
	;;
esac
"""
NEEDS_THE_SYSTEM = """import os
import pathlib


def test_the_system_is_up():
    assert pathlib.Path(os.environ["ENGINE"], "up").read_text().strip() == os.environ["PROJECT"]
"""
NEEDS_STAGE_TOO = f"""{NEEDS_THE_SYSTEM}

def test_the_images_of_stage_are_there():
    assert pathlib.Path(os.environ["ENGINE"], "abacus.users:stage").exists()
"""
NEEDS_IMAGES_FOR_ARM = """import os
import pathlib


def test_the_images_are_there():
    found = {path.name for path in pathlib.Path(os.environ["ENGINE"]).glob("abacus.*:prod-arm64")}
    assert found == {f"abacus.{name}:prod-arm64" for name in "users values worker mailer healthcheck".split()}
"""


def make_tree_with_state(folder):
    programs = {
        "bin/docker": ENGINE,
        "bin/curl": "true",
        "scripts/compose": COMPOSE,
        "scripts/base-image": f"echo {BASE}",
        "scripts/offline-base-images": f'touch "$ENGINE/{BASE}"',
        "scripts/build-arguments": f"echo BASE={BASE}",
        "scripts/make-secrets": "true",
        "scripts/platforms": "printf 'linux/amd64\\nlinux/arm64\\n'",
        "tests/docker/make-tls": 'touch "$1/ca.pem"',
    }
    make_tree(folder, programs)
    (folder / "tests/docker/steps.sh").write_text((ROOT / "tests/docker/steps.sh").read_text())
    (folder / "tests/api").mkdir()
    for name in "api/test_x", *(f"docker/test_{name}" for name in "system hardening sbom replicas".split()):
        (folder / f"tests/{name}.py").write_text(NEEDS_THE_SYSTEM)
    (folder / "tests/docker/test_misconfigured.py").write_text(NEEDS_STAGE_TOO)
    (folder / "tests/docker/test_arm64.py").write_text(NEEDS_IMAGES_FOR_ARM)
    (folder / "engine").mkdir()
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "ENGINE": str(folder / "engine")}


@pytest.mark.parametrize("command", ["docker", "arm64"])
def test_each_step_that_needs_containers_makes_what_it_needs_when_it_runs_alone(tmp_path, command):
    """Of the steps that make an image, those of users and certificates; without the one that wants a browser."""
    (tmp_path / "list").mkdir()
    variables = make_tree_with_state(tmp_path / "list")
    listed = run("sh", "test.sh", command, "--only", cwd=tmp_path / "list", **variables).stdout.splitlines()
    steps = [step.strip() for step in listed if " image " not in step or "users" in step or "certificates" in step]
    steps = [step for step in steps if step != "docker dev client"]
    assert {"docker stage tests/api", "docker prod sbom"} <= set(steps) or command == "arm64"

    def alone(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = run("sh", "test.sh", command, "--only", steps[number], ok=False, cwd=folder, **make_tree_with_state(folder))
        return steps[number], done, (folder / "engine/up").exists()

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for step, done, is_up in pool.map(alone, range(len(steps))):
            assert done.returncode == 0 and f"ok      {step} (" in done.stdout, f"{step}: {done.stdout}"
            assert not is_up, f"{step} has left its system up"


def test_a_test_program_is_repeated_and_the_runs_that_failed_are_counted(tmp_path):
    """One whose second run of three fails."""
    program, source = "build/libcommon/tests/base/test_x", tmp_path / "libcommon/tests/base/test_x.c"
    (tmp_path / program).parent.mkdir(parents=True)
    make_tree(tmp_path, {"bin/make": "true", program: 'echo >>runs; [ "$(wc -l <runs)" != 2 ]'})
    source.parent.mkdir(parents=True)
    source.touch()
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run("sh", "test.sh", "server", "--only", "plain base/test_x", ok=False, cwd=tmp_path, PATH=path, REPEAT="3")
    first, *lines = done.stdout.splitlines()
    assert lines == ["run 2 failed", "1 of 3 runs failed", f"  {first}", "0 passed, 1 failed"]


def test_a_run_that_is_interrupted_ends_what_runs_beside_its_tests(tmp_path):
    hangs = "case $* in *fuzz-build) echo $$ >pid && exec sleep 300 ;; esac; exit 1"
    make_tree(tmp_path, {"bin/make": hangs, "bin/npm": "exit 1"})
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with subprocess.Popen(["sh", "test.sh", "server"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as tests:
        pid = eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), 60)
        assert pathlib.Path(f"/proc/{pid}").exists()
        tests.terminate()
        assert tests.wait(60) == 130
    assert not pathlib.Path(f"/proc/{pid}").exists()
