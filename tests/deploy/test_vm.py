"""deploy/vm: one host, from a bare machine to a running system with certificates, and its operation. The host is a container
with sshd and an engine of its own (Debian 13's, with Compose 2); pebble takes the place of Let's Encrypt. Each test needs
those before it."""

import contextlib
import http.client
import itertools
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import time

import pytest

from delivery import Authority, eventually, need
from harness import ROOT, Load, UnexpectedAnswerError, listens, run

DOMAINS = ["abacus.example", "www.abacus.example"]
IMAGE = "abacus-test/host"
SERVICES = "users values worker mailer healthcheck client swagger nginx db redis".split()
RESULTS = {"10": "89", "40": "165580141"}
PERSON = {"username": "ada", "email": "ada@example.com", "password": "seven brass beads"}

# An engine in a container needs to mount, and to make networks. Once installed, it is kept running, as by systemd.
CAPABILITIES = [word for name in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH") for word in ("--cap-add", name)]
INIT = """mount -o remount,rw /proc/sys
mkdir -p /run/sshd
while :; do ! command -v dockerd || dockerd; sleep 0.5; done >/var/log/docker.log 2>&1 &
exec /usr/sbin/sshd -D"""


def base_image():
    return run("scripts/base-image").stdout.strip()


class Host:
    def __init__(self, folder, engine):
        self.folder, self.engine, self.name = folder, engine, f"abacus-test-host-{secrets.token_hex(4)}"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
        (folder / "Dockerfile").write_text(f"""FROM {base_image()}
            RUN apt-get update -q && apt-get install -qy --no-install-recommends openssh-server
            COPY --chmod=600 key.pub /root/.ssh/authorized_keys""")
        run("docker", "build", "-q", "-t", IMAGE, folder, **(engine | {"DOCKER_BUILDKIT": "1"}))
        run(
            "docker",
            "run",
            "-d",
            "--init",
            "--name",
            self.name,
            *CAPABILITIES,
            "--security-opt",
            "seccomp=unconfined",
            "--security-opt",
            "apparmor=unconfined",
            "--tmpfs",
            "/tmp:exec",
            "--tmpfs",
            "/run",
            "-v",
            "/var/lib/docker",
            "-v",
            "/sys/fs/cgroup:/sys/fs/cgroup",
            IMAGE,
            "sh",
            "-c",
            INIT,
            **engine,
        )
        self.address = self.inspect("IPAddress")
        try:
            eventually(lambda: listens(22, self.address), limit_s=120, message=f"sshd listens at {self.address}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {run('docker', 'logs', self.name, **engine).stdout}") from None

    def inspect(self, what):
        return run("docker", "inspect", "-f", f"{{{{.NetworkSettings.{what}}}}}", self.name, **self.engine).stdout.strip()

    @property
    def ssh(self):
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
        return f"ssh -i {self.folder}/key {options}"

    def on(self, *arguments, ok=True, stdin="", **variables):
        """deploy/vm/on, as an operator runs it on their own machine."""
        done = subprocess.run(
            [ROOT / "deploy/vm/on", f"root@{self.address}", *arguments],
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            env={**os.environ, **variables, "SSH": self.ssh},
        )
        assert not ok or done.returncode == 0, done.stdout
        return done

    def shell(self, command, ok=True, stdin=subprocess.DEVNULL):
        done = subprocess.run(
            [*self.ssh.split(), f"root@{self.address}", f"cd /opt/abacus 2>/dev/null; {command}"],
            stdin=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        assert not ok or done.returncode == 0, done.stdout
        return done.stdout.strip()

    def load(self, *images):
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE, env={**os.environ, **self.engine}) as save:
            self.shell("docker load", stdin=save.stdout)

    def call(self, method, path, body=None, token=None, port=443):
        """A request to the first domain, whose certificate is verified."""
        if port == 443:
            trusted = ssl.create_default_context(cafile=self.folder / "root.pem")
            connection = http.client.HTTPSConnection(DOMAINS[0], timeout=20, context=trusted)
        else:
            connection = http.client.HTTPConnection(DOMAINS[0], timeout=20)
        connection._create_connection = lambda _, *rest: socket_to(self.address, port, *rest)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body else None, headers)
            reply = connection.getresponse()
            reply.text = reply.read().decode()
        return reply

    def answers(self):
        with contextlib.suppress(http.client.HTTPException):
            return self.call("GET", "/users/ping").status == 200

    def log_in(self):
        reply = self.call("POST", "/auth/login", PERSON)
        assert reply.status == 200, reply.text
        return json.loads(reply.text)["auth_token"]

    def results(self):
        """None while the system does not answer."""
        login = self.call("POST", "/auth/login", PERSON)
        reply = (
            self.call("GET", "/api/values/current", token=json.loads(login.text)["auth_token"])
            if login.status == 200
            else login
        )
        return json.loads(reply.text) if reply.status == 200 else None


