#!/usr/bin/python3
"""usage: scripts/lint/untaken.py [COVERAGE]: checks tests/coverage/untaken.txt, a list of the `return`s of libcommon that no
test takes.

Without an argument: fails on an entry whose line does not exist, or that has no reason. With the JSON file that gcovr wrote:
fails also on a `return` that no test took and that is not listed, and on an entry whose line was taken."""

import collections
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = "tests/coverage/untaken.txt"


def function_at(lines, number):
    """The name of the function that has this line, counted from 1."""
    at = number - 1
    while lines[at] != "{":
        at -= 1
    at -= 1
    while lines[at][:1].isspace():
        at -= 1
    return re.search(r"(\w+)\(", lines[at])[1]


def sources():
    return {path for path in (ROOT / "libcommon").rglob("*.c") if "tests" not in path.relative_to(ROOT).parts}


def returns(path):
    """{line number: the entry} of every `return` of a file."""
    lines = path.read_text().split("\n")
    return {
        number: f"{path.relative_to(ROOT)} {function_at(lines, number)}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        if re.match(r"\s+return\b", line)
    }


def listed():
    """Counts of the entries, which are indented; and the problems of the list: each group needs a reason above it."""
    entries, problems, reason = collections.Counter(), [], None
    for number, line in enumerate((ROOT / LIST).read_text().splitlines(), 1):
        if not line.strip() or line[0] == "#":
            reason = None
        elif not line[0].isspace():
            reason = line
        elif reason:
            entries[line.strip()] += 1
        else:
            problems.append(f"{LIST}:{number}: an entry without a reason above it")
    return entries, problems


def untaken(coverage):
    """Counts of the entries that the list should have."""
    found, ours = collections.Counter(), sources()
    for file in json.loads(pathlib.Path(coverage).read_text())["files"]:
        path = ROOT / file["file"]
        if path not in ours:
            continue
        entries = returns(path)
        for line in file["lines"]:
            if line["line_number"] in entries and line["count"] == 0 and not line["gcovr/noncode"]:
                found[entries[line["line_number"]]] += 1
    return found


def main():
    entries, problems = listed()
    known = collections.Counter(entry for path in sources() for entry in returns(path).values())
    problems += [f"{LIST}: there is no such line: {entry}" for entry in sorted(entries - known)]
    if len(sys.argv) > 1:
        found = untaken(sys.argv[1])
        problems += [f"{LIST}: no test takes it, and it is not listed: {entry}" for entry in sorted(found - entries)]
        problems += [f"{LIST}: a test takes it: {entry}" for entry in sorted((entries & known) - found)]
    print("\n".join(problems) or f"{sum(entries.values())} listed")
    return 1 if problems else 0


sys.exit(main())
