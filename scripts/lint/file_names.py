#!/usr/bin/python3
"""usage: scripts/lint/file_names.py: fails on a comment or a document that names a file or a folder that does not exist, on a
document that names a test that does not exist, on an empty document, and on a file at the top that has no place there.

A name is the end of a path ("store.c", "auth/jwt.c", "services/users/"), or starts from the folder of the file that names it
("../Makefile"). NAME, ROOM and their like stand for one word, * for any, {a,b} for either."""

import os
import re
import subprocess
import sys

ENDS = "c|h|md|py|sh|lua|sql|ya?ml|json|jq|m?js|tsx?|css|html|svg|png|conf|template|http|timer|service"
ROOTS = "libcommon|services|scripts|deploy|tests|nginx|docs|bench"
PART = r"[A-Za-z0-9*{](?:[\w.*{},-]*[\w*}])?"
NAME = re.compile(rf"(?<![\w./$~@<>%}}-])(?:(?:\.\./)*(?:{PART}/)*{PART}\.(?:{ENDS})\b(?![-/(=]|\.\w)|(?:{ROOTS})(?:/{PART})+)")

PLACEHOLDER = r"\b(?:NAME|ROOM|STAGE|SCRIPT|SERVICE)\b"

STRING = r'"(?:\\.|[^"\\\n])*"|'
COMMENT = [
    (r"\.(c|h|m?js|tsx?|css)$", STRING + r"/\*.*?\*/|//[^\n]*"),
    (r"\.(sql|lua)$", r"--[^\n]*"),
    (r"\.(html|svg)$", r"<!--.*?-->"),
    (r"\.md$", r".+"),
    (r"\.py$", r'"""(?!$).*?"""|(?:^|(?<=\s))#[^\n]*'),
    (r"", r"(?:^|(?<=\s))#[^\n]*"),
]
# Written by a tool, without comments, or about the past.
SKIPPED = re.compile(r"/generated/|/corpus/|package-lock\.json$|\.(json|png)$|^LICENSE$|^CHANGELOG\.md$")

# At the top, whose names everybody reads first: what a fuzz target or a debugger leaves there is not to be committed.
TOP = re.compile(r"\..*|[A-Z]+(\.md)?|Makefile|docker-compose-\w+\.yml|(docker-push|test)\.sh|biome\.jsonc|ruff\.toml")

TEST = re.compile(r"`(test_\w+)`")  # of a document: a test, or a file of tests
SOURCE = re.compile(r"\.(c|py)$")
# Names of what the repository does not hold.
ELSEWHERE = {
    "Node.js",  # a product
    "cmocka.h",  # headers of libraries
    "sysexits.h",
    "resolv.conf",  # of the system
    "test.c",  # of phc-winner-argon2
    "wrapper.c",  # of crypt_blowfish
    "docker-compose.override.yml",  # for an operator to write
    "FOLDER/include/cloudflare.http",  # in the volume of deploy/certificates
    "FOLDER/include/tls.http",
    "tls.http",
    "server.conf",  # made from server.conf.template
    "manage.py",  # of the legacy system
    "Dockerrun.aws.json",  # made by deploy/eb/files
    "bundle/Dockerrun.aws.json",
    "environment.json",
    "services/client/dist",  # built
    "services/swagger/dist/swagger",
    "test_who_leaves_before_the_answer_has_changed_it_for_every_service",  # examples of names
    "test_password_change_takes_effect_although_the_client_disconnected",
}


def comments(path, text):
    pattern = next(pattern for end, pattern in COMMENT if re.search(end, path))
    for comment in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
        if not pattern.startswith(STRING) or comment.group()[0] == "/":
            yield comment


def exists(name, path, known):
    if os.path.exists(os.path.join(os.path.dirname(path), name)):
        return True
    pattern = re.escape(name).replace(r"\*", "[^/\n]*")
    pattern = re.sub(PLACEHOLDER, "[^/\n]+", pattern)
    pattern = re.sub(r"\\{(.*?)\\}", lambda either: "(" + either.group(1).replace(",", "|") + ")", pattern)
    return re.search(f"/{pattern}\n", known)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as source:
        return source.read()


def faults_of_document(path, text, words):
    if not text.strip():
        yield f"{path}: it is empty"
    for test in TEST.finditer(text):
        if test.group(1) not in words | ELSEWHERE:
            yield f"{path}:{text.count(chr(10), 0, test.start()) + 1}: there is no {test.group(1)}"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    files = [path for path in listed.stdout.split("\n") if os.path.isfile(path)]
    folders = {path[: slash.start()] for path in files for slash in re.finditer("/", path)}
    known = "".join(f"/{path}\n" for path in [*files, *folders])
    tests = {word for path in files if SOURCE.search(path) for word in re.findall(r"\btest_\w+", f"{path} {read(path)}")}
    faults = 0
    for path in files:
        if "/" not in path and not TOP.fullmatch(path):
            print(f"{path}: it has no place at the top")
            faults += 1
        if SKIPPED.search(path):
            continue
        text = read(path)
        if path.endswith(".md"):
            for fault in faults_of_document(path, text, tests):
                print(fault)
                faults += 1
        for comment in comments(path, text):
            for name in NAME.finditer(comment.group()):
                if name.group() not in ELSEWHERE and not exists(name.group(), path, known):
                    line = text.count("\n", 0, comment.start() + name.start()) + 1
                    print(f"{path}:{line}: there is no {name.group()}")
                    faults += 1
    return faults > 0


sys.exit(main())