def socket_to(address, port, timeout, *_):
    return socket.create_connection((address, port), timeout)


def reads_in_background(host, token=None):
    """Of two services, by four clients at a time; with a token also what needs one. Slower than nginx's AUTH_RATE."""
    paths = itertools.cycle(["/users/ping", "/api/values/kinds", *(["/auth/status", "/api/values/current"] if token else [])])

    def ask(_):
        path = next(paths)
        reply = host.call("GET", path, token=token)
        if reply.status != 200:
            raise UnexpectedAnswerError(path, reply.status, reply.text[:100])

    return Load(ask, threads=4, every_s=0.1)


@pytest.fixture(scope="module")
def host(engine, tmp_path_factory):
    need("ssh", "ssh-keygen", "git")
    missing = [
        name for name in SERVICES if run("docker", "image", "inspect", f"abacus/{name}:stage", ok=False, **engine).returncode
    ]
    if missing:
        pytest.skip(f"images of stage are missing (sh test.sh docker builds them): {' '.join(missing)}")
    one = Host(tmp_path_factory.mktemp("host"), engine)
    yield one
    run("docker", "rm", "-fv", one.name, **engine)


@pytest.fixture(scope="module")
def authority(host):
    one = Authority(host.folder, host.inspect("Gateway"), http_port=80, https_port=443, domains_are_at=host.address)
    yield one
    for server in one.servers:
        server.stop()


def test_1_a_host_that_is_not_prepared_is_reported(host):
    assert "there is no deploy/vm/9-dance" in host.on("9-dance", ok=False).stdout
    host.on("3-start", ok=False)  # sends the tree
    assert host.on("4-stop", ok=False).stdout == "4-stop: this host is not prepared; run deploy/vm/1-prepare first\n"


def test_1_prepare_sets_up_a_bare_machine_and_again_changes_nothing(host):
    assert "prepared" in host.on("1-prepare").stdout
    before = host.shell("sha256sum /etc/abacus/env /etc/abacus/secrets/*")
    assert "prepared" in host.on("1-prepare").stdout
    assert host.shell("sha256sum /etc/abacus/env /etc/abacus/secrets/*") == before
    assert host.shell("stat -c %a /etc/abacus /etc/abacus/secrets /var/backups/abacus").split() == ["700", "700", "700"]
    assert re.fullmatch("[0-9a-f]{8}", host.shell("cat COMMIT"))


# Started as its unit does, because the host of this test has no systemd.
METRICS = r"""timeout 20 bash <<'SH'
. /etc/default/prometheus-node-exporter
prometheus-node-exporter $ARGS >/dev/null 2>&1 &
trap "kill $!" EXIT
until (exec 3<>/dev/tcp/127.0.0.1/9100) 2>/dev/null; do sleep 0.1; done
exec 3<>/dev/tcp/127.0.0.1/9100
printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
grep -o '^node_[a-z]*' <&3 | sort -u
! (exec 4<>"/dev/tcp/$(hostname -i)/9100") 2>/dev/null || echo open to others
SH"""


def test_1_metrics_of_the_host_are_served_to_the_host_alone(host):
    seen = host.shell(METRICS)
    assert "node_filesystem" in seen and "node_memory" in seen and "open to others" not in seen


