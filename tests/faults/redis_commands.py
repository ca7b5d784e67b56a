"""Which commands and scripts each daemon may send to Redis, read from its source: those of its own functions, and of what
they reach in libcommon. What `manage` alone sends is not among them.

It relies on the layout that clang-format gives a function, and on this: a command is the first text in the braces of an
array. strays() has what does not follow that."""

import collections
import functools
import re
from dataclasses import dataclass

from harness import ROOT

FUNCTION = re.compile(r"^(static )?\w[\w *]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
SCRIPT = re.compile(r"REDIS_SCRIPT\(\w+, (\w+), (\w+)\)")
SENDING = re.compile(r"^\t.*\b(?:redis_command|redis_command_blocking|redis_eval|redis_call_ask|handshake)\(", re.MULTILINE)
PASS_ON = {"redis_command", "handshake"}  # they send their caller's command


@dataclass(frozen=True)
class Function:
    name: str
    file: str
    is_static: bool
    names: frozenset  # which it mentions
    sent: frozenset
    sends: int  # calls that send something

    def reaches(self, other):
        return not other.is_static or other.file == self.file


def sources(folder):
    return [path for path in (ROOT / folder).glob("**/*.c") if "tests" not in path.parts and not path.name.startswith("manage")]


@functools.cache
def scripts():
    """{variable: name of its file, without .lua}"""
    texts = (path.read_text() for path in sources("libcommon") + sources("services"))
    return {f"{variable}_script": file for text in texts for file, variable in SCRIPT.findall(text)}


def whole_scripts():
    """The files, without those that others include."""
    files = [path for folder in ("libcommon", "services") for path in (ROOT / folder).glob("**/*.lua")]
    parts = {part for path in files for part in re.findall(r"^-- include (\S+)\.lua$", path.read_text(), re.MULTILINE)}
    return {path.stem for path in files} - parts


def read_function(path, is_static, name, body):
    names, sends = frozenset(re.findall(r"\w+", body)), len(SENDING.findall(body))
    sent = {*re.findall(r'\{"([A-Z]+)"', body), *(file for variable, file in scripts().items() if variable in names)}
    return Function(name, str(path), bool(is_static), names, frozenset(sent if sends else ()), sends)


@functools.cache
def functions_of(folder):
    return [read_function(path, *found) for path in sources(folder) for found in FUNCTION.findall(path.read_text())]


@functools.cache
def library():
    """By name: static ones may share one."""
    found = collections.defaultdict(list)
    for function in functions_of("libcommon"):
        found[function.name].append(function)
    return found


def sent_by(service):
    """All functions of the service count as called, because tables and the loop call many of them."""
    reached, left = set(), list(functions_of(f"services/{service}"))
    while left:
        function = left.pop()
        if function not in reached:
            reached.add(function)
            left += [
                other for name in function.names & library().keys() for other in library()[name] if function.reaches(other)
            ]
    return set().union(*(function.sent for function in reached))


def strays():
    """Files with a call that is in no function found here, and functions that send what is not found."""
    functions = functions_of("libcommon") + functions_of("services")
    found = collections.Counter()
    for function in functions:
        found[function.file] += function.sends
    files = {str(path): len(SENDING.findall(path.read_text())) for path in sources("libcommon") + sources("services")}
    unread = {function.name for function in functions if function.sends and not function.sent}
    return {file for file, sends in files.items() if sends != found[file]} | unread - PASS_ON
