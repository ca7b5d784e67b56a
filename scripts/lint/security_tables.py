#!/usr/bin/python3
"""usage: scripts/lint/security_tables.py: fails on a row of docs/security.md or docs/asvs.md without a test that exists, and on
a requirement of ASVS 5.0 (chapters 6, 7 and 9, levels 1 and 2) that has no row of its own in docs/asvs.md.

The last cell of a row names its tests: a function (`test_a_code_is_accepted_once`), a program (`auth/test_jwt`), or a file. A
row of docs/asvs.md that is not met, or does not apply, needs none."""

import os
import re
import subprocess
import sys

# How many requirements each section has at levels 1 and 2; they are the first ones of their section.
SECTIONS = {
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "9.1": 3, "9.2": 4,
}  # fmt: skip
STATES = ("met", "partly", "not met", "does not apply")
WITHOUT_TEST = ("not met", "does not apply")
NO_TEST_POSSIBLE = ("this page", "nothing to test")  # the requirement is a document, or that something is absent
NAME = re.compile(r"`([\w./-]+)`")


def defined_tests(files):
    """Functions, and programs as "auth/test_jwt" (of libcommon/tests/auth/test_jwt.c, or of a service of that name)."""
    names = set()
    for path in files:
        if re.search(r"(^|/)test_\w+\.(c|py)$", path):
            with open(path, encoding="utf-8") as source:
                names |= set(re.findall(r"^(?:def|static void) (test_\w+)\(", source.read(), re.MULTILINE))
        program = re.fullmatch(r"(?:libcommon/tests/(\w+)|services/(\w+)/tests)/(test_\w+)\.c", path)
        if program:
            names.add(f"{program[1] or program[2]}/{program[3]}")
    return names


def rows(path):
    """(line, cells) of each row of a table, without heads."""
    with open(path, encoding="utf-8") as document:
        lines = document.read().split("\n")
    for number, line in enumerate(lines, 1):
        is_head = number < len(lines) and lines[number].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not is_head:
            yield number, [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def faults_of_tests(cell, known):
    for name in NAME.findall(cell):
        if name not in known and not ("tests/" in name and os.path.exists(name)):
            yield f"there is no test {name}"
    if not NAME.search(cell) and not cell.startswith(NO_TEST_POSSIBLE):
        yield "it names no test"


def faults_of_count(path, states):
    """The sentence that counts them."""
    counted = [states.count(state) for state in STATES]
    sentence = "Of the {} requirements, {} are met, {} partly and {} not; {} do not apply".format(sum(counted), *counted)
    with open(path, encoding="utf-8") as document:
        if sentence not in document.read():
            yield 1, f"it does not say: {sentence}"


def faults_of_asvs(path, known):
    states = []
    missing = {f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)}
    for line, cells in rows(path):
        if not re.fullmatch(r"\d+\.\d+\.\d+", cells[0]):
            continue
        if cells[0] not in missing:
            yield line, f"{cells[0]} has a row already, or is not of levels 1 and 2"
        missing.discard(cells[0])
        state = next((state for state in sorted(STATES, key=len, reverse=True) if cells[2].startswith(state)), None)
        if not state:
            yield line, f"the state is none of {', '.join(STATES)}"
        states.append(state)
        if state and state not in WITHOUT_TEST:
            yield from ((line, fault) for fault in faults_of_tests(cells[-1], known))
    yield from ((1, f"{number} has no row") for number in sorted(missing))
    yield from faults_of_count(path, states)


def faults_of_attacks(path, known):
    for line, cells in rows(path):
        yield from ((line, fault) for fault in faults_of_tests(cells[-1], known))


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    known = defined_tests([path for path in files.stdout.split("\n") if os.path.isfile(path)])
    faults = 0
    for path, faults_of in (("docs/asvs.md", faults_of_asvs), ("docs/security.md", faults_of_attacks)):
        for line, fault in faults_of(path, known):
            print(f"{path}:{line}: {fault}")
            faults += 1
    return faults > 0


if __name__ == "__main__":
    sys.exit(main())
