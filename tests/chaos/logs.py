"""What the daemons' logs say of their processes, read while they grow, because svlogd keeps the newest megabytes only."""

import contextlib
import datetime
import json
import os
import signal
import threading

import abacus

EVERY_S = 0.5
ENDED, HUNG = (f'"msg":"a serving process {what}"' for what in ("ended", "hangs"))


class LogReader:
    """Reads the log of one instance as it grows. svlogd renames a file that is full, and begins another: what is open stays
    readable, and only then is the next one opened."""

    def __init__(self, name):
        self.path = abacus.RUN_DIR / "log" / name / "current"
        self.file, self.begun = None, b""
        self.lines()  # those of before

    def lines(self):
        found = self.read()
        with contextlib.suppress(FileNotFoundError):
            if self.file is None or not os.path.samestat(self.path.stat(), os.fstat(self.file.fileno())):
                found += self.read()  # what came between the two
                self.open()
                found += self.read()
        return found

    def open(self):
        self.close()
        self.file = open(self.path, "rb")  # noqa: SIM115

    def read(self):
        """The lines that have become whole."""
        if self.file is None:
            return []
        *lines, self.begun = (self.begun + self.file.read()).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def close(self):
        if self.file:
            self.file.close()


class Watch:
    """Records what the logs say of crashes and hangs."""

    def __init__(self, history, names):
        self.history, self.stopping = history, threading.Event()
        self.readers = {name: LogReader(name) for name in names}
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.look()
        for reader in self.readers.values():
            reader.close()

    def watch(self):
        while not self.stopping.wait(EVERY_S):
            self.look()

    def look(self):
        for name, reader in self.readers.items():
            for line in reader.lines():
                self.note(name, line)

    def note(self, name, line):
        if is_crash(line):
            self.history.add("crash", instance=name, line=line)
        elif HUNG in line:
            self.history.add("hang", instance=name, at=round((unix_ms(event_of(line)) - self.history.began_unix_ms) / 1000, 3))


def event_of(line):
    return json.loads(line[line.index("{") :])


def unix_ms(event):
    return datetime.datetime.fromisoformat(event["ts"].replace("Z", "+00:00")).timestamp() * 1000


def is_crash(line):
    """A serving process ended neither well nor by SIGKILL, or a sanitizer reports."""
    if ENDED not in line:
        return "Sanitizer" in line or "runtime error" in line
    event = event_of(line)
    return event["signal"] not in (0, signal.SIGKILL) or event["exit_code"] != 0
