"""What the tests of delivery have in common: commands, servers that are started for them, waiting."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "123456789012", "eu-central-1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            pytest.skip(f"{program} is not installed")


def run(*command, ok=True, cwd=ROOT, **variables):
    """The finished command, its two outputs as one text in stdout. A failure is shown whole."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **variables},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert not ok or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done


def eventually(check, what, seconds=30):
    limit = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except OSError:
            found = None
        if found:
            return found
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def listens(port, address="127.0.0.1"):
    with socket.create_connection((address, port), timeout=1):
        return True


class Server:
    """A program in the foreground whose output goes to a file; ended with the test."""

    def __init__(self, log, *command, **variables):
        self.log = log
        with open(log, "w") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=log.parent,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait_for_port(self, port, address="127.0.0.1"):
        def answers():
            assert self.process.poll() is None, self.log.read_text()
            return listens(port, address)

        eventually(answers, f"port {port}: {self.log.read_text()}", 60)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Authority:
    """pebble in Let's Encrypt's place, at an address of this machine, and the name server that tells it where all domains are. root.pem in the folder is
    what its certificates are signed with in the end, `certificate` its own."""

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
