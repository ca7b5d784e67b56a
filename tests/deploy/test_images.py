"""The scripts that build images and start in them, as far as they can be tested without an engine."""

import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import tarfile
import threading

import pytest

from delivery import eventually, need
from harness import ROOT, Server, free_port, run


def path_with(folder, programs):
    """A PATH on which these programs come first; programs: their shell commands by name."""
    (folder / "bin").mkdir()
    for name, does in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / "bin" / name).chmod(0o755)
    return f"{folder}/bin:{os.environ['PATH']}"


def redis(folder, port, **variables):
    """services/redis/entrypoint on a port of this machine, with its data in the folder."""
    need("redis-server", "redis-cli")
    path = path_with(folder, {"redis-server": f'PATH=${{PATH#*:}} exec redis-server "$@" --dir {folder} --port {port}'})
    return Server(
        folder / "log",
        "sh",
        ROOT / "services/redis/entrypoint",
        PATH=path,
        TMPDIR=str(folder),
        REDIS_PASSWORD="secret",
        **variables,
    ).wait_for_port(port)


def redis_cli(port, *command, stdin=""):
    return subprocess.run(
        ["redis-cli", "-p", str(port), "-a", "secret", "--no-auth-warning", *command],
        input=stdin,
        text=True,
        stdout=subprocess.PIPE,
        timeout=20,
    ).stdout.strip()


def test_a_full_redis_refuses_writes_and_keeps_what_it_has(tmp_path):
    port = free_port()
    server = redis(tmp_path, port, REDIS_MAXMEMORY="3mb")
    try:
        said = redis_cli(port, stdin="".join(f"SET key{n} {'x' * 1000}\n" for n in range(5000))).splitlines()
        assert said[0] == "OK" and said[-1].startswith("OOM"), said[-1]
        assert int(redis_cli(port, "DBSIZE")) == said.count("OK") > 0
    finally:
        server.stop()


def test_the_memory_limit_of_redis_leaves_room_in_its_container(tmp_path):
    port = free_port()
    server = redis(tmp_path, port)
    try:
        limit = int(redis_cli(port, "CONFIG", "GET", "maxmemory").split()[-1])
    finally:
        server.stop()
    for kind in "dev", "stage":
        text = (ROOT / f"docker-compose-{kind}.yml").read_text().split("\n  redis:\n")[1]
        container = int(text.split("mem_limit: ")[1].split("m")[0]) << 20
        assert 0 < limit <= container * 2 / 3


@pytest.mark.parametrize(
    "signals, code",
    [([signal.SIGINT, signal.SIGTERM], 130), ([signal.SIGHUP], 130), ([], 0)],
    ids=["interrupted", "hung up", "to the end"],
)
def test_installing_packages_leaves_no_policy_that_keeps_services_from_starting(tmp_path, signals, code):
    """With an apt-get that blocks until it is told to end. The test resets signals, because a shell cannot trap one that its
    parent ignores."""
    policy, begun = tmp_path / "policy-rc.d", tmp_path / "begun"
    script = (ROOT / "scripts/install-packages").read_text()
    assert "policy=/usr/sbin/policy-rc.d\n" in script
    (tmp_path / "install-packages").write_text(script.replace("/usr/sbin/policy-rc.d", str(policy)))
    (tmp_path / "packages").write_text("some  a-package\n")
    programs = {
        "apt-get": f'touch {begun}; [ "$1" = update ] || while [ ! -e {tmp_path}/enough ]; do sleep 0.05; done',
        "dpkg-query": '[ "$1 $2" = "-W postgresql" ]',
        "sudo": 'exec "$@"',
    }
    server = Server(
        tmp_path / "log",
        "env",
        "--default-signal=HUP,INT,TERM",
        "sh",
        tmp_path / "install-packages",
        "some",
        PATH=path_with(tmp_path, programs),
        TMPDIR=str(tmp_path),
    )
    eventually(begun.exists, message="apt-get is running")
    assert policy.read_text() == "#!/bin/sh\nexit 101\n" and os.access(policy, os.X_OK)
    for one in signals:
        server.process.send_signal(one)
    (tmp_path / "enough").touch()
    assert server.process.wait(10) == code, server.log.read_text()
    assert not policy.exists()


IMAGE_FILES = ["sources.list.d/debian.sources", "apt.conf.d/90sources"]


