"""usage: proxy.py NAME=LISTEN:TO ...: passes TCP connections from port LISTEN to port TO. Reads commands from stdin, one a
line: `cut NAME` resets all connections, `stall NAME` passes no byte on until `pass NAME`, `refuse NAME` resets all connections
and closes the port until `pass NAME`. Ends with its stdin."""

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys

CHUNK_BYTES = 65536
RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing sends RST


class Way:
    """From one port to another."""

    def __init__(self, listen, to):
        self.listen, self.to, self.server = listen, to, None
        self.writers, self.tasks, self.flows = set(), set(), asyncio.Event()
        self.flows.set()

    async def open(self):
        if self.server is None:
            self.server = await asyncio.start_server(self.accepted, "127.0.0.1", self.listen)
        self.flows.set()

    async def accepted(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        self.writers.add(writer)
        writers = [writer]
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
            self.writers.add(far_writer)
            writers.append(far_writer)
            flows = {
                asyncio.ensure_future(self.carry(reader, far_writer)),
                asyncio.ensure_future(self.carry(far_reader, writer)),
            }
            await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
            for flow in flows:
                flow.cancel()
        for each in writers:
            self.writers.discard(each)
            each.close()
        self.tasks.discard(asyncio.current_task())

    async def carry(self, reader, writer):
        with contextlib.suppress(OSError):
            while part := await reader.read(CHUNK_BYTES):
                await self.flows.wait()
                writer.write(part)
                await writer.drain()

    def cut(self):
        for writer in list(self.writers):
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    def stall(self):
        self.flows.clear()

    def refuse(self):
        if self.server is not None:
            self.server.close()
            self.server = None
        self.cut()


async def main(arguments):
    ways = {}
    for argument in arguments:
        name, ports = argument.split("=")
        listen, to = (int(port) for port in ports.split(":"))
        ways[name] = Way(listen, to)
        await ways[name].open()
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := (await commands.readline()).decode().split():
        command, way = line[0], ways[line[1]]
        if command == "pass":
            await way.open()
        else:
            {"cut": way.cut, "stall": way.stall, "refuse": way.refuse}[command]()


class Proxy:
    """The proxy as a process of its own. ways: name -> (port to listen on, port to pass to)"""

    def __init__(self, ways):
        arguments = [f"{name}={listen}:{to}" for name, (listen, to) in ways.items()]
        self.process = subprocess.Popen(
            [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline() != "ready\n":
            self.process.kill()
            raise AssertionError("the proxy is not ready")

    def say(self, command, name):
        self.process.stdin.write(f"{command} {name}\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
