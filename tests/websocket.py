"""A WebSocket client (RFC 6455) that builds its frames itself, invalid ones too. Python's standard library alone."""

import base64
import contextlib
import hashlib
import json
import os
import socket
import struct
import time

import abacus

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FIN = 0x80
PATHS = {"nginx": "/api/values/live", "values": "/values/live"}
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RefusedError(Exception):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body[:300]!r}")
        self.status, self.headers, self.body = status, headers, body


def frame(opcode, payload=b"", first=None, masked=True):
    """One frame; first: its whole first byte instead of FIN and opcode."""
    if isinstance(payload, str):
        payload = payload.encode()
    flag = 0x80 if masked else 0
    head = bytes([FIN | opcode if first is None else first])
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([flag | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def handshake(to="values", protocols=None, key=None, version="13", method="GET", headers=(), path=None):
    """A request for a WebSocket, that of live results unless another path is given; returns (its key, its bytes)."""
    key = key if key is not None else base64.b64encode(os.urandom(16)).decode()
    lines = [f"{method} {path or PATHS[to]} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}"] if key else []
    lines += [f"Sec-WebSocket-Version: {version}"] if version else []
    lines += [f"Sec-WebSocket-Protocol: {', '.join(protocols)}"] if protocols else []
    return key, "\r\n".join([*lines, *headers, "", ""]).encode()


class WebSocket:
    """The constructor connects and completes the handshake. token: offered as a subprotocol, unless it is None."""

    def __init__(self, token=None, to="values", port=None, timeout=20, behind=b"", **options):
        if token is not None:
            options["protocols"] = ["abacus", token]
        self.socket = socket.create_connection(("127.0.0.1", port or abacus.PORTS[to]), timeout=timeout)
        self.buffer = b""
        self.lost = []  # as the server said last
        key, request = handshake(to, **options)
        try:
            self.socket.sendall(request + behind)
            self.read_head(key)
        except BaseException:
            self.socket.close()
            raise

    def read_head(self, key):
        while b"\r\n\r\n" not in self.buffer:
            self.receive()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        self.headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        if status != 101:
            while len(self.buffer) < int(self.headers.get("content-length", 0)):
                self.receive()
            raise RefusedError(status, self.headers, self.buffer)
        accept = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()
        assert self.headers["sec-websocket-accept"] == accept
        assert (self.headers["upgrade"].lower(), self.headers["connection"].lower()) == ("websocket", "upgrade")

    def receive(self):
        part = self.socket.recv(65536)
        if not part:
            raise EOFError(self.buffer)
        self.buffer += part

    def take(self, count):
        while len(self.buffer) < count:
            self.receive()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def next_frame(self):
        """(opcode, payload); the server sends whole messages, and never masks."""
        first, second = self.take(2)
        assert first & 0xF0 == FIN and not second & 0x80, (first, second)
        length = second
        if second == 126:
            (length,) = struct.unpack(">H", self.take(2))
        elif second == 127:
            (length,) = struct.unpack(">Q", self.take(8))
        return first & 15, self.take(length)

    def next_message(self):
        """The next text as JSON, but for what the server has lost, which depends on what was just started; pings on the way are
        answered."""
        while (message := self.next_text()).get("event") == "state":
            pass
        return message

    def expect_lost(self, *lost):
        """Skips messages until the last word of the server is that it has lost exactly this."""
        while self.lost != list(lost):
            self.next_text()

    def next_text(self):
        while True:
            opcode, payload = self.next_frame()
            if opcode == TEXT:
                message = json.loads(payload)
                self.lost = message.get("lost", self.lost)
                return message
            if opcode == PING:
                self.send(PONG, payload)
                continue
            raise AssertionError(f"not a message: {opcode} {payload!r}")

    def next_value(self, index, kind="fibonacci"):
        """Skips messages until the one about this calculation."""
        while True:
            message = self.next_message()
            if (message.get("kind"), message.get("index")) == (kind, index):
                return message

    def expect_ready(self):
        assert self.next_message() == {"event": "ready"}
        return self

    def expect_close(self):
        """(code, reason) of the server's close frame; skips messages before it, answers it, and expects the end of the
        connection."""
        opcode, payload = self.next_frame()
        while opcode in (TEXT, PING, PONG):
            opcode, payload = self.next_frame()
        assert opcode == CLOSE, (opcode, payload)
        with contextlib.suppress(OSError):
            self.send(CLOSE, payload[:2])
        self.expect_end()
        return (struct.unpack(">H", payload[:2])[0], payload[2:].decode()) if payload else (None, "")

    def expect_end(self):
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        self.socket.close()

    def send(self, opcode, payload=b"", **options):
        self.socket.sendall(frame(opcode, payload, **options))

    def say(self, text):
        self.send(TEXT, text)

    def leave(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def listen(token, **options):
    """A connection that receives every result from now on."""
    return WebSocket(token, **options).expect_ready()


def metric(name, second=False):
    """The sum of a metric's series, of the values daemon."""
    port = abacus.ADMIN_PORTS["values"] + (abacus.SECOND_INSTANCE if second else 0)
    lines = abacus.get("/metrics", port=port).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


def now_ms():
    return time.monotonic() * 1000
