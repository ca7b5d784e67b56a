"""deploy/vm: firewall, check, heal and alarm, each without a host: small programs first on the PATH take the place of what
they call, and HOST_ROOT that of /. test_vm.py runs them on a host."""

import configparser
import os
import re
import time

import pytest

from delivery import need
from harness import ROOT, run

VM = ROOT / "deploy/vm"
SERVICES = ["db", "redis", "users", "nginx"]
HOUR_S = 3600

# Each notes its call. A container is named after its service; the file `streak` or `state` beside has what is inspected of it.
NOTE = 'echo "$(basename "$0") $*" >>"$SAID/calls"'
ROWS = 'for database; do :; done; grep -E "^(a.b|public.$database) "'
STAND_INS = {
    "id": "echo 0",
    "logger": NOTE,
    "systemctl": NOTE,
    "nft": f'{NOTE}; [ ! -e "$SAID/nft-fails" ]',
    "sshd": "echo port 22; echo port 2222",
    "df": 'case $* in *-i*) cat "$SAID/inodes" ;; *) cat "$SAID/blocks" ;; esac',
    "openssl": 'case $1 in s_client) [ ! -e "$SAID/no-certificate" ] ;; *) [ ! -e "$SAID/certificate-ends" ] ;; esac',
    "docker-compose": f"""case $* in
        *"config --services") printf '%s\\n' {" ".join(SERVICES)} users-migrate ;;
        "up -d "*) {NOTE} && [ ! -e "$SAID/up-fails" ] ;;
        "ps -q "*) [ -e "$SAID/$3.away" ] || echo "$3" ;;
        stop*) {NOTE} ;;
        "exec -T db psql"*) {ROWS} "$SAID/rows.now" ;;
        esac""",
    "docker": f"""case $* in
        restart*) {NOTE} && [ ! -e "$SAID/docker-fails" ] ;;
        *FailingStreak*) cat "$SAID/$4.streak" 2>/dev/null || echo 0 ;;
        "exec -i abacus-drill restore "*) cat >/dev/null; [ ! -e "$SAID/restore-fails" ] ;;
        "exec -i abacus-drill pg_restore "*) cat ;;
        "exec -i abacus-drill psql "*) {ROWS} "$SAID/rows.restored" ;;
        "exec "*" --check-ready") [ ! -e "$SAID/$2.unready" ] ;;
        rm*abacus-drill | "run "*) {NOTE} ;;
        *Config.Image*) echo abacus/db:stage ;;
        *State.Running*) echo true ;;
        *State.Health.Status*abacus-drill) echo healthy ;;
        *State.Status*) cat "$SAID/$4.state" 2>/dev/null || echo running healthy ;;
        esac""",
}
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100 {0} 0 {0}% /\n/dev/a 100 {0} 0 {0}% /\n"


class Host:
    def __init__(self, folder):
        self.root, self.said = folder / "root", folder / "said"
        self.place, self.state = self.root / "etc/abacus", self.root / "var/lib/abacus"
        for path in (self.said, folder / "bin", self.root / "run", self.place, self.root / "var/backups/abacus"):
            path.mkdir(parents=True, exist_ok=True)
        for name, does in STAND_INS.items():
            self.program(folder / "bin" / name, does)
        self.path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.write(self.place / "env", "DOMAINS='abacus.example'\nCOMPOSE_FILE='docker-compose-stage.yml'\n")
        self.write(self.place / "docker-compose.override.yml", "", age_s=9 * 24 * HOUR_S)
        self.write(self.said / "blocks", DF.format(30))
        self.write(self.said / "inodes", DF.format(3))
        self.backup = self.root / "var/backups/abacus/2026-11-21T03-20-11Z"
        self.backup.mkdir()

    @staticmethod
    def program(path, does):
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    @staticmethod
    def write(path, text="", age_s=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time.time() - age_s,) * 2)

    def script(self, name, *arguments, ok=True, **variables):
        given = {"PATH": self.path, "SAID": str(self.said), "HOST_ROOT": str(self.root), "SSH_CONNECTION": "", **variables}
        return run(VM / name, *arguments, ok=ok, **given)

    def calls(self, of=""):
        """Those of the program since the last time."""
        path = self.said / "calls"
        found = path.read_text().splitlines() if path.exists() else []
        path.write_text("")
        return [call for call in found if call.startswith(of)]

    def alarm_hook(self, does):
        self.program(self.place / "alarm", does)


