"""What the tests of delivery share beside harness.py."""

import functools
import json
import os
import re
import shutil
import subprocess

import pytest

import harness
from harness import ROOT, Server, free_port, run

ACCOUNT, REGION = "123456789012", "eu-central-1"

# A server that does not answer yet is waited for.
eventually = functools.partial(harness.eventually, limit_s=30, every_s=0.05, not_yet=OSError)


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            pytest.skip(f"{program} is not installed")


def need_compose():
    """Of either generation: docker-compose, or `docker compose` (scripts/compose)."""
    if not shutil.which("docker-compose") and run("docker", "compose", "version", ok=False).returncode:
        pytest.skip("neither docker-compose nor `docker compose` is installed")


def commands_of(section):
    """Those of a section of deploy/README.md, with what it says is to be written for stage."""
    text = (ROOT / "deploy/README.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found, so_far = [], ""
    for line in re.findall(r"(?m)^ {4,}.*", text):
        so_far += line.strip().replace("production", "staging").replace("prod", "stage")
        is_whole = not so_far.endswith("\\") and not run("sh", "-nc", so_far, ok=False).returncode
        if is_whole:
            found.append(so_far)
        so_far = "" if is_whole else so_far + "\n"
    assert found and not so_far
    return found


class Shell:
    """One in which the commands of a section run one after another, as an operator gives them, in a `tree` of its own in the
    folder, because commands write files. `without` has the programs that cannot run here, with what is done in their place."""

    def __init__(self, folder, without, variables):
        self.tree = folder / "tree"
        self.tree.mkdir()
        for name in "deploy", "scripts":
            (self.tree / name).symlink_to(ROOT / name)
        for path, does in without.items():
            (folder / path).write_text(f"#!/bin/sh\nset -eu\n{does}\n")
            (folder / path).chmod(0o755)
        environment = {**os.environ, **variables}
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(["sh"], cwd=self.tree, env=environment, **streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def __call__(self, command):
        self.process.stdin.write(f'{command}\necho "exit code $?"\n')
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.startswith("exit code "):
                assert line == "exit code 0\n", (command, said)
                return "".join(said)
            said.append(line)
        raise AssertionError((command, said))


class Authority:
    """pebble in place of Let's Encrypt, at an address of this machine, with a name server that resolves every domain to
    domains_are_at. root.pem in the folder is the root of the certificates that it issues; `certificate` is that of its own
    HTTPS."""

    def __init__(self, folder, address, http_port, https_port, domains_are_at):
        need("pebble", "pebble-challtestsrv", "openssl", "curl")
        port, management, dns, dns_management = free_port(), free_port(), free_port(), free_port()
        self.directory, self.certificate = f"https://{address}:{port}/dir", folder / "acme.pem"
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=acme",
            "-addext",
            f"subjectAltName=IP:{address}",
            "-keyout",
            folder / "acme.key",
            "-out",
            self.certificate,
        )
        (folder / "pebble.json").write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"{address}:{port}",
                        "managementListenAddress": f"{address}:{management}",
                        "httpPort": http_port,
                        "tlsPort": https_port,
                        "certificate": str(self.certificate),
                        "privateKey": str(folder / "acme.key"),
                        "ocspResponderURL": "",
                        "externalAccountBindingRequired": False,
                        "certificateValidityPeriod": 10 * 86400,
                    }
                }
            )
        )
        self.servers = [
            Server(
                folder / "dns.log",
                "pebble-challtestsrv",
                "-defaultIPv4",
                domains_are_at,
                "-defaultIPv6",
                "",
                "-dns01",
                f"127.0.0.1:{dns}",
                "-management",
                f"127.0.0.1:{dns_management}",
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
            ).wait_for_port(dns_management),
            Server(
                folder / "pebble.log",
                "pebble",
                "-config",
                folder / "pebble.json",
                "-dnsserver",
                f"127.0.0.1:{dns}",
                PEBBLE_VA_NOSLEEP="1",
                PEBBLE_WFE_NONCEREJECT="0",
            ).wait_for_port(port, address),
        ]
        root = run(
            "curl", "-sf", "--noproxy", "*", "--cacert", self.certificate, f"https://{address}:{management}/roots/0"
        ).stdout
        (folder / "root.pem").write_text(root)
