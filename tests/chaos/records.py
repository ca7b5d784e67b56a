"""Records of chaos runs that the tests of the checker and of the report make up."""

import copy

import calculations

DIGITS, RESULT, PREVIEW = calculations.expected("fibonacci", 7)


class Listed:
    """A record in memory; its last line is what was there at the end."""

    def __init__(self, lines):
        self.lines = copy.deepcopy(lines)

    def of(self, *ops):
        return (copy.deepcopy(line) for line in self.lines if line["op"] in ops)

    def but(self, op, **fields):
        """With other fields in the last line of that operation."""
        changed = Listed(self.lines)
        next(line for line in reversed(changed.lines) if line["op"] == op).update(fields)
        return changed

    def and_final(self, **fields):
        """With more at the end."""
        return self.but("final", **{name: self.lines[-1][name] + value for name, value in fields.items()})

    def and_also(self, *lines):
        return Listed([*self.lines[:-1], *lines, self.lines[-1]])


def call(op, begin, status, **fields):
    return {
        "op": op,
        "user": "ann",
        "id": f"{op} at {begin}",
        "via": "nginx",
        "begin": begin,
        "end": begin + 0.1,
        "status": status,
    } | fields


def event(at, **fields):
    return {
        "op": "event",
        "connection": 1,
        "at": at,
        "kind": "fibonacci",
        "index": 7,
        "digits": DIGITS,
        "preview": PREVIEW,
    } | fields


def fault(begin, kind, target, **fields):
    return {
        "op": "fault",
        "number": 1,
        "kind": kind,
        "target": target,
        "begin": begin,
        "end": begin,
        "outcome": "done",
    } | fields