@pytest.fixture
def host(tmp_path):
    need("flock")
    return Host(tmp_path)


def test_the_firewall_opens_sshs_ports_80_443_and_those_that_are_named(host):
    (host.root / "run/systemd/system").mkdir(parents=True)
    said = host.script("firewall", "8443", SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 2200").stdout
    assert said == "open from outside: 22, 80, 443, 2200, 2222, 8443\n"
    assert "elements = { 22, 80, 443, 2200, 2222, 8443 }" in (host.place / "firewall.nft").read_text()
    assert [call.split()[0:2] for call in host.calls()] == [["nft", "-f"], ["systemctl", "enable"]]


def test_the_firewall_again_has_the_ports_of_the_last_time_alone_and_replaces_its_table_at_once(host):
    host.script("firewall", "8443")
    host.script("firewall")
    rules = (host.place / "firewall.nft").read_text()
    assert "8443" not in rules
    assert rules.startswith("table inet abacus\ndelete table inet abacus\ntable inet abacus {")


def test_rules_that_the_kernel_refuses_leave_those_from_before(host):
    host.script("firewall", "8443")
    before = (host.place / "firewall.nft").read_text()
    host.write(host.said / "nft-fails")
    assert "still in force" in host.script("firewall", ok=False).stdout
    assert (host.place / "firewall.nft").read_text() == before


@pytest.mark.parametrize("wrong", ["x", "0", "65536", "80;drop", ""])
def test_what_is_no_port_is_refused(host, wrong):
    assert host.script("firewall", wrong, ok=False).returncode == 64
    assert host.calls("nft") == []


def test_an_open_firewall_leaves_no_rules_for_the_next_start(host):
    host.script("firewall")
    host.script("firewall", "--off")
    assert host.calls("nft")[-1] == "nft delete table inet abacus" and not (host.place / "firewall.nft").exists()


def test_a_sound_host_has_no_fault(host):
    assert host.script("check").stdout == ""


@pytest.mark.parametrize(
    "file, text, fault",
    [
        ("blocks", DF.format(85), "the disk of / has used 85% of its blocks"),
        ("inodes", DF.format(100), "the disk of / has used 100% of its inodes"),
        ("no-certificate", "", "no certificate of abacus.example can be read at port 443"),
        ("certificate-ends", "", "the certificate of abacus.example ends within 14 days; deploy/vm/6-logs"),
        ("users.away", "", "users does not run"),
        ("users.state", "running unhealthy", "users is unhealthy"),
        ("users.unready", "", "users is not ready"),
        ("nginx.state", "restarting healthy", "nginx is restarting"),
    ],
)
def test_a_fault_is_one_line(host, file, text, fault):
    host.write(host.said / file, text)
    done = host.script("check", ok=False)
    assert done.returncode == 1 and done.stdout.startswith(fault) and done.stdout.count("\n") == 1


def test_a_backup_that_is_late_is_a_fault_but_not_on_a_new_host(host):
    os.utime(host.backup, (time.time() - 27 * HOUR_S,) * 2)
    assert host.script("check", ok=False).stdout == "there is no backup of the last 26 hours\n"
    host.write(host.place / "docker-compose.override.yml")
    assert host.script("check").stdout == ""


def test_an_off_site_backup_or_a_drill_that_is_late_is_a_fault(host):
    host.write(host.place / "offsite", age_s=9 * 24 * HOUR_S)
    host.write(host.state / "offsite", age_s=27 * HOUR_S)
    host.write(host.state / "drill", age_s=24 * HOUR_S)
    assert host.script("check", ok=False).stdout == "there is no off-site backup of the last 26 hours\n"
    host.write(host.state / "offsite")
    host.write(host.state / "drill", age_s=8 * 24 * HOUR_S + HOUR_S)
    assert host.script("check", ok=False).stdout == "no restore of an off-site backup has succeeded for eight days\n"


def test_an_alarm_is_sent_once_again_after_a_day_and_when_all_is_well(host):
    host.alarm_hook('{ echo "$1"; cat; } >>"$SAID/alarms"')

    def sent():
        host.script("check", "--alarm")
        path = host.said / "alarms"
        text = path.read_text() if path.exists() else ""
        host.write(path)
        return text.splitlines()[1:]

    assert sent() == []
    host.write(host.said / "users.state", "running unhealthy")
    assert sent() == ["users is unhealthy"]
    assert sent() == []
    os.utime(host.state / "faults", (time.time() - 25 * HOUR_S,) * 2)
    assert sent() == ["users is unhealthy"]
    host.write(host.said / "blocks", DF.format(90))
    assert sent() == ["the disk of / has used 90% of its blocks", "users is unhealthy"]
    (host.said / "users.state").unlink()
    host.write(host.said / "blocks", DF.format(30))
    assert sent() == ["everything is well again"]
    assert sent() == []


def test_an_alarm_whose_hook_fails_is_sent_again_at_the_next_run(host):
    host.write(host.said / "users.away")
    host.alarm_hook("exit 1")
    assert host.script("check", "--alarm", ok=False).returncode == 1
    host.alarm_hook('cat >"$SAID/alarms"')
    host.script("check", "--alarm")
    assert (host.said / "alarms").read_text() == "users does not run\n"


def test_an_alarm_without_a_hook_is_logged(host):
    host.script("alarm", "a subject")
    assert host.calls("logger") == ["logger -t abacus -p user.alert a subject: "]


def test_a_container_that_stays_unhealthy_is_restarted_three_times_an_hour(host):
    host.write(host.said / "users.streak", "24")
    host.write(host.said / "nginx.streak", "23")
    for _ in range(3):
        assert host.script("heal").stdout == "users was unhealthy and is restarted\n"
    assert host.script("heal").stdout == "users is still unhealthy after three restarts\n"
    assert host.calls() == ["docker restart users"] * 3
    for mark in (host.state / "restarts").iterdir():
        os.utime(mark, (time.time() - 2 * HOUR_S,) * 2)
    host.script("heal")
    assert host.calls() == ["docker restart users"]


def test_while_postgres_is_unhealthy_it_alone_is_restarted(host):
    for name in "db", "users":
        host.write(host.said / f"{name}.streak", "30")
    host.script("heal")
    assert host.calls() == ["docker restart db"]


def test_a_restart_that_fails_fails_the_unit(host):
    host.write(host.said / "users.streak", "30")
    host.write(host.said / "docker-fails")
    assert host.script("heal", ok=False).returncode == 1


@pytest.mark.parametrize("name", ["check", "heal"])
def test_while_another_script_is_at_work_nothing_is_judged(host, name):
    host.write(host.said / "users.streak", "30")
    host.write(host.said / "users.away")
    done = run("flock", host.root / "run/abacus.lock", VM / name, PATH=host.path, SAID=str(host.said), HOST_ROOT=str(host.root))
    assert done.returncode == 0 and host.calls() == []


def test_one_service_is_stopped_or_all(host):
    assert host.script("4-stop", "users", "nginx").stdout == "stopped: users nginx\n"
    assert host.script("4-stop").stdout == "Abacus is down.\n"
    assert [call.strip() for call in host.calls()] == ["docker-compose stop users nginx", "docker-compose stop"]
    assert "there is no service user; there are: db nginx" in host.script("4-stop", "user", ok=False).stdout
    assert host.calls() == []


def test_a_shell_is_in_the_network_and_among_the_processes_of_the_service(host):
    host.script("shell", "users", "cat", "/proc/1/root/a file")
    (call,) = host.calls()
    assert "--network container:users --pid container:users" in call and "--cap-drop ALL" in call
    assert call.endswith("--entrypoint env abacus/db:stage cat /proc/1/root/a file")
    host.script("shell", "redis")
    assert host.calls()[0].endswith("abacus/db:stage bash")
    host.write(host.said / "users.away")
    assert "users is not running" in host.script("shell", "users", ok=False).stdout


FORGET_FAILS = {"the key is kept": 1, "its file is emptied": 2, "containers are replaced": None}


@pytest.mark.parametrize("number", FORGET_FAILS.values(), ids=FORGET_FAILS)
def test_forgetting_a_key_goes_on_wherever_it_failed_and_no_file_is_ever_missing(host, number):
    previous = host.place / "secrets/SECRET_KEY_PREVIOUS"
    host.write(host.place / "secrets/SECRET_KEY", "the key")
    host.write(previous, "the key before")
    host.write(host.said / ("moves" if number else "up-fails"))
    counted = f'echo >>"$SAID/moves"; [ "$(wc -l <"$SAID/moves")" != {number or 0} ] && PATH=${{PATH#*:}} exec mv "$@"'
    host.program(host.root.parent / "bin/mv", counted)
    assert host.script("9-rotate", "forget", ok=False).returncode == 1
    assert previous.exists()
    assert "finish that by 9-rotate forget" in host.script("9-rotate", "key", ok=False).stdout
    (host.said / "up-fails").unlink(missing_ok=True)
    host.calls()
    assert "is not accepted any more" in host.script("9-rotate", "forget").stdout
    assert [call.split()[-1] for call in host.calls("docker-compose up")] == ["users", "values"]
    assert previous.read_text() == ""
    assert {path.read_text() for path in (host.place / "secrets/former.keys").iterdir()} == {"the key before"}
    assert "there is no key from before" in host.script("9-rotate", "forget", ok=False).stdout


@pytest.fixture
def repository(host):
    """A repository of restic in a folder, and one backup of three users and two values on the host."""
    need("restic")
    host.write(host.place / "offsite", f"RESTIC_REPOSITORY='{host.root.parent / 'repository'}'\n")
    host.write(host.place / "secrets/SECRET_KEY", "the key")
    host.write(host.place / "secrets/SECRET_KEY_PREVIOUS", "the key before")
    host.write(host.place / "secrets/former.keys/2026-01-01", "a former key")
    host.backup.rmdir()
    backup(host)
    host.script("offsite", "init")
    return host.root.parent / "repository"


def backup(host, age_s=0, users=3):
    """As scripts/backup makes one, but that a dump is the SQL itself."""
    name = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(time.time() - age_s))
    folder = host.root / "var/backups/abacus" / name
    for table, count in ("users", users), ("values", 2):
        rows = "".join(f"{number}\\tx\n" for number in range(count))
        host.write(
            folder / f"{table}.dump",
            f'SET x;\nCOPY public."{table}" (id, name) FROM stdin;\n{rows}\\.\n\nCOPY a.b (c) FROM stdin;\n\\.\n',
        )
    run("sh", "-c", "sha256sum users.dump values.dump >SHA256SUMS", cwd=folder)
    rows = f"a.b 0\npublic.users {users}\npublic.values 2\n"
    for what in "restored", "now":
        host.write(host.said / f"rows.{what}", rows)
    return folder


