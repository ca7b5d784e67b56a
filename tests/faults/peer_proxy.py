"""What the proxies in front of Redis and Postgres share: which commands are answered wrongly, how, and how often.

A proxy passes everything on to the real server, and its answers back in order. A rule chooses commands by their name; a
fault says what their client gets instead of, or together with, the server's answer."""

import asyncio
import collections
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """The default is the server's own answer, in time and once.

    instead: these bytes in its place. executes: with `instead`, whether the server gets the command all the same.
    late_s: so much later, and everything behind it too. times: how often the answer comes. cut: only the first half of it, and
    then the connection ends. ends: the connection ends after the answer. is_mute: neither it nor anything behind it."""

    name: str
    instead: bytes | None = None
    executes: bool = True
    late_s: float = 0
    times: int = 1
    cut: bool = False
    ends: bool = False
    is_mute: bool = False

    def __str__(self):
        return self.name

    @property
    def asks_server(self):
        return self.instead is None or self.executes


@dataclass
class Rule:
    """fault applies to the commands named (None: all), after the first `skip` of them, `most` times (None: until lifted)."""

    fault: Fault
    names: frozenset | None = None
    skip: int = 0
    most: int | None = 1
    seen: int = 0
    applied: int = 0
    has_applied: threading.Event = field(default_factory=threading.Event)

    def take(self, name):
        if (self.names is not None and name not in self.names) or (self.most is not None and self.applied >= self.most):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.applied += 1
        self.has_applied.set()
        return True


class ConnectionEnds(Exception):  # noqa: N818 - a way out, no error
    """The proxy closes this connection."""


class Proxy:
    """Listens on 127.0.0.1:port. A subclass reads its protocol: serve() answers one connection. A rule set by arm() is
    safe to use from the test's thread."""

    loop = None

    def __init__(self, server_port):
        self.server_port, self.rules, self.commands, self.open = server_port, [], collections.Counter(), set()
        self.refuses = False
        if Proxy.loop is None:
            Proxy.loop = asyncio.new_event_loop()
            threading.Thread(target=Proxy.loop.run_forever, daemon=True).start()
        self.server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.accept, "127.0.0.1", 0), Proxy.loop).result()
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        Proxy.loop.call_soon_threadsafe(self.server.close)
        self.cut_all()

    def cut_all(self):
        """Ends every connection."""
        Proxy.loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self.open)])

    def go_away(self):
        """Like a server that has ended: no connection is left, and none is made."""
        self.refuses = True
        self.cut_all()

    def come_back(self):
        self.refuses = False

    def arm(self, fault, *names, skip=0, most=1):
        """In place of all rules before it."""
        self.lift()
        return self.arm_also(fault, *names, skip=skip, most=most)

    def arm_also(self, fault, *names, skip=0, most=1):
        """Beside the rules that there are, which go first."""
        rule = Rule(fault, frozenset(names) or None, skip, most)
        self.rules = [*self.rules, rule]
        return rule

    def lift(self):
        self.rules = []

    def fault_of(self, name):
        """The fault of a command that has just arrived; None: none."""
        self.commands[name] += 1
        return next((rule.fault for rule in self.rules if rule.take(name)), None)

    async def accept(self, reader, writer):
        if self.refuses:
            writer.close()
            return
        server_writer = None
        task = asyncio.current_task()
        self.open.add(task)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port, limit=1 << 28)
            await self.serve(reader, writer, server_reader, server_writer)
        except (OSError, EOFError, ConnectionEnds, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(task)
            for end in (writer, server_writer):
                if end:
                    end.close()

    async def serve(self, reader, writer, server_reader, server_writer):
        raise NotImplementedError

    async def both(self, *directions):
        """Runs until one of the directions ends."""
        tasks = [asyncio.ensure_future(direction) for direction in directions]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def answer(self, fault, real, writer):
        """Sends an answer by its fault. real: the server's own, b"" when it was not asked."""
        if fault.is_mute:
            await asyncio.get_running_loop().create_future()
        if fault.late_s:
            await asyncio.sleep(fault.late_s)
        answer = (real if fault.instead is None else fault.instead) * fault.times
        writer.write(answer[: (len(answer) + 1) // 2] if fault.cut else answer)
        await writer.drain()
        if fault.cut or fault.ends:
            raise ConnectionEnds
