#!/usr/bin/python3
"""usage: scripts/lint/words.py [FILE...]: fails on a word that people see in another spelling than everywhere else, and on a
time that is shown in another form: in the client, the dashboard, the API's document, messages, README and the daemons' output.

With FILE... only those are read."""

import re
import subprocess
import sys

# What is refused, and what to write instead.
WORDS = [
    (r"\b[Ee]-mails?\b|\bE-Mail\b", "email, Email"),
    (r"\b[Uu]ser name(?!d)s?\b|\bUser Name\b", "username, Username"),
    (r"\bLog (?:In|Out)\b|\b[Ss]ign(?:ed|ing)? (?:in|out|up)\b", "Log in, Log out, Register"),
    (
        r"\b(?:[Pp]lease|to|can|must|cannot) (?:login|logout)\b|(?<![/\w])[Ll]og-(?:in|out)\b",
        "log in, log out (verbs), login, logout (nouns)",
    ),
    (r"\b[Aa]uthenticator-app\b|\b2FA\b|\bMFA\b", "two-step login, authenticator app"),
    (r"\b[Bb]ack-?up codes?\b", "recovery code"),
    (
        r"(?:DateTimeFormat|toLocale(?:Date|Time)String)\((?!\"en-GB\")|\bhour12\b|\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b",
        "times of 24 hours, by the locale en-GB",
    ),
]

SEEN = [
    "services/client/src/*.tsx",
    "services/client/src/*.ts",
    "services/client/index.html",
    "services/healthcheck/dashboard/*.html",
    "services/healthcheck/dashboard/*.js",
    "services/theme/*.js",
    "services/swagger/ui/*.html",
    "services/swagger/ui/*.js",
    "services/swagger/openapi.yaml",
    "services/mailer/templates/*",
    "services/*.c",
    "libcommon/*.c",
    "README.md",
]
SKIPPED = re.compile(r"/generated/|/tests/")

# A string or a comment: whichever begins first.
STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', re.S)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def texts(path, source):
    """The source with blanks in place of what no person reads: comments, and in C everything but strings."""
    if not re.search(r"\.(c|js|tsx?)$", path):
        return source
    is_c = path.endswith(".c")
    kept = []
    end = 0
    for match in STRING_OR_COMMENT.finditer(source):
        code, text = source[end : match.start()], match.group()
        kept += [blank(code) if is_c else code, text if text.startswith('"') else blank(text)]
        end = match.end()
    return "".join(kept) + ("" if is_c else source[end:])


def findings(path, source):
    for number, line in enumerate(texts(path, source).split("\n"), 1):
        for pattern, instead in WORDS:
            for match in re.finditer(pattern, line):
                yield f'{path}:{number}: "{match.group()}": write {instead}'


def main():
    listed = ["git", "ls-files", *SEEN]
    paths = sys.argv[1:] or subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    found = []
    for path in paths:
        if not SKIPPED.search(path):
            with open(path, encoding="utf-8") as file:
                found += findings(path, file.read())
    print("\n".join(found) or f"{len(paths)} files have one spelling for each word")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