@pytest.mark.parametrize(
    "sources, settings, is_made",
    [
        (
            "deb http://debian.example/debian trixie main\ndeb [arch=amd64] http://debian.example/debian-security trixie main",
            'Acquire::http::Proxy "http://proxy.example:3128";',
            True,
        ),
        ("Types: deb\nURIs: https://somebody:hidden@debian.example/debian\n", "", False),
        (
            "deb http://debian.example/debian trixie main\n"
            "deb https://somebody:hidden@debian.example/debian-security trixie main",
            "",
            False,
        ),
        (
            "deb http://debian.example/debian trixie main",
            'Acquire::https::Proxy "http://somebody:hidden@proxy.example:3128";',
            False,
        ),
    ],
)
def test_the_offline_base_has_the_machines_sources_but_no_password(tmp_path, sources, settings, is_made):
    """With a debootstrap that makes the folders, and a docker that keeps the image."""
    text = (ROOT / "scripts/offline-base-images").read_text()
    (tmp_path / "base-image").symlink_to(ROOT / "scripts/base-image")
    (tmp_path / "script").write_text(text.replace(" /etc/apt/sources.list", f" {tmp_path}/sources.list"))
    (tmp_path / "sources.list").write_text(sources + "\n")
    (tmp_path / "settings").write_text(settings + "\n")
    folders = "etc/apt/apt.conf.d etc/apt/sources.list.d etc/dpkg/dpkg.cfg.d usr/share/doc/base"
    documents = "usr/share/doc/base/copyright usr/share/doc/base/changelog"
    programs = {
        "docker": f'case $1 in import) echo "$*" >{tmp_path}/import && cat >{tmp_path}/image.tar ;; *) false ;; esac',
        "debootstrap": f'echo "$4" >{tmp_path}/from && mkdir -p "$3" && cd "$3" && mkdir -p {folders} && touch {documents}',
        "apt-config": f"cat {tmp_path}/settings",
        "id": "echo 0",
    }
    done = run("sh", tmp_path / "script", ok=is_made, PATH=path_with(tmp_path, programs), BASE="base:test")
    if not is_made:
        assert (
            done.returncode == 1
            and "use one without" in done.stdout
            and "hidden" not in done.stdout
            and done.stdout.count("\n") == 1
        )
        assert not (tmp_path / "from").exists() and not (tmp_path / "image.tar").exists()
        return
    assert (tmp_path / "from").read_text() == "http://debian.example/debian\n"
    assert "LABEL abacus.base=offline" in (tmp_path / "import").read_text()
    with tarfile.open(tmp_path / "image.tar") as image:
        written = {name: image.extractfile(f"./etc/apt/{name}").read().decode() for name in IMAGE_FILES}
        kept = [name for name in image.getnames() if name.startswith("./usr/share/doc/base/")]
    assert kept == ["./usr/share/doc/base/copyright"]  # licences ask for it
    assert "URIs: http://debian.example/debian-security" in written["sources.list.d/debian.sources"]
    assert written["apt.conf.d/90sources"] == settings + "\n"


