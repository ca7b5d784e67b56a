"""The builds of the pages, services/client/build.sh and scripts/develop-page, with stand-ins for npm and nginx."""

import os
import shutil
import sys

import pytest

from harness import ROOT, Server, eventually, run


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


# ---- services/client/build.sh ----

NPM = """
echo "$*" >>"$CALLS"
case $* in
ci*) mkdir -p node_modules ;;
*generate) ! grep -q unreadable ../swagger/openapi.yaml || { echo "no such schema"; exit 1; } ;;
*build)
	! grep -q wrong src/main.tsx || { echo "src/main.tsx(1,7): error TS2322"; exit 1; }
	mkdir -p dist && echo page >dist/index.html
	;;
esac"""


class Client:
    """A copy of the client's folder with small sources."""

    def __init__(self, folder):
        self.folder, self.calls_file, self.bin = folder / "services/client", folder / "calls", folder / "bin"
        for name in "services/client", "services/swagger", "services/theme", "bin":
            (folder / name).mkdir(parents=True)
        for name in "src", "public", "scripts":
            (self.folder / name).mkdir()
        names = "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "index.html", "src/main.tsx"
        for name in (*names, "../swagger/openapi.yaml", "../theme/theme.js"):
            (self.folder / name).write_text(f"{name}\n")
        shutil.copy(ROOT / "services/client/build.sh", self.folder)
        program(self.bin / "npm", NPM)
        program(self.bin / "node", "exit 0")

    def build(self, *arguments):
        path = f"{self.bin}:{os.environ['PATH']}"
        return run("sh", self.folder / "build.sh", *arguments, ok=False, PATH=path, CALLS=str(self.calls_file))

    def builds(self):
        return [line.split()[-1] for line in self.calls_file.read_text().splitlines()].count("build")

    def write(self, name, text):
        (self.folder / name).write_text(text)


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


def test_a_build_that_failed_is_repeated_only_when_a_source_has_changed(client):
    client.write("src/main.tsx", "wrong")
    first, again = client.build(), client.build()
    assert (first.returncode, again.returncode, client.builds()) == (1, 1, 1)
    for said in first.stdout, again.stdout:
        assert "error TS2322" in said and "client: the build failed" in said
    assert "no source has changed since" in again.stdout and "no source has changed since" not in first.stdout

    client.write("src/main.tsx", "wrong too")
    assert (client.build().returncode, client.builds()) == (1, 2)
    client.write("src/main.tsx", "right")
    assert (client.build().returncode, client.builds()) == (0, 3)
    assert (client.build().returncode, client.builds()) == (0, 3)


def test_a_source_that_is_put_back_after_a_failed_build_is_built(client):
    assert client.build().returncode == 0
    client.write("src/main.tsx", "wrong")
    assert client.build().returncode == 1
    client.write("src/main.tsx", "src/main.tsx\n")
    assert (client.build().returncode, client.builds()) == (0, 3)


def test_a_document_that_cannot_be_read_is_read_again_only_when_it_has_changed(client):
    client.write("../swagger/openapi.yaml", "unreadable")
    for _ in range(2):
        said = client.build()
        assert said.returncode == 1 and "no such schema" in said.stdout and "openapi.yaml cannot be read" in said.stdout
    assert client.calls_file.read_text().count("generate") == 1
    client.write("../swagger/openapi.yaml", "openapi: 3.1.0")
    assert client.build().returncode == 0


def test_new_packages_are_a_reason_to_build_again(client):
    client.write("src/main.tsx", "wrong")
    assert client.build().returncode == 1
    assert client.build("fetch").returncode == 0
    assert (client.build().returncode, client.builds()) == (1, 2)


# ---- scripts/develop-page ----


# A shell starts what is in the background with SIGQUIT ignored, and nginx handles it all the same.
NGINX = "import signal; signal.signal(signal.SIGQUIT, lambda *_: exit()); signal.pause()"


class Page:
    """scripts/develop-page with a page of one source; it looks every few milliseconds. `with` ends it."""

    def __init__(self, folder):
        self.source, self.log = folder / "source/services/swagger/ui", folder / "log"
        self.builds_file, self.looks_file = folder / "builds", folder / "looks"
        for name in "source/services/theme", "source/services/swagger", "page", "bin":
            (folder / name).mkdir(parents=True)
        self.source.write_text("right")
        (folder / "source/services/swagger/openapi.yaml").write_text("openapi: 3.1.0\n")
        build = f'echo >>{self.builds_file}; ! grep -q wrong "$(dirname "$0")/ui"'
        program(folder / "source/services/swagger/build.sh", build)
        program(folder / "bin/sleep", f"echo >>{self.looks_file}; exec /bin/sleep 0.02")
        self.aside = folder / "aside"
        program(folder / "bin/page-entrypoint", f"exec {sys.executable} -c '{NGINX}'")
        self.server = Server(
            self.log,
            "sh",
            ROOT / "scripts/develop-page",
            PATH=f"{folder / 'bin'}:{os.environ['PATH']}",
            SERVICE="swagger",
            SOURCES=str(folder / "source"),
            PAGE=str(folder / "page"),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def count(self, file):
        return len(file.read_text()) if file.exists() else 0

    def write(self, text):
        """At once, because an empty file would be one change more."""
        self.aside.write_text(text)
        self.aside.replace(self.source)

    def has_built(self, times):
        """And builds no more, however often it looks."""
        eventually(lambda: self.count(self.builds_file) == times, message=f"it has built {times} times")
        looks = self.count(self.looks_file)
        eventually(lambda: self.count(self.looks_file) >= looks + 5, message="it looks five times more")
        assert self.count(self.builds_file) == times


def test_a_page_in_development_is_built_once_for_each_change_also_when_that_fails(tmp_path):
    with Page(tmp_path) as page:
        page.has_built(1)
        page.write("wrong")
        page.has_built(2)
        assert "swagger: the build failed" in page.log.read_text()
        page.write("right again")
        page.has_built(3)
        assert page.log.read_text().count("the build failed") == 1
