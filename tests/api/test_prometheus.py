"""The metrics that the daemons export, and the rules and the dashboard that read them (deploy/prometheus)."""

import json
import re
import subprocess

import pytest

import abacus

FOLDER = abacus.ROOT / "deploy/prometheus"
INSTANCES = [(name, second) for name in abacus.ADMIN_PORTS for second in (False, True)[: abacus.INSTANCES]]

# Metrics that no daemon of ours has: Prometheus' own, and those of the exporters that prometheus.yml names.
OF_OTHERS = set(
    "up node_filesystem_avail_bytes node_filesystem_size_bytes probe_ssl_earliest_cert_expiry probe_success pg_up "
    "pg_stat_activity_count pg_settings_max_connections redis_up redis_memory_used_bytes redis_memory_max_bytes "
    "redis_db_keys_expiring nginx_up".split()
)
CONFIGURATIONS = ["prometheus.yml", "prometheus-dns.yml"]
PROOFS = ["rules_test.yml", "budgets_test.yml"]

NO_METRIC = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset"}


def promtool(*arguments, **options):
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, cwd=FOLDER, timeout=60, **options)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


def metrics(name, second=False):
    return abacus.get("/metrics", port=abacus.ADMIN_PORTS[name] + (abacus.SECOND_INSTANCE if second else 0)).text


@pytest.mark.parametrize("name", abacus.ADMIN_PORTS)
def test_promtool_finds_no_fault_in_a_daemons_metrics(name):
    promtool("check", "metrics", input=metrics(name))


@pytest.mark.parametrize("name, second", INSTANCES)
def test_a_daemon_exports_its_cpu_time_memory_and_start(name, second):
    second_metrics = metrics(name, second)
    for metric in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"):
        assert float(re.search(rf"^{metric} (\S+)$", second_metrics, re.M)[1]) > 0


@pytest.mark.parametrize("name", ["users", "values"])
def test_latency_is_exported_by_route(name):
    path = {"users": "/users/ping", "values": "/values/current"}[name]
    sample = rf'^http_request_duration_seconds_count{{method="GET",route="{path}"}} (\d+)$'

    def count():
        return int(re.search(sample, metrics(name), re.M)[1])

    before = count()
    assert abacus.get(path, to=name).status == 200
    abacus.eventually(lambda: count() > before, 5)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_scrape_configuration_is_valid(name):
    promtool("check", "config", name)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_target_has_the_label_service(name):
    jobs = re.findall(r"(?ms)^  - job_name: .*?(?=^  - job_name|\Z)", (FOLDER / name).read_text())
    assert len(jobs) == 6
    for job in jobs:
        by_name = "dns_sd_configs" in job and "target_label: service" in job
        assert by_name or job.count("- targets:") == len(re.findall(r"- targets: .*\n +labels: \{service: \w+\}", job)), job


def test_the_alert_rules_are_valid():
    promtool("check", "rules", "rules.yml")


@pytest.mark.parametrize("name", PROOFS)
def test_each_alert_fires_when_it_should_and_only_then(name):
    promtool("test", "rules", name)


def test_each_alert_has_a_test():
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "rules.yml").read_text()))
    proofs = "".join((FOLDER / name).read_text() for name in PROOFS)
    fired = set(re.findall(r"alertname: (\w+)\n +exp_alerts", proofs))
    assert alerts == fired


def names_in(expression):
    """The metrics that a PromQL expression reads."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', "", re.sub(r'"[^"]*"', '""', expression))
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - NO_METRIC


def expressions():
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = re.findall(r"^ +expr: (.*)$", (FOLDER / "rules.yml").read_text(), re.M)
    assert len(queries) > 20 and len(rules) > 10
    return queries + rules


def test_names_in_finds_metrics_and_nothing_else():
    assert names_in('sum by (le, b) (rate(a_total{c="d{",e=~"f"}[5m])) / time() > 3 * 86400 or max(g)') == {"a_total", "g"}


def test_rules_and_dashboard_use_only_metrics_that_exist():
    known = OF_OTHERS | set(re.findall(r"^ +- record: (.*)$", (FOLDER / "rules.yml").read_text(), re.M))
    for name, second in INSTANCES:
        known |= set(re.findall(r"^([a-z_]+)(?:\{.*\})? \S+$", metrics(name, second), re.M))
    named = set().union(*map(names_in, expressions()))
    assert named - known == set()
    assert named >= OF_OTHERS, "an exception that no rule needs"
