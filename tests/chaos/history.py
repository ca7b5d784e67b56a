"""The record of a chaos run: one JSON object a line, in the order in which things ended. Times are seconds since the run began.

Each has `op`, and `begin` and `end`, or `at`. An operation of a client also has `user`, `via` (nginx, or an instance that was
asked directly), `status` (None: no whole answer came) and `id`, its X-Request-ID, by which the logs mention it. Tokens are
named by a fingerprint.

    register login    email, password (its number); status 201, 200: token
    logout use        token; `use` only asks for something that needs a token
    password          token, old, new (numbers)
    submit            token, kind, index; status 200: value (its id)
    remove            token, victim, how: an admin deletes (DELETE) or deactivates (PATCH) an account
    list              token, limit; status 200: values, each [id, kind, index, state, digits, preview]
    result            token, kind, index; status 200: result
    open              connection, token; a WebSocket; status 101
    ready event closed  connection; of an event: kind, index, digits, preview
    fault             number, kind, target, process, seconds; outcome
    state             instance, is_ready: whenever it changes
    parent            instance, at: it has another parent process
    hang              instance, at: its parent killed a serving process because it was silent
    measured          when (before, after), what each process and database used
    final             rows, calculations, users, results, dead, left, keys: what Postgres and Redis had at the end;
                      keys: those of Redis, without whole results and counts that expire
    checked           kind, index, status, result: what the API answered for a calculation at the end
    sentinel          via, kind, index, events: how often a listener got a result at the end; `sentinel submit` asked for it
    lapse             seconds from the end of the last fault until all was well; None: not within the limit
    crash             instance, line: of its log

result and preview are fingerprints of texts."""

import hashlib
import json
import threading
import time


def email_of(user):
    return f"{user}@chaos.example.com"


def fingerprint(text):
    return f"{len(text)}:{hashlib.sha256(text.encode()).hexdigest()[:20]}"


class History:
    """Writes a record. Any thread may add to it."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.began, self.began_unix_ms = time.monotonic(), time.time() * 1000
        self.file = open(path, "w")  # noqa: SIM115

    def now(self):
        return round(time.monotonic() - self.began, 6)

    def add(self, op, **fields):
        line = json.dumps({"op": op, **fields}, separators=(",", ":"))
        with self.lock:
            self.file.write(line + "\n")

    def close(self):
        self.file.close()


class Recorded:
    """A record in a file, which is read again for each question because that of an hour is long."""

    def __init__(self, path):
        self.path = path

    def of(self, *ops):
        beginnings = tuple(f'{{"op":"{op}"' for op in ops)
        with open(self.path) as lines:
            for line in lines:
                if line.startswith(beginnings):
                    yield json.loads(line)
