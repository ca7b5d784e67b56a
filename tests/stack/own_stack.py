"""A stack that a test makes from nothing, on ports of its own beside those of the stack that other tests run on."""

import contextlib
import os
import pathlib
import subprocess
import threading

import abacus
from harness import ROOT

PORT, OFFSET = abacus.PORT + 131, abacus.OFFSET + 2500


class Stack:
    def __init__(self, run_dir):
        self.run_dir = run_dir
        taken = ("PORT", "PORT_OFFSET", "INSTANCES", "APP_ENV", "AUTH_RATE", "AUTH_BURST", "RUN_DIR")
        self.environment = {name: value for name, value in os.environ.items() if name not in taken} | {
            "RUN_DIR": str(run_dir),
            "PORT": str(PORT),
            "PORT_OFFSET": str(OFFSET),
            "INSTANCES": "1",
            "AUTH_RATE": "2r/s",
            "AUTH_BURST": "5",
            "BUILD": os.environ.get("BUILD", "build"),
        }

    def __call__(self, *arguments, timeout=120, stdin=None, **environment):
        return subprocess.run(
            ["sh", str(ROOT / "scripts/stack"), *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=stdin,
            cwd="/",
        )

    def start(self, *arguments, stdout, **environment):
        """In the background, in a process group of its own."""
        command = ["sh", str(ROOT / "scripts/stack"), *arguments]
        return subprocess.Popen(command, env=self.environment | environment, stdout=stdout, text=True, start_new_session=True)

    def is_up(self):
        """Whether its supervisor runs; `status` says more, and takes longer."""
        try:
            pid = (self.run_dir / "runsvdir.pid").read_text().strip()
            return "runsvdir" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            return False

    def processes(self):
        """Command lines by pid, of every process whose program, folder or arguments are in this stack's folder."""
        real = str(self.run_dir.resolve())
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                cmdline = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                places = [os.readlink(entry / "exe"), os.readlink(entry / "cwd"), cmdline]
                if any(real in place for place in places):
                    found[int(entry.name)] = cmdline
        return found

    def pid(self, name):
        return int((self.run_dir / "service" / name / "supervise/pid").read_text())

    def secrets(self):
        return {
            path.name: path.read_text().strip()
            for path in (self.run_dir / "secrets").iterdir()
            if "." not in path.name and path.name != "pgpass"
        }


@contextlib.contextmanager
def process_lists():
    """The set of all command lines that a process list shows until the end of the block, as bytes."""
    seen, stopping = set(), threading.Event()

    def watch():
        while not stopping.is_set():
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    seen.add((entry / "cmdline").read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stopping.set()
        watcher.join()