def test_2_certificates_exist_before_the_first_login(host, authority):
    assert "usage" not in host.on("2-certificates", "you@abacus.example", ok=False).stdout.splitlines()[0]
    host.shell(f"cat >/etc/abacus/acme.pem <<'PEM'\n{authority.certificate.read_text()}PEM\nchmod 644 /etc/abacus/acme.pem")
    assert "Yours" in host.shell("cat /etc/abacus/docker-compose.override.yml")
    host.shell("""cat >/etc/abacus/docker-compose.override.yml <<'YML'
services:
  certificates:
    environment: {REQUESTS_CA_BUNDLE: /acme.pem}
    volumes: ["/etc/abacus/acme.pem:/acme.pem:ro"]
YML""")
    shown = host.on("2-certificates", "you@abacus.example", *DOMAINS, ACME_SERVER=authority.directory).stdout
    assert "Pebble" in shown and all(f"DNS:{name}" in shown for name in DOMAINS)
    eventually(
        lambda: host.call("GET", "/users/ping").status == 503, message="nginx has the certificate, and nothing behind it yet"
    )
    plain = host.call("GET", "/auth/login?a=b", port=80)
    assert (plain.status, plain.getheader("Location")) == (308, f"https://{DOMAINS[0]}/auth/login?a=b")


def test_3_start_brings_it_up(host):
    host.load(base_image(), *[f"abacus/{name}:stage" for name in SERVICES])
    assert "Abacus is up at https://abacus.example" in host.on("3-start", "--no-build").stdout
    reply = host.call("POST", "/auth/register", PERSON)
    assert reply.status == 201, reply.text
    token = json.loads(reply.text)["auth_token"]
    for index in (10, 40):
        assert host.call("POST", "/api/values", {"index": index}, token=token).status in (200, 201)
    eventually(lambda: host.results() == RESULTS, message="the results are there")


def test_3_start_again_changes_nothing(host):
    before = host.shell("docker ps -q | sort")
    host.on("3-start", "--no-build")
    assert host.shell("docker ps -q | sort") == before


def test_an_admins_password_appears_on_no_command_line(host):
    host.on("admin", "root", "root@abacus.example", stdin="nine-wooden-beads\n")
    credentials = {"email": "root@abacus.example", "password": "nine-wooden-beads"}
    token = json.loads(host.call("POST", "/auth/login", credentials).text)["auth_token"]
    assert json.loads(host.call("GET", "/auth/status", token=token).text)["data"]["admin"] is True


def test_4_stop_and_3_start_lose_nothing(host):
    assert "down" in host.on("4-stop").stdout
    with pytest.raises(OSError):  # noqa: PT011 (refused, reset or unreachable)
        host.answers()
    host.on("3-start", "--no-build")
    eventually(lambda: host.results() == RESULTS, message="the results are there again")


def test_5_rebuild_replaces_users_without_a_failed_request(host):
    assert "there is no service user;" in host.on("5-rebuild", "user", ok=False).stdout
    before = host.shell("docker-compose ps -q users")
    with reads_in_background(host) as requests:
        host.on("5-rebuild", "users")
    assert requests.failed == [] and requests.done > 30
    after = host.shell("docker-compose ps -q users")
    assert len(after.split()) == 1 and after != before
    eventually(
        lambda: f"({host.shell('cat COMMIT')})" in host.shell(f"docker exec {after} /bin/users --version"),
        message="the version is that of the commit",  # asked again, because `docker exec` can lose what was printed
    )
    label = host.shell(f"docker inspect -f '{{{{index .Config.Labels \"org.opencontainers.image.version\"}}}}' {after}")
    assert label == host.shell("sed -n 's/^VERSION := //p' Makefile")
    eventually(lambda: host.results() == RESULTS, message="the results are there again")


def test_a_version_that_does_not_become_healthy_is_not_rolled_out(host):
    """The new version refuses to start, because a secret is given twice, and is restarted again and again."""
    before = host.shell("docker-compose ps -q users")
    host.shell("""docker tag abacus/users:stage abacus/users:good
        printf 'FROM abacus/users:good\\nENV SECRET_KEY=twice\\n' | docker build -q -t abacus/users:stage - """)
    with reads_in_background(host) as requests:
        said = host.shell("HEALTHY_SECONDS=8 scripts/rolling-replace users; echo $?")
    message = "rolling-replace: the new container of users did not become healthy; the old ones keep running"
    assert said.splitlines() == [message, "1"]
    host.shell("docker tag abacus/users:good abacus/users:stage")
    assert host.shell("docker-compose ps -q -a users") == before
    assert requests.failed == [] and requests.done > 30