def test_what_is_off_site_is_encrypted_and_comes_back_with_the_keys_of_its_second_factors(host, repository):
    folder = next((host.root / "var/backups/abacus").iterdir())
    dump = (folder / "users.dump").read_text()
    assert host.script("offsite").stdout == f"copied {folder.name} off-site\n"
    stored = b"".join(path.read_bytes() for path in repository.rglob("*") if path.is_file())
    assert b"COPY public" not in stored and b"the key" not in stored and (host.state / "offsite").exists()

    run("rm", "-rf", folder, host.place / "secrets")  # another host
    host.write(host.place / "secrets/SECRET_KEY", "another key")
    assert f"8-restore {folder}" in host.script("offsite", "get").stdout
    assert (folder / "users.dump").read_text() == dump
    former = {path.read_text() for path in (host.place / "secrets/former.keys").iterdir()}
    assert (
        former == {"the key", "the key before", "a former key"}
        and (host.place / "secrets/SECRET_KEY").read_text() == "another key"
    )


def test_the_password_of_the_repository_is_made_once_and_is_on_no_command_line(host, repository):
    password = (host.place / "offsite.password").read_text()
    assert re.fullmatch("[0-9a-f]{64}", password) and (host.place / "offsite.password").stat().st_mode & 0o77 == 0
    assert host.script("offsite", "init", ok=False).returncode == 1
    assert (host.place / "offsite.password").read_text() == password


