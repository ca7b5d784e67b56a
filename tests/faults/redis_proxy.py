"""A proxy in front of Redis that answers chosen commands wrongly. It reads RESP2 (https://redis.io/docs/reference/protocol-spec/)
as far as it has to: where a command or a reply ends."""

import asyncio
import hashlib
import re
import subprocess

from harness import ROOT
from peer_proxy import Proxy


def script_of(file):
    """Its text as the daemons send it: the Makefile replaces a line "-- include FILE" by a file of the same folder."""
    return re.sub(
        r"^-- include (\S+)\n", lambda line: (file.parent / line[1]).read_text(), file.read_text(), flags=re.MULTILINE
    )


# A script's calls go by the name of its file, without .lua.
SCRIPTS = {
    hashlib.sha1(script_of(ROOT / file).encode()).hexdigest(): (ROOT / file).stem
    for file in subprocess.run(["git", "ls-files", "*.lua"], cwd=ROOT, capture_output=True, text=True).stdout.split()
}


def name_of(command):
    """EVALSHA and EVAL: the script's name. Every other command: its first word."""
    word = command[0].decode().upper()
    if word == "EVALSHA":
        return SCRIPTS.get(command[1].decode(), "EVALSHA")
    if word == "EVAL":
        return SCRIPTS.get(hashlib.sha1(command[1]).hexdigest(), "EVAL")
    return word


async def read_line(reader):
    return await reader.readuntil(b"\r\n")


async def read_command(reader):
    """The arguments, and the bytes as they came."""
    raw = await read_line(reader)
    assert raw[:1] == b"*", raw
    arguments = []
    for _ in range(int(raw[1:])):
        head = await read_line(reader)
        body = await reader.readexactly(int(head[1:]) + 2)
        arguments.append(body[:-2])
        raw += head + body
    return arguments, raw


async def read_reply(reader):
    raw = await read_line(reader)
    length = int(raw[1:]) if raw[:1] in b"$*" else -1
    if length < 0:
        return raw
    if raw[:1] == b"$":
        return raw + await reader.readexactly(length + 2)
    return raw + b"".join([await read_reply(reader) for _ in range(length)])


class RedisProxy(Proxy):
    async def serve(self, reader, writer, server_reader, server_writer):
        expected = asyncio.Queue()  # one (fault or None, whether Redis was asked, name) for each command
        await self.both(self.pass_commands(reader, server_writer, expected), self.pass_replies(expected, server_reader, writer))

    async def pass_commands(self, reader, server_writer, expected):
        while True:
            command, raw = await read_command(reader)
            name = name_of(command)
            fault = self.fault_of(name)
            is_asked = not fault or fault.asks_server
            if is_asked:
                server_writer.write(raw)
            expected.put_nowait((fault, is_asked, name))

    async def pass_replies(self, expected, server_reader, writer):
        while True:
            fault, is_asked, name = await expected.get()
            real = await read_reply(server_reader) if is_asked else b""
            if fault:
                await self.answer(fault, real, writer)
            else:
                writer.write(real)
            if name == "SUBSCRIBE" and is_asked:
                await self.pass_messages(server_reader, writer)

    async def pass_messages(self, server_reader, writer):
        """A subscribed connection gets messages that answer no command: they go by the name "message"."""
        while True:
            message = await read_reply(server_reader)
            fault = self.fault_of("message")
            if fault:
                await self.answer(fault, message, writer)
            else:
                writer.write(message)
