#!/usr/bin/python3
"""usage: scripts/lint/changed_settings.py: checks tests/changed_settings.txt.

Each setting of docs/configuration.md that a daemon reads must be in it, once; above it stand tests that exist, or a reason."""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = "tests/changed_settings.txt"
TEST = re.compile(r"(\S+\.(?:py|c)) (test_\w+)")


def documented():
    """Of the table that scripts/environment-table makes: its last column says which daemons read a setting."""
    text = (ROOT / "docs/configuration.md").read_text()
    return set(re.findall(r"^\| `([A-Z0-9_]+)` \|.*\| (?:all|(?:\w+, )*\w+) \|$", text, re.MULTILINE))


def has_test(path, name):
    file = ROOT / path
    return file.exists() and re.search(rf"^(?:static void|def) {name}\(", file.read_text(), re.MULTILINE)


def main():
    listed, problems, headings = collections.Counter(), [], 0
    for number, line in enumerate((ROOT / LIST).read_text().splitlines(), 1):
        place = f"{LIST}:{number}"
        if not line or line[0] == "#":
            headings = 0
        elif not line[0].isspace():
            headings += 1
            test = TEST.fullmatch(line)
            if test and not has_test(*test.groups()):
                problems.append(f"{place}: there is no test {test[2]} in {test[1]}")
        elif headings:
            listed.update(line.split())
        else:
            problems.append(f"{place}: settings without tests or a reason above them")
    settings = documented()
    problems += [f"{LIST}: {name} is missing" for name in sorted(settings - set(listed))]
    problems += [f"{LIST}: {name} is no setting of a daemon" for name in sorted(set(listed) - settings)]
    problems += [f"{LIST}: {name} is there {count} times" for name, count in sorted(listed.items()) if count > 1]
    print("\n".join(problems) or f"{len(settings)} settings")
    return bool(problems)


sys.exit(main())
