"""A proxy in front of Postgres that answers chosen statements wrongly. It reads the protocol, version 3
(https://www.postgresql.org/docs/15/protocol.html), as far as it has to: where a message ends, and which answers belong to it.

A statement goes by the name under which it was prepared; a preparation by "prepare", connecting by "connect", a statement
without a name by "unnamed"."""

import asyncio
import struct

from peer_proxy import ConnectionEnds, Proxy

ENDS = {  # of the answer to each message of a client
    "P": "1", "B": "2", "D": "nT", "C": "3", "E": "CIs", "S": "Z", "Q": "Z",
}  # fmt: skip
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


def message(kind, body=b""):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def error(sqlstate, severity="ERROR", text="it is refused"):
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": text}
    return message("E", b"".join(key.encode() + value.encode() + b"\0" for key, value in fields.items()) + b"\0")


async def read_message(reader):
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!i", head[1:])
    return chr(head[0]), head + await reader.readexactly(length - 4)


def text_at(raw, number):
    """The nth text of a message's body, each of which ends with NUL."""
    return raw[5:].split(b"\0")[number].decode()


class PostgresProxy(Proxy):
    async def serve(self, reader, writer, server_reader, server_writer):
        expected = asyncio.Queue()
        fault = await self.start(reader, writer, server_writer)
        if fault and fault.instead is not None:
            await self.answer(fault, b"", writer)
            raise ConnectionEnds
        expected.put_nowait((fault, "Q"))
        await self.both(self.pass_messages(reader, server_writer, expected), self.pass_answers(expected, server_reader, writer))

    async def start(self, reader, writer, server_writer):
        """The first message has no type. Encryption is refused, so that the rest can be read."""
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!ii", head)
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
            writer.write(b"N")
        server_writer.write(head + await reader.readexactly(length - 8))
        return self.fault_of("connect")

    def name_of(self, kind, raw):
        if kind == "P":
            return "prepare" if text_at(raw, 0) else None
        return text_at(raw, 1) or "unnamed" if kind == "B" else None

    async def pass_messages(self, reader, server_writer, expected):
        """Puts (fault or None, kinds of the messages whose answers are one) for each that is answered, in order."""
        is_dropping = False  # until the sync: Postgres sees neither what is answered in its place nor what stands behind it
        is_together = False  # from a bind to its execute
        while True:
            kind, raw = await read_message(reader)
            name = None if is_dropping else self.name_of(kind, raw)
            fault = self.fault_of(name) if name else None
            is_dropping = is_dropping and kind != "S"
            if is_dropping:
                continue
            if fault and not fault.asks_server:
                is_dropping = True
                expected.put_nowait((fault, ""))
                continue
            server_writer.write(raw)
            if fault:
                expected.put_nowait((fault, "P" if kind == "P" else "BDE"))
                is_together = kind == "B"
            elif kind in ENDS and not is_together:
                expected.put_nowait((None, kind))
            is_together = is_together and kind != "E"

    async def pass_answers(self, expected, server_reader, writer):
        has_failed = False  # Postgres answers nothing until the sync
        while True:
            fault, kinds = await expected.get()
            if has_failed and kinds not in ("S", "Q"):
                continue
            has_failed = False
            real = b""
            for kind in kinds:
                answer, has_failed = await self.read_answer(kind, server_reader, writer if not fault else None)
                real += answer
                if has_failed:
                    break
            if fault:
                await self.answer(fault, real, writer)

    async def read_answer(self, kind, server_reader, writer):
        """Up to its end. writer: passes each message on at once, because the start is a dialogue."""
        answer = b""
        while True:
            received, raw = await read_message(server_reader)
            answer += raw
            if writer:
                writer.write(raw)
            if received in ENDS[kind] or (received == "E" and kind not in "SQ"):
                return answer, received == "E"