def test_a_script_is_refused_while_another_runs(host):
    with subprocess.Popen(
        [*host.ssh.split(), f"root@{host.address}", "flock /run/abacus.lock cat"], stdin=subprocess.PIPE
    ) as other:
        eventually(
            lambda: host.shell("flock -n /run/abacus.lock true && echo free", ok=False) != "free", message="the lock is taken"
        )
        commit = host.shell("cat COMMIT")
        for script in "4-stop", "3-start":
            assert "is at work on this host; try again" in host.on(script, ok=False).stdout
        other.stdin.close()
    assert host.answers() and host.shell("cat COMMIT") == commit


def test_6_logs_shows_only_the_service_that_was_named(host):
    lines = host.on("6-logs", "--no-log-prefix", "--tail", "3", "users").stdout.strip().splitlines()
    assert len(lines) == 3 and all(json.loads(line)["service"] == "users" for line in lines)


def rows(host, database):
    """The rows of the database as INSERT statements; None when `docker exec` lost the end of the dump (moby/moby issue
    27289)."""
    dump = host.shell(f"docker-compose exec -T db pg_dump -U {database} --data-only --inserts {database}")
    if "PostgreSQL database dump complete" not in dump:
        return None
    return sorted(line for line in dump.splitlines() if line.startswith("INSERT") and "calculations" not in line)


def everything(host):
    return [
        row
        for database in ("users", "values")
        for row in eventually(lambda database=database: rows(host, database), message="a complete dump")
    ]


def test_7_backup_and_8_restore_bring_back_every_user_and_every_value(host):
    said = host.on("7-backup").stdout
    folder = re.search(r"backed up to (/var/backups/abacus/\S+) ", said)[1]
    before, results, token = everything(host), host.results(), host.log_in()
    tables = [row.split()[2] for row in before]
    assert tables.count("public.users") == 2 and tables.count('public."values"') == 2
    for database in ("users", "values"):
        host.shell(
            f"docker-compose exec -T db psql -U {database} -c 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' {database}"
        )
    assert host.call("POST", "/auth/login", PERSON).status == 500
    host.on("8-restore", folder)
    assert everything(host) == before
    assert host.call("GET", "/auth/status", token=token).status == 401, "a token from before the backup"
    eventually(lambda: host.results() == results, message="the results are calculated anew")
    assert len(host.shell("ls -d /var/backups/abacus/before-*").split()) == 1


def test_7_backup_keeps_only_the_latest(host):
    assert "set it to how many" in host.on("7-backup", KEEP="none", ok=False).stdout
    assert host.on("7-backup", "relative", ok=False).returncode == 64, (
        "the backup would be in the tree, which the next deploy replaces"
    )
    for _ in range(3):
        host.on("7-backup", KEEP="2")
        time.sleep(1)  # because a folder is named after the second
    assert len(host.shell("ls /var/backups/abacus | grep -v before").split()) == 2


def test_8_restore_of_a_damaged_backup_changes_nothing(host):
    token = host.log_in()
    before = eventually(
        lambda: (rows := everything(host)) == everything(host) and rows, message="what no reply to a login waits for is written"
    )
    folder = host.shell("ls -d /var/backups/abacus/2*").split()[0]
    host.shell(f"cp -r {folder} /tmp/damaged; printf x >>/tmp/damaged/users.dump")
    done = host.on("8-restore", "/tmp/damaged", ok=False)
    assert done.returncode == 1 and "is damaged; nothing was touched" in done.stdout
    assert everything(host) == before
    assert host.call("GET", "/auth/status", token=token).status == 200


def test_a_drill_restores_an_off_site_backup_beside_the_running_system(host):
    host.shell("echo RESTIC_REPOSITORY=/root/offsite >/etc/abacus/offsite")
    host.on("offsite", "init")
    host.on("7-backup")
    host.on("offsite")
    assert re.search(r"can be restored: 2 users \(now 2\) 2 values \(now 2\)$", host.on("drill").stdout.strip())
    assert host.shell("docker ps -aq --filter name=abacus-drill") == ""


def secrets_of(host):
    folder = "/etc/abacus/secrets"
    names = host.shell(f"cd {folder} && find . -maxdepth 1 -type f -size +0 -printf '%f\\n'").split()
    values = host.shell(f"cd {folder} && for name in {' '.join(names)}; do cat $name; echo; done").split()
    return dict(zip(names, values, strict=True))