class StubRegistry(http.server.ThreadingHTTPServer):
    """Docker Hub as far as scripts/update-base-images asks it: tokens, and manifests for those who have one."""

    TOKEN = "a-token"

    def __init__(self, manifests):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.manifests = manifests
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            if path == "/token":
                assert query == "service=stub&scope=repository:library/debian:pull"
                return self.reply(200, json.dumps({"token": StubRegistry.TOKEN}).encode())
            if self.headers["Authorization"] != f"Bearer {StubRegistry.TOKEN}" or "image.index" not in self.headers["Accept"]:
                return self.reply(401, b"{}")
            found = self.server.manifests.get(path)
            return self.reply(200, found) if found else self.reply(404, b"{}")

        def reply(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


def manifest_list(*architectures):
    return json.dumps({"manifests": [{"platform": {"architecture": one}} for one in architectures]}).encode()


@pytest.fixture
def pins(tmp_path):
    """scripts/update-base-images on a copy of the pins, and a registry whose trixie is newer."""
    need("curl", "jq")
    for name in "update-base-images", "base-images":
        shutil.copy(ROOT / "scripts" / name, tmp_path)
    names = [line.split()[0] for line in (tmp_path / "base-images").read_text().splitlines() if not line.startswith("#")]
    newest = {f"/v2/library/debian/manifests/{name.partition(':')[2]}": manifest_list("amd64", "arm64", name) for name in names}
    registry = StubRegistry(newest)
    address = f"http://127.0.0.1:{registry.server_port}"

    def update(*arguments, ok=True):
        where = {"BASE_REGISTRY": address, "BASE_TOKENS": f"{address}/token?service=stub", "NO_PROXY": "127.0.0.1"}
        return run("sh", tmp_path / "update-base-images", *arguments, ok=ok, **where)

    yield update, tmp_path / "base-images", newest
    registry.shutdown()
    registry.server_close()


def test_the_pins_are_updated_to_the_digest_of_what_the_registry_sends_and_keep_their_comments(pins):
    update, file, newest = pins
    before = file.read_text()
    digests = ["sha256:" + hashlib.sha256(text).hexdigest() for text in newest.values()]
    checked = update("--check", ok=False)
    assert checked.returncode == 1 and checked.stdout.count("newer: debian:") == 2 and file.read_text() == before
    update()
    after = file.read_text()
    assert [line.split()[1] for line in after.splitlines() if not line.startswith("#")] == digests
    comments = [[line for line in text.splitlines() if line.startswith("#")] for text in (before, after)]
    assert comments[0] == comments[1]
    assert update().stdout == "all base images are the newest\n"


NO_LISTS = {
    "nothing": None,
    "no JSON": b"no JSON",
    "an empty list": b'{"manifests": []}',
    "one image": b'{"config": {}}',
    "too much": b"x" * 2_000_000,
}


@pytest.mark.parametrize("sent", NO_LISTS.values(), ids=NO_LISTS)
def test_an_answer_that_is_no_manifest_list_changes_no_pin(pins, sent):
    update, file, newest = pins
    before = file.read_text()
    newest["/v2/library/debian/manifests/bookworm-slim"] = sent
    done = update(ok=False)
    assert done.returncode == 1 and "update-base-images: " in done.stdout and file.read_text() == before


@pytest.mark.parametrize(
    "label, base, printed", [("offline", "", "debian:trixie-slim"), ("", "", None), ("", "mine:1", "mine:1")]
)
def test_the_base_image_is_the_pinned_one_unless_this_machine_made_it_or_another_is_asked_for(tmp_path, label, base, printed):
    path = path_with(tmp_path, {"docker": f"echo {label}"})
    found = run("scripts/base-image", PATH=path, BASE=base).stdout.strip()
    if printed:
        assert found == printed
    else:
        name, digest = found.split("@")
        assert f"{name} {digest}" in (ROOT / "scripts/base-images").read_text().splitlines()
    assert run("scripts/base-image", "woody", ok=False, PATH=path, BASE="").returncode == 1


def test_an_image_says_what_it_was_built_from(tmp_path):
    """From a commit, from files that differ from it, and on a host that has the tree without its history."""
    tree = tmp_path / "tree"
    (tree / "scripts").mkdir(parents=True)
    for name in "scripts/build-arguments", "scripts/base-image", "scripts/base-images", "Makefile":
        shutil.copy(ROOT / name, tree / name)

    def git(*command):
        return run("git", "-c", "user.name=a", "-c", "user.email=a@abacus.test", *command, cwd=tree).stdout.strip()

    def arguments(**ci):
        quiet = dict.fromkeys(("BASE", "REVISION", "CREATED", "GITHUB_REPOSITORY", "TRAVIS_REPO_SLUG"), "")
        lines = run("scripts/build-arguments", cwd=tree, **{**quiet, **ci}).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    commit, created = git("rev-parse", "--short=8", "HEAD"), git("show", "-s", "--format=%cI")
    found = arguments(TRAVIS_REPO_SLUG="owner/abacus")
    assert (found["REVISION"], found["CREATED"]) == (commit, created)
    assert found["SOURCE"] == "https://github.com/owner/abacus" and found["VERSION"][0].isdigit()
    (tree / "more").touch()
    assert arguments()["REVISION"] == f"{commit}-changed" and arguments()["SOURCE"] == "unknown"
    shutil.rmtree(tree / ".git")
    (tree / "COMMIT").write_text("0123abcd\n")
    (tmp_path / ".git").write_text("none")  # so that no folder above is taken for the repository
    assert (arguments()["REVISION"], arguments()["CREATED"]) == ("0123abcd", "unknown")