def test_of_the_off_site_backups_of_one_day_the_last_is_kept(host, repository):
    given = {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD_FILE": str(host.place / "offsite.password")}
    for hour in "03", "04", "05":
        run("restic", "-q", "backup", "--tag", "abacus", "--time", f"2026-01-01 {hour}:00:00", host.place / "env", **given)
    host.script("offsite")
    listed = host.script("offsite", "list").stdout
    assert "2026-01-01 05:00:00" in listed and "2 snapshots" in listed


def test_a_repository_that_is_away_fails_and_says_why(host, repository):
    repository.rename(f"{repository}.away")
    done = host.script("offsite", ok=False)
    assert done.returncode == 1 and "repository" in done.stdout and not (host.state / "offsite").exists()


def test_without_a_repository_or_a_backup_there_is_one_line(host):
    assert "there is no off-site repository" in host.script("offsite", ok=False).stdout
    host.write(host.place / "offsite", "X=1\n")
    assert "RESTIC_REPOSITORY is not set" in host.script("offsite", ok=False).stdout
    host.write(host.place / "offsite", "RESTIC_REPOSITORY=/nowhere\n")
    host.backup.rmdir()
    assert "there is no backup; deploy/vm/7-backup makes one" in host.script("offsite", ok=False).stdout


def test_a_drill_reports_the_rows_and_leaves_no_postgres(host, repository):
    host.script("offsite")
    said = host.script("drill").stdout
    assert said.endswith("can be restored: 3 users (now 3) 2 values (now 2)\n") and (host.state / "drill").read_text() == said
    started, removed = [index for index, call in enumerate(host.calls()) if "abacus-drill" in call][-2:]
    assert started < removed and list(host.state.glob("fetched.*")) == []


@pytest.mark.parametrize(
    "fault, message",
    [
        ("old", "which is more than 48 hours ago"),
        ("restore-fails", "cannot be restored; the lines above say why"),
        ("rows", "the restored users is not what the backup has"),
        ("empty", "the backup has no users, and the running system has 3"),
        ("damaged", "it failed; the lines above say why"),
    ],
)
def test_a_drill_fails_where_a_restore_would(host, repository, fault, message):
    if fault == "old":
        run("rm", "-rf", *(host.root / "var/backups/abacus").iterdir())
        backup(host, age_s=50 * HOUR_S)
    elif fault == "empty":
        run("rm", "-rf", *(host.root / "var/backups/abacus").iterdir())
        backup(host, users=0)
        host.write(host.said / "rows.now", "public.users 3\npublic.values 2\n")
    host.script("offsite")
    if fault == "rows":
        host.write(host.said / "rows.restored", "a.b 0\npublic.users 2\npublic.values 2\n")
    elif fault == "damaged":
        next(path for path in (repository / "data").rglob("*") if path.is_file()).unlink()
    host.write(host.said / fault)
    done = host.script("drill", ok=False)
    assert done.returncode == 1 and message in done.stdout and not (host.state / "drill").exists()


def units():
    found = {}
    for path in sorted((VM / "systemd").iterdir()):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.optionxform = str
        parser.read(path)
        found[path.name] = parser
    return found


def test_every_unit_that_fails_raises_an_alarm_and_ends_some_time():
    for name, unit in units().items():
        if name.endswith(".service") and name != "abacus-alarm@.service":
            assert unit["Unit"]["OnFailure"] == "abacus-alarm@%n.service", name
        if name.endswith(".service") and name != "abacus-firewall.service":
            assert unit["Service"]["TimeoutStartSec"], name
            # A unit that requires what fails does not fail itself, but is not started, and nothing reports that.
            assert "Requires" not in unit["Unit"], name


def test_every_unit_runs_a_script_that_exists_and_every_timer_a_unit():
    found = units()
    for name, unit in found.items():
        if name.endswith(".timer"):
            assert name.replace(".timer", ".service") in found and unit["Install"]["WantedBy"] == "timers.target"
        else:
            for script in re.findall(r"/opt/abacus/(\S+)", unit["Service"]["ExecStart"]):
                assert os.access(ROOT / script, os.X_OK), script


def test_prepare_installs_every_unit_and_starts_every_timer(host):
    (host.root / "run/systemd/system").mkdir(parents=True)
    (host.root / "etc/systemd/system").mkdir(parents=True)
    host.write(host.root / "etc/default/prometheus-node-exporter", 'ARGS=""\n')
    tree = host.root / "opt/abacus"
    (tree / "deploy").mkdir(parents=True)
    (tree / "deploy/vm").symlink_to(VM)
    for name in "install-packages", "offline-base-images", "make-secrets":
        host.write(tree / "scripts" / name)
        host.program(tree / "scripts" / name, ":")
    given = {"PATH": host.path, "SAID": str(host.said), "HOST_ROOT": str(host.root)}
    run(tree / "deploy/vm/1-prepare", cwd=tree, **given)
    assert sorted(path.name for path in (host.root / "etc/systemd/system").iterdir()) == sorted(units())
    timers = [name for name in units() if name.endswith(".timer")]
    calls = host.calls()
    assert f"systemctl enable -q --now {' '.join(timers)}" in calls
    assert "systemctl restart prometheus-node-exporter" in calls
    exporter = (host.root / "etc/default/prometheus-node-exporter").read_text()
    assert exporter == 'ARGS=""\nARGS="--web.listen-address=127.0.0.1:9100"\n'
    assert "Unattended-Upgrade" in (host.root / "etc/apt/apt.conf.d/52abacus").read_text()