def test_9_rotate_replaces_the_key_without_a_failed_request_although_it_is_interrupted(host):
    first, token = secrets_of(host)["SECRET_KEY"], host.log_in()
    with reads_in_background(host, token) as requests:
        host.shell(
            "deploy/vm/9-rotate key & until [ -s /etc/abacus/secrets/SECRET_KEY_PREVIOUS ]; do sleep 0.1; done; kill $!; wait",
            ok=False,
        )
        assert secrets_of(host)["SECRET_KEY"] == first
        assert "the key is replaced" in host.on("9-rotate", "key").stdout
    assert requests.failed == [] and requests.done > 30
    now = secrets_of(host)
    assert now["SECRET_KEY"] != first and now["SECRET_KEY_PREVIOUS"] == first
    assert "9-rotate forget" in host.on("9-rotate", "key", ok=False).stdout
    with reads_in_background(host, host.log_in()) as requests:
        host.on("9-rotate", "forget")
    assert requests.failed == [] and requests.done > 30
    assert host.call("GET", "/auth/status", token=token).status == 401
    assert "SECRET_KEY_PREVIOUS" not in secrets_of(host)
    assert first in host.shell("cat /etc/abacus/secrets/former.keys/*"), "a backup of today may be sealed with it"


def test_9_rotate_replaces_the_passwords_of_postgres_and_redis_without_a_failed_request(host):
    former = secrets_of(host)
    with reads_in_background(host, host.log_in()) as requests:
        host.on("9-rotate", "passwords")
    assert requests.failed == [] and requests.done > 30
    now = secrets_of(host)
    unchanged = {name for name in now if now[name] == former[name]}
    assert unchanged == {"SECRET_KEY"}
    as_users = "docker-compose exec -T -e PGPASSWORD={} db psql -X -h 127.0.0.1 -U users users -c 'SELECT 1'"
    as_client = "docker-compose exec -T -e REDISCLI_AUTH={} redis redis-cli -e PING"
    for command, name in (as_users, "users"), (as_client, "redis"):
        host.shell(command.format(now[name]))
        assert "refused" in host.shell(f"{command.format(former[name])} >/dev/null 2>&1 || echo refused"), name
    eventually(lambda: host.results() == RESULTS, message="the results are there")
    logs = host.shell("docker-compose logs --no-color 2>&1")
    assert not [name for secrets in (former, now) for name, secret in secrets.items() if secret in logs]


def test_a_shell_reaches_the_services_own_address_and_its_files(host):
    assert "PostgreSQL" in host.on("shell", "users", "psql", "--version").stdout
    assert "/bin/users" in host.on("shell", "users", "ls", "/proc/1/root/bin/users").stdout


def test_the_firewall_closes_what_a_container_publishes_and_nothing_else(host):
    host.shell("docker run -d --name published -p 9999:3007 abacus/client:stage")
    eventually(lambda: listens(9999, host.address), message="the port is open, although no firewall was asked")
    assert "22, 80, 443" in host.on("firewall").stdout
    with pytest.raises(OSError):  # noqa: PT011 (no answer, or unreachable)
        listens(9999, host.address)
    eventually(lambda: host.results() == RESULTS, message="what is open answers, and the containers reach each other")
    host.on("firewall", "9999")
    assert listens(9999, host.address)
    host.on("firewall")
    host.shell("docker rm -fv published")


def test_a_check_reports_a_service_that_does_not_run(host):
    host.shell("echo CERTIFICATE_DAYS=1 >>/etc/abacus/env; echo DISK_PERCENT=101 >>/etc/abacus/env")
    eventually(lambda: host.on("check", ok=False).stdout == "", message="each daemon is ready")
    host.shell("docker-compose stop mailer")
    assert host.on("check", ok=False).stdout.splitlines()[-1].startswith("mailer ")
    host.on("3-start", "--no-build")


def test_everything_starts_again_after_a_reboot(host):
    run("docker", "restart", "-t", "5", host.name, **host.engine)
    host.address = host.inspect("IPAddress")  # the engine may give it another one
    eventually(lambda: host.results() == RESULTS, message="it answers again", limit_s=60)
