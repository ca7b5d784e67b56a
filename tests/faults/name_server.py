"""A name server (RFC 1035) whose every answer a test decides, and a daemon that asks it alone."""

import contextlib
import os
import secrets
import shutil
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass

import pytest

import abacus

TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
TRUNCATED = 0x0200
SCRIPT = 'mount --bind "$1" /etc/resolv.conf && exec "$0"'


@dataclass(frozen=True)
class Answer:
    """To A and AAAA: those of the addresses that are of the type. late_s: so much later. is_lost: none. raw: these bytes behind
    the question's id, or instead of everything (is_bare)."""

    addresses: tuple = ()
    code: int = 0
    flags: int = 0
    late_s: float = 0
    is_lost: bool = False
    raw: bytes | None = None
    is_bare: bool = False
    has_other_id: bool = False
    answers_only_a: bool = False


class NameServer:
    """answer decides; asked counts the questions."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            answer = self.answer
            if not answer.is_lost:
                threading.Thread(target=self.send, args=(question, peer, answer), daemon=True).start()

    def send(self, question, peer, answer):
        time.sleep(answer.late_s)
        reply = self.reply(question, answer)
        if reply:
            with contextlib.suppress(OSError):  # closed meanwhile
                self.socket.sendto(reply, peer)

    def reply(self, question, answer):
        end = 12
        while question[end]:
            end += question[end] + 1
        kind = struct.unpack(">H", question[end + 1 : end + 3])[0]
        if answer.answers_only_a and kind != 1:
            return None
        number = secrets.token_bytes(2) if answer.has_other_id else question[:2]
        if answer.raw is not None:
            return answer.raw if answer.is_bare else number + answer.raw
        found = [text for text in answer.addresses if (":" in text) == (kind == 28)]
        head = struct.pack(">HHHHH", 0x8180 | answer.flags | answer.code, 1, len(found), 0, 0)
        return number + head + question[12 : end + 5] + b"".join(record(kind, text) for text in found)

    def close(self):
        self.socket.close()


def record(kind, text):
    data = socket.inet_pton(TYPES[kind], text)
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 5, len(data)) + data


def needs_a_file_system_of_its_own():
    """Skips the test where a process may not replace /etc/resolv.conf for itself alone."""
    if subprocess.run([*unshare(), "true"], capture_output=True).returncode != 0:
        pytest.skip("needs a mount namespace: root, or users' namespaces")


def unshare():
    return [shutil.which("unshare") or "unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]


class Named(abacus.Daemon):
    """A daemon whose /etc/resolv.conf names one server."""

    def __init__(self, name, server, **environment):
        super().__init__(name, **environment)
        self.resolv_conf = self.log.parent.with_suffix(".resolv.conf")
        self.resolv_conf.write_text(f"nameserver 127.0.0.1:{server.port}\n")

    def start(self, stdout=None):
        self.log.parent.mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*unshare(), "sh", "-c", SCRIPT, abacus.RUN_DIR / "bin" / self.name, self.resolv_conf],
                env=self.environment, stdout=stdout or log, stderr=log,
            )  # fmt: skip
        return self
