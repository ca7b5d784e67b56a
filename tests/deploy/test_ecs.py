"""deploy/ecs: the stack, the task definitions and the roll-out. moto takes the place of AWS and checks every call and its
arguments. A small `aws` in front of the real one simulates what moto cannot: that tasks end, and that services become stable
or do not."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from delivery import ACCOUNT, REGION, Shell, commands_of, eventually, need
from harness import ROOT, Server, free_port, run, unless_root

ECS = ROOT / "deploy/ecs"
SERVICES = ["users", "values", "worker", "mailer", "healthcheck", "client", "swagger"]
DAEMONS = SERVICES[:5]
ONCE = ["database", "users-migrate", "values-migrate"]
PLACE = {
    name: f"arn:{name}"
    for name in (
        "UsersUrl ValuesUrl HealthcheckUrl RedisUrl SecretKey UsersExecution ValuesExecution WorkerExecution MailerExecution "
        "HealthcheckExecution PagesExecution DatabaseMasterExecution TaskRole DatabaseCa DatabaseMaster UsersPassword "
        "ValuesPassword HealthcheckPassword "
        "SmtpUrl SmsToken"
    ).split()
}
PLACE.update(
    Cluster="abacus-prod",
    LogGroup="/abacus/abacus-prod",
    Namespace="abacus-prod.internal",
    DatabaseHost="db.example",
    Network="10.30.0.0/16",
    SmsUrl="https://sms.example/messages",
    MailFrom="abacus@abacus.example",
    PublicUrl="https://abacus.example",
)

# Simulates what moto does not: the outputs of a stack that was made by a change set, and the outcome of tasks and services. The
# file `outcome` has {"exit": {FAMILY: CODE}, "never_stable": SERVICE, "asleep": SERVICE, "bakes": SERVICE,
# "no_answer": SERVICE, "starts": SERVICE, "foreign_bucket": true, "keeps_revisions": true}. The deployment of the service that
# bakes is under way in the first three looks, or with "until_stopped" for ever; of that with no answer ECS does not say. A task
# of the service that starts is about to run in the first look. The file `calls` lists every call.
AWS = """#!{python}
import json, os, pathlib, re, subprocess, sys
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
outcome = json.loads((here / "outcome").read_text())
query = sys.argv.index("--query") if "--query" in sys.argv else len(sys.argv)
plain = sys.argv[1:3] in (["ecs", "describe-tasks"], ["ecs", "describe-services"], ["cloudformation", "describe-stacks"])
if sys.argv[1:3] == ["cloudformation", "deploy"] and outcome.get("makes_services"):
    # moto does not evaluate a condition again when a stack is updated.
    for name in {services}:
        subprocess.run(["{aws}", "ecs", "create-service", "--cluster", "abacus-stage", "--service-name", name,
                        "--desired-count", "2", "--task-definition", "abacus-stage-" + name],
                       stdout=subprocess.DEVNULL, check=True)
    sys.exit()
if sys.argv[1:3] == ["logs", "get-log-events"]:
    print(json.dumps({{"events": [{{"message": line}} for line in outcome.get("log", [])]}}))
    sys.exit()
if outcome.get("foreign_bucket") and sys.argv[1] in ("s3", "s3api"):
    sys.exit("the bucket belongs to another account")
if sys.argv[1:3] == ["ecs", "list-service-deployments"]:
    name = sys.argv[sys.argv.index("--service") + 1]
    so_far = (here / "calls").read_text()
    asked = f"list-service-deployments --cluster abacus-stage --service {{name}} "
    looks = [line for line in so_far.splitlines() if asked in line]
    goes_on = "stop-service-deployment" not in so_far if outcome.get("until_stopped") else len(looks) <= 3
    bakes = name == outcome.get("bakes") and goes_on
    if name == outcome.get("no_answer"):
        sys.exit("ServerException")
    print(f"arn:deployment/{{name}}" if bakes else "")
    sys.exit()
if sys.argv[1:3] == ["ecs", "stop-service-deployment"]:
    assert sys.argv[-1] == "ROLLBACK", sys.argv
    name = sys.argv[sys.argv.index("--service-deployment-arn") + 1].split("/")[1]
    # The whole name, because moto shows what it is given.
    former = ["--service", name, "--task-definition", f"arn:aws:ecs:{region}:{account}:task-definition/abacus-stage-{{name}}:1"]
    os.execv("{aws}", ["{aws}", "ecs", "update-service", "--cluster", "abacus-stage", *former])
if sys.argv[1:3] == ["ecs", "deregister-task-definition"] and outcome.get("keeps_revisions"):
    sys.exit("ExpiredTokenException")
if sys.argv[1] == "service-quotas" and "quota" in outcome:
    print(outcome["quota"])
    sys.exit()
asked_for = re.search(r"OutputKey==['`](\\w+)['`]", " ".join(sys.argv[query:]))
if asked_for:
    print(json.loads((here / "outputs").read_text())[asked_for[1]])
    sys.exit()
if not plain or query < len(sys.argv):
    os.execv("{aws}", ["{aws}", *sys.argv[1:]])
done = subprocess.run(["{aws}", *sys.argv[1:]], stdout=subprocess.PIPE)
if done.returncode:
    sys.exit(done.returncode)
answer = json.loads(done.stdout)
for stack in answer.get("Stacks", []):
    outputs = json.loads((here / "outputs").read_text())
    stack["Outputs"] = [{{"OutputKey": key, "OutputValue": value}} for key, value in outputs.items()]
for task in answer.get("tasks", []):
    family = task["taskDefinitionArn"].split("/")[-1].split(":")[0].removeprefix("abacus-stage-")
    task["lastStatus"] = "STOPPED"
    last = {{"name": family.split("-")[-1], "exitCode": outcome["exit"].get(family, 0)}}
    task["containers"] = [{{"name": "prepare", "exitCode": 0}}, last]
for service in answer.get("services", []):
    name = service["serviceName"]
    is_asleep = name == outcome.get("asleep") or f"--service {{name}} --desired-count 0" in (here / "calls").read_text()
    service["desiredCount"] = service["runningCount"] = 0 if is_asleep else 2
    looks = (here / "calls").read_text().count("ecs describe-services")
    service["pendingCount"] = int(name == outcome.get("starts") and looks == 1)
    wanted = service["taskDefinition"]
    bad = service["serviceName"] == outcome.get("never_stable") and wanted.endswith(outcome["revision"])
    state = "FAILED" if bad else "COMPLETED"
    service["deployments"] = [{{"taskDefinition": wanted, "rolloutState": state, "status": "PRIMARY"}}]
print(json.dumps(answer))
"""


def definition(service, kind="prod"):
    need("jq")
    done = run(
        "jq",
        "-n",
        "--arg",
        "kind",
        kind,
        "--arg",
        "service",
        service,
        "--arg",
        "images",
        "registry.example/abacus",
        "--arg",
        "tag",
        "01234567",
        "--arg",
        "region",
        REGION,
        "--arg",
        "architecture",
        "X86_64",
        "--rawfile",
        "roles",
        ECS / "roles.sql",
        "--argjson",
        "place",
        json.dumps(PLACE),
        "$place | " + (ECS / "task-definitions.jq").read_text(),
    )
    return json.loads(done.stdout)


def container(service, name=None, kind="prod"):
    return {one["name"]: one for one in definition(service, kind)["containerDefinitions"]}[name or service]


@pytest.mark.parametrize("kind", ["stage", "prod"])
@pytest.mark.parametrize("service", SERVICES + ONCE)
def test_every_container_is_read_only_and_logs(service, kind):
    for one in definition(service, kind)["containerDefinitions"]:
        assert one["readonlyRootFilesystem"] is True
        assert one["logConfiguration"]["logDriver"] == "awslogs"
        assert one["image"].startswith("registry.example/abacus/") and one["image"].endswith(":01234567")
        if one["name"] != "prepare":
            assert one["user"] == "65532:65532" and one["linuxParameters"]["capabilities"]["drop"] == ["ALL"]


@pytest.mark.parametrize("kind", ["stage", "prod"])
@pytest.mark.parametrize("service", SERVICES + ONCE)
def test_the_containers_share_what_the_task_has(service, kind):
    task = definition(service, kind)
    assert sum(one["memory"] for one in task["containerDefinitions"]) == int(task["memory"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_health_check_and_one_essential_container_of_its_name(service):
    assert container(service)["essential"] and container(service)["healthCheck"]["command"][0] == "CMD"


@pytest.mark.parametrize("service", SERVICES)
def test_a_failover_of_postgres_has_no_task_replaced(service, template):
    """Which takes up to two minutes. ECS replaces a task whose container or whose target is unhealthy."""
    for one in definition(service)["containerDefinitions"]:
        if "healthCheck" in one:
            assert one["healthCheck"]["interval"] * one["healthCheck"]["retries"] >= 300
    for resource in template[1]["Resources"].values():
        if resource["Type"] == "AWS::ElasticLoadBalancingV2::TargetGroup":
            of = resource["Properties"]
            assert of["HealthCheckIntervalSeconds"] * of["UnhealthyThresholdCount"] >= 150


@pytest.mark.parametrize("service", DAEMONS)
def test_secrets_come_only_from_secrets_manager(service):
    secret = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "HEALTHCHECK_POSTGRES", "SMTP_URL", "SMS_TOKEN"}
    assert not secret & {one["name"] for one in container(service)["environment"]}
    assert {one["name"] for one in container(service)["secrets"]} <= secret


@pytest.mark.parametrize("kind, app_env", [("stage", "staging"), ("prod", "production")])
@pytest.mark.parametrize("service", DAEMONS)
def test_the_daemon_takes_the_configuration_that_its_task_gives_it(service, kind, app_env):
    binary = ROOT / "build/bin" / service
    if not binary.exists():
        pytest.skip(f"{binary.relative_to(ROOT)} is not built")
    one = container(service, kind=kind)
    given = {variable["name"]: variable["value"] for variable in one["environment"]}
    assert given["APP_ENV"] == app_env
    example = {
        "SECRET_KEY": "k" * 64,
        "REDIS_URL": "rediss://:secret@redis.example:6379/0",
        "DATABASE_URL": "postgres://users:secret@db.example:5432/users?sslmode=verify-full&sslrootcert=/certificates/database.pem",
        "SMTP_URL": "smtps://abacus:secret@mail.example:465",
        "SMS_TOKEN": "t" * 40,
        "HEALTHCHECK_POSTGRES": "postgres://healthcheck:secret@db.example:5432/postgres?sslmode=verify-full&sslrootcert=/certificates/database.pem",
    }
    for name in (secret["name"] for secret in one["secrets"]):
        given[name] = example[name]
    run("env", "-i", *(f"{name}={value}" for name, value in given.items()), binary, "--check")


def test_postgres_and_redis_are_reached_over_tls_alone(template):
    resources = template[1]["Resources"]
    urls = {
        name: str(resources[f"{name}Url"]["Properties"]["SecretString"]) for name in ("Users", "Values", "Healthcheck", "Redis")
    }
    assert "rediss://" in urls.pop("Redis")
    assert all("postgres://" in url and "sslmode=verify-full" in url for url in urls.values())


def readable(template, role):
    """The secrets that the role of the template may read, without the conditions."""
    found = []
    for policy in template[1]["Resources"][role]["Properties"].get("Policies", []):
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "secretsmanager:GetSecretValue")
        for one in statement["Resource"]:
            one = one["Fn::If"][1] if "Fn::If" in one else one
            found.append(one.get("Ref") or "DatabaseMaster")
    return set(found)


@pytest.mark.parametrize("service", SERVICES + ONCE)
def test_the_role_of_a_family_reads_the_secrets_of_that_family_and_no_other(service, template):
    task = definition(service)
    used = {secret["valueFrom"].split(":")[1] for one in task["containerDefinitions"] for secret in one.get("secrets", [])}
    of_template = {"DatabaseCa": "DatabaseCaArn", "SmtpUrl": "SmtpUrlArn", "SmsToken": "SmsTokenArn"}
    assert readable(template, task["executionRoleArn"].removeprefix("arn:")) == {of_template.get(name, name) for name in used}


def test_only_the_task_of_the_database_and_beanstalks_read_the_masters_password(template):
    roles = [name for name, one in template[1]["Resources"].items() if one["Type"] == "AWS::IAM::Role"]
    with_master = [name for name in roles if "DatabaseMaster" in readable_or_nothing(template, name)]
    assert with_master == ["DatabaseMasterExecution", "BeanstalkMasterExecution"]


def readable_or_nothing(template, role):
    return readable(template, role) if "Execution" in role else set()


def test_without_an_smtp_server_and_a_gateway_mailer_gets_no_secret_and_starts(monkeypatch):
    for name in "SmtpUrl", "MailFrom", "PublicUrl", "SmsToken", "SmsUrl":
        monkeypatch.delitem(PLACE, name)
    assert [one["name"] for one in container("mailer")["secrets"]] == ["REDIS_URL"]
    test_the_daemon_takes_the_configuration_that_its_task_gives_it("mailer", "prod", "production")


@pytest.mark.parametrize("service", ["users", "values", "users-migrate", "values-migrate"])
def test_while_keys_are_changed_every_process_that_has_one_gets_both(service, monkeypatch):
    one = "migrate" if service.endswith("migrate") else service

    def keys():
        return {each["name"]: each["valueFrom"] for each in container(service, one)["secrets"] if "KEY" in each["name"]}

    assert keys() == {"SECRET_KEY": "arn:SecretKey"}
    monkeypatch.setitem(PLACE, "SecretKeyPrevious", "arn:SecretKey:::1a2b")
    assert keys() == {"SECRET_KEY": "arn:SecretKey", "SECRET_KEY_PREVIOUS": "arn:SecretKey:::1a2b"}


def test_cfn_lint_finds_no_fault():
    need("cfn-lint")
    # W1100: merge keys of YAML, and W3002: code in a file. deploy/ecs/stack resolves both before CloudFormation sees them.
    assert run("cfn-lint", "-i", "W1100", "W3002", "--", ECS / "abacus.yaml").stdout == ""


def test_nothing_is_uploaded_to_a_bucket_of_another_account(cloud):
    cloud.outcome(foreign_bucket=True)
    (cloud.folder / "bin/calls").write_text("")
    assert run(ECS / "stack", "stage", *cloud.parameters, ok=False, **cloud.variables).returncode != 0
    buckets = [call for call in cloud.calls() if call.startswith("s3")]
    assert f"--bucket abacus-templates-{ACCOUNT}-{REGION} --expected-bucket-owner {ACCOUNT}" in buckets[0]
    assert not [call for call in cloud.calls() if call.startswith(("cloudformation package", "cloudformation deploy"))]


def test_only_80_and_443_are_open_to_the_internet(template):
    open_to_all = []
    for name, resource in template[1]["Resources"].items():
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            for rule in resource["Properties"]["SecurityGroupIngress"]:
                if "CidrIp" in rule:
                    open_to_all.append((name, rule["FromPort"], rule["ToPort"]))
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress" and "CidrIp" in resource["Properties"]:
            opened = resource["Properties"]
            assert (opened["FromPort"], opened["ToPort"]) == (8443, 8443), "test traffic"
            assert opened["CidrIp"]["Fn::Sub"] in ("${NatAddressA}/32", "${NatAddressB}/32"), "from the stack itself"
    assert open_to_all == [("BalancerGroup", 80, 80), ("BalancerGroup", 443, 443)]


def test_the_network_and_every_name_are_the_stacks_own(template):
    """So that one account has several."""
    resources = template[1]["Resources"]
    blocks = [one["Properties"]["CidrBlock"] for one in resources.values() if "CidrBlock" in one.get("Properties", {})]
    assert len(blocks) == 5 and all(one["Fn::Sub"].startswith("${Network}.") for one in blocks)
    assert template[1]["Outputs"]["Network"]["Value"] == {"Fn::Sub": "${Network}.0.0/16"}
    trusted = {one["name"]: one["value"] for one in container("users")["environment"]}["TRUSTED_PROXIES"]
    assert trusted == PLACE["Network"]
    for resource in resources.values():
        for name in "ClusterName", "LogGroupName", "GroupName", "LoadBalancerName", "DBInstanceIdentifier", "MetricName":
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                continue  # its metrics differ by their dimensions
            value = resource.get("Properties", {}).get(name)
            assert value is None or "AWS::StackName" in json.dumps(value), (resource["Type"], name, value)


def rules(template, listener):
    found = [
        one["Properties"]
        for one in template[1]["Resources"].values()
        if one["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule" and one["Properties"]["ListenerArn"] == {"Ref": listener}
    ]
    return sorted(found, key=lambda one: one["Priority"])


@pytest.mark.parametrize(
    "path, target",
    [
        ("/", "Client"),
        ("/status", "Client"),
        ("/anything", "Client"),
        ("/assets/index.js", "Client"),
        ("/auth", "Users"),
        ("/auth/login", "Users"),
        ("/users", "Users"),
        ("/users/ping", "Users"),
        ("/api/user", "Users"),
        ("/api/users/3", "Users"),
        ("/api/values", "Values"),
        ("/api/values/live", "Values"),
        ("/api/healthcheck", "Healthcheck"),
        ("/status/", "Healthcheck"),
        ("/status/stream", "Healthcheck"),
        ("/swagger", "Swagger"),
        ("/swagger/", "Swagger"),
        ("/api/other", None),
    ],
)
@pytest.mark.parametrize("listener", ["Https", "TestTraffic"])
def test_paths_are_routed_as_nginx_routes_them(template, listener, path, target):
    def matches(pattern):
        return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern

    first = next(
        one["Actions"][0]
        for one in rules(template, listener)
        if any(matches(p) for p in one["Conditions"][0]["PathPatternConfig"]["Values"])
    )
    if (listener, target) == ("Https", None):
        assert first["FixedResponseConfig"]["StatusCode"] == "404"
        return
    target = target or "Client"  # which answers 404 too
    groups = first["ForwardConfig"]["TargetGroups"]
    assert groups == [
        {"TargetGroupArn": {"Ref": target + "Targets"}, "Weight": 1},
        {"TargetGroupArn": {"Ref": target + "Alternate"}, "Weight": 0},
    ]


def services_of(template):
    resources = template[1]["Resources"].values()
    return {one["Properties"]["ServiceName"]: one["Properties"] for one in resources if one["Type"] == "AWS::ECS::Service"}


def test_services_name_a_family_and_no_revision(template):
    found = {name: of["TaskDefinition"] for name, of in services_of(template).items()}
    assert found == {name: {"Fn::Sub": "${AWS::StackName}-" + name} for name in SERVICES}


def test_services_roll_out_without_a_gap_and_an_alarm_rolls_them_back(template):
    for of in services_of(template).values():
        deployment = of["DeploymentConfiguration"]
        assert deployment["MinimumHealthyPercent"] == 100
        assert deployment["Alarms"] == {
            "AlarmNames": [{"Ref": "RollOutAlarm"}, {"Ref": "DeadJobsAlarm"}],
            "Enable": {"Fn::If": ["HasBake", True, False]},
            "Rollback": True,
        }  # fmt: skip
    assert template[1]["Conditions"]["HasBake"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "BakeMinutes"}, 0]}]}


def test_ecs_takes_the_role_of_roll_outs_for_this_account_alone(template):
    (statement,) = template[1]["Resources"]["RollOutRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


BALANCED = ["users", "values", "healthcheck", "client", "swagger"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_behind_the_balancer_is_tested_before_it_gets_requests_and_the_rest_rolls(template, service):
    deployment = services_of(template)[service]["DeploymentConfiguration"]
    if service not in BALANCED:
        assert "Strategy" not in deployment and services_of(template)[service]["LoadBalancers"] == {"Ref": "AWS::NoValue"}
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        return
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", {"Ref": "BakeMinutes"})
    (hook,) = deployment["LifecycleHooks"]
    assert hook["LifecycleStages"] == ["POST_TEST_TRAFFIC_SHIFT"]
    assert hook["HookTargetArn"] == {"Fn::GetAtt": ["ReleaseCheck", "Arn"]}
    (balancer,) = services_of(template)[service]["LoadBalancers"]
    name, resources = service.capitalize(), template[1]["Resources"]
    assert balancer["TargetGroupArn"] == {"Ref": f"{name}Targets"}
    assert balancer["AdvancedConfiguration"] == {
        "AlternateTargetGroupArn": {"Ref": f"{name}Alternate"},
        "ProductionListenerRule": {"Ref": f"{name}Rule"},
        "TestListenerRule": {"Ref": f"{name}TestRule"},
        "RoleArn": {"Fn::GetAtt": ["RollOutRole", "Arn"]},
    }
    assert resources[f"{name}Alternate"] == resources[f"{name}Targets"]
    assert resources[f"{name}TestRule"]["Properties"] == {
        **resources[f"{name}Rule"]["Properties"], "ListenerArn": {"Ref": "TestTraffic"}
    }  # fmt: skip


def test_the_check_of_a_release_comes_by_the_listener_of_test_traffic_and_knows_each_service(template):
    function = template[1]["Resources"]["ReleaseCheck"]["Properties"]
    assert function["Handler"] == "release_check.handler"
    assert function["Environment"]["Variables"] == {"URL": {"Fn::Sub": "https://${Balancer.DNSName}:8443"}}
    assert template[1]["Resources"]["TestTraffic"]["Properties"]["Port"] == 8443
    assert [f'"{name}": (' in (ECS / "release_check.py").read_text() for name in BALANCED] == [True] * 5


def test_the_operators_page_is_reached_by_operators_alone(template):
    """The balancer leads to the public port, which shows a stranger a summary."""
    resources = template[1]["Resources"]
    variables = {one["name"]: one["value"] for one in container("healthcheck")["environment"]}
    assert (variables["DASHBOARD_PORT"], variables["DASHBOARD_HOST"]) == ("5000", "0.0.0.0")
    assert "STATUS_PUBLIC" not in variables and variables["APP_ENV"] == "production"
    opened = [*resources["TasksGroup"]["Properties"]["SecurityGroupIngress"]]
    opened += [one["Properties"] for one in resources.values() if one["Type"] == "AWS::EC2::SecurityGroupIngress"]
    sources = [one["SourceSecurityGroupId"] for one in opened if one["FromPort"] <= 5000 <= one["ToPort"]]
    assert sources == [{"Ref": "OperatorsGroup"}]
    assert resources["OperatorsGroup"]["Properties"]["SecurityGroupIngress"] == []


def test_the_stack_outputs_what_the_tasks_need(template):
    text = (ECS / "task-definitions.jq").read_text() + (ECS / "deploy").read_text()
    for name in PLACE:
        assert name in template[1]["Outputs"] and name in text


def watcher(template, tmp_path):
    source = template[1]["Resources"]["Watcher"]["Properties"]["Code"]["ZipFile"]
    (tmp_path / "watcher.py").write_text(source)
    (tmp_path / "boto3.py").write_text("")
    sys.path.insert(0, str(tmp_path))
    try:
        spec = importlib.util.spec_from_file_location("watcher", tmp_path / "watcher.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("boto3", None)
    return module


def test_the_watcher_reads_the_healthcheck(template, tmp_path):
    figures = watcher(template, tmp_path).figures
    services = [
        {"name": "users", "status": "up"},
        {"name": "worker", "status": "down"},
        {"name": "values", "status": "degraded"},
    ]
    assert figures({"services": services, "queue": {"depth": 3, "oldest_s": 16.5, "per_s": 1, "dead": 0}}) == {
        "InstancesDown": 1,
        "QueueDepth": 3,
        "OldestJobSeconds": 16.5,
        "DeadJobs": 0,
    }
    assert figures({"services": services, "queue": {"depth": None, "oldest_s": None, "dead": None}}) == {"InstancesDown": 1}
    assert figures({"services": services, "queue": None}) == {"InstancesDown": 1}


class Cloud:
    """A stack abacus-stage in moto, and the small `aws` first on the PATH."""

    def __init__(self, folder, variables):
        self.folder = folder
        (folder / "bin").mkdir()
        self.variables = {
            **variables,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            # moto finds a bucket in a URL of this name, and not of the address.
            "AWS_ENDPOINT_URL": variables["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"),
            "NO_PROXY": "localhost",
            "no_proxy": "localhost",
            "POLL_SECONDS": "0.1",
            "DEPLOY_SECONDS": "20",
            "TEMPLATE": str(folder / "abacus.yaml"),
            "TRAVIS_COMMIT": "",
        }
        aws = folder / "bin/aws"
        place = {"aws": shutil.which("aws"), "region": REGION, "account": ACCOUNT}
        aws.write_text(AWS.format(python=sys.executable, services=SERVICES, **place))
        aws.chmod(0o755)
        self.outcome()

    def outcome(self, **what):
        (self.folder / "bin/outcome").write_text(json.dumps({"exit": {}, **what}))

    def set_outputs(self, outputs):
        (self.folder / "bin/outputs").write_text(json.dumps(outputs))

    def aws(self, *command):
        done = run("aws", *command, **self.variables)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def deploy(self, commit, ok=True):
        (self.folder / "bin/calls").write_text("")
        return run("sh", ECS / "docker-deploy-stage.sh", commit, ok=ok, **self.variables)

    def databases(self):
        return self.aws("rds", "describe-db-instances")["DBInstances"]

    def counts(self):
        """How many tasks each service is to have, from moto, because of a query."""
        query = "services[].[serviceName,desiredCount]"
        return dict(
            self.aws("ecs", "describe-services", "--cluster", "abacus-stage", "--services", *SERVICES, "--query", query)
        )

    def suspended(self):
        """Whether auto scaling of each service is suspended."""
        query = "ScalableTargets[].[ResourceId,SuspendedState]"
        targets = ["application-autoscaling", "describe-scalable-targets", "--service-namespace", "ecs"]
        found = self.aws(*targets, "--query", query)
        assert all(len(set(state.values())) == 1 for _, state in found)
        return {service.split("/")[-1]: state["DynamicScalingOutSuspended"] for service, state in found}

    def name_roles(self):
        """Has the outputs name the roles that read the master password as moto does, which are the result."""
        of_stack = ["cloudformation", "list-stack-resources", "--stack-name", "abacus-stage"]
        found = {one["LogicalResourceId"]: one for one in self.aws(*of_stack)["StackResourceSummaries"]}
        wanted = ("DatabaseMasterExecution", "BeanstalkMasterExecution")
        names = {name: found[name]["PhysicalResourceId"] for name in wanted}
        arns = {name: f"arn:aws:iam::{ACCOUNT}:role/{role}" for name, role in names.items()}
        self.set_outputs(json.loads((self.folder / "bin/outputs").read_text()) | arns)
        return list(names.values())

    def calls(self):
        return (self.folder / "bin/calls").read_text().splitlines()

    def newest(self, service):
        """The revision that a stack takes, which names only the family."""
        found = self.aws("ecs", "list-task-definitions", "--family-prefix", f"abacus-stage-{service}", "--sort", "DESC")
        return found["taskDefinitionArns"][0].split("/")[-1]

    def running(self):
        found = self.aws("ecs", "describe-services", "--cluster", "abacus-stage", "--services", *SERVICES)["services"]
        return {one["serviceName"]: one["taskDefinition"].split("/")[-1] for one in found}


# Leaves out what this version of moto does not support; the roll-out does not depend on it.
def without_unsupported(template):
    def walk(node):
        if isinstance(node, dict):
            if node.get("Fn::GetAtt") in (["Database", "MasterUserSecret.SecretArn"], "Database.MasterUserSecret.SecretArn"):
                return "arn:master"
            return {key: walk(value) for key, value in node.items()}
        return [walk(one) for one in node] if isinstance(node, list) else node

    copy = walk(template)
    # Which deploy/ecs/stack uploads.
    copy["Resources"]["ReleaseCheck"]["Properties"]["Code"] = str(ECS / "release_check.py")
    del copy["Resources"]["Database"]["Properties"]["DBParameterGroupName"]
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::ECS::Service":
            resource["Properties"].pop("ServiceRegistries", None)
    return copy


@pytest.fixture
def cloud(aws_emptied, template, tmp_path):
    need("jq")
    import yaml

    one = Cloud(tmp_path, aws_emptied)
    (tmp_path / "abacus.yaml").write_text(yaml.safe_dump(without_unsupported(template[1])))
    certificate = one.aws("acm", "request-certificate", "--domain-name", "abacus.example")["CertificateArn"]
    authority = one.aws("secretsmanager", "create-secret", "--name", "ca", "--secret-string", "x")["ARN"]
    one.parameters = [f"CertificateArn={certificate}", f"DatabaseCaArn={authority}", "AlertEmail=you@abacus.example"]
    return one


def make_stack(cloud, services="no"):
    if services == "yes":
        for name in SERVICES:
            cloud.aws(
                "ecs",
                "register-task-definition",
                "--family",
                f"abacus-stage-{name}",
                "--container-definitions",
                '[{"name":"x","image":"x","memory":64}]',
                "--tags",
                "key=place,value=abacus-stage",
            )
    run(ECS / "stack", "stage", *cloud.parameters, f"Services={services}", **cloud.variables)
    complete_stack(cloud)


def complete_stack(cloud):
    """Does what moto does not when it makes a stack."""
    subnets = cloud.aws("ec2", "describe-subnets", "--filters", "Name=cidr-block,Values=10.20.10.0/24,10.20.11.0/24")["Subnets"]
    # Without this moto starts no task.
    cloud.aws("ec2", "modify-vpc-attribute", "--vpc-id", subnets[0]["VpcId"], "--enable-dns-hostnames")
    group = cloud.aws("ec2", "describe-security-groups", "--filters", "Name=description,Values=Tasks of all services")[
        "SecurityGroups"
    ][0]
    database = cloud.databases()[0]["DBInstanceIdentifier"]
    cloud.aws("rds", "modify-db-instance", "--db-instance-identifier", database, "--manage-master-user-password")
    outputs = {
        **PLACE,
        "Cluster": "abacus-stage",
        "Database": database,
        "Address": cloud.aws("elbv2", "describe-load-balancers")["LoadBalancers"][0]["DNSName"],
        "TasksGroup": group["GroupId"],
        "Subnets": ",".join(one["SubnetId"] for one in subnets),
    }
    cloud.set_outputs(outputs)


def test_the_stack_is_made_without_services(cloud):
    run(ECS / "stack", "stage", *cloud.parameters, **cloud.variables)
    kinds = {
        one["ResourceType"]
        for one in cloud.aws("cloudformation", "list-stack-resources", "--stack-name", "abacus-stage")["StackResourceSummaries"]
    }
    assert {
        "AWS::RDS::DBInstance",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::ECS::Cluster",
        "AWS::EC2::NatGateway",
        "AWS::EC2::FlowLog",
        "AWS::EC2::VPCEndpoint",
    } <= kinds
    assert "AWS::ECS::Service" not in kinds


def test_a_new_account_gets_ecss_role_before_its_first_stack_and_never_again(cloud):
    (cloud.folder / "bin/calls").write_text("")
    run(ECS / "stack", "stage", *cloud.parameters, **cloud.variables)
    made = [call.split()[1] for call in cloud.calls() if call.split()[1] in ("create-service-linked-role", "deploy")]
    assert made == ["create-service-linked-role", "deploy"]
    assert "made the role" not in run(ECS / "account", "stage", **cloud.variables).stdout


@pytest.mark.parametrize("quota, kind, code", [("6.0", "prod", 2), ("6.0", "stage", 0), ("15.0", "prod", 0)])
def test_a_limit_of_fargate_cpus_that_is_too_low_is_named_with_the_command_that_raises_it(cloud, quota, kind, code):
    cloud.outcome(quota=quota)
    done = run(ECS / "account", kind, ok=False, **cloud.variables)
    assert done.returncode == code
    assert ("aws service-quotas request-service-quota-increase" in done.stdout) == (code != 0)


def test_a_missing_stack_is_reported_in_one_line(cloud):
    done = cloud.deploy("aaaaaaaa", ok=False)
    assert done.returncode == 1 and "there is no stack abacus-stage; deploy/ecs/stack stage makes it" in done.stdout


def test_the_first_deploy_makes_the_services(cloud):
    make_stack(cloud)
    cloud.outcome(makes_services=True)
    done = cloud.deploy("aaaaaaaabbbb")
    assert "making the services" in done.stdout and "runs aaaaaaaa" in done.stdout
    assert [call for call in cloud.calls() if call.startswith("ecs run-task") and "abacus-stage-database" in call]
    database = cloud.aws("ecs", "describe-task-definition", "--task-definition", "abacus-stage-database:1")["taskDefinition"]
    (master,) = [one for one in database["containerDefinitions"][-1]["secrets"] if one["name"] == "PGPASSWORD"]
    assert master["valueFrom"] == f"{cloud.databases()[0]['MasterUserSecret']['SecretArn']}:password::", "as RDS says"
    first = next(call for call in cloud.calls() if call.startswith("cloudformation deploy"))
    assert first.endswith("Kind=stage Services=yes")
    assert cloud.running() == {name: f"abacus-stage-{name}:1" for name in SERVICES}


def moved(calls):
    return [call.split("--service ")[1].split()[0] for call in calls if call.startswith("ecs update-service")]


def test_a_deploy_migrates_and_then_moves_every_service(cloud):
    make_stack(cloud, services="yes")
    cloud.outcome(bakes="values")
    cloud.deploy("bbbbbbbbcccc")
    assert cloud.running() == {name: f"abacus-stage-{name}:2" for name in SERVICES}
    calls = cloud.calls()
    ran = [
        call.split("--task-definition ")[1].split("/")[-1].split(":")[0] for call in calls if call.startswith("ecs run-task")
    ]
    assert ran == ["abacus-stage-users-migrate", "abacus-stage-values-migrate"], "CI may not run what has the master password"
    assert max(calls.index(call) for call in calls if "run-task" in call) < min(
        calls.index(call) for call in calls if "update-service" in call
    )
    assert moved(calls) == [*BALANCED, "worker", "mailer"]
    looks = [number for number, call in enumerate(calls) if "list-service-deployments" in call and "--service values " in call]
    (worker,) = [number for number, call in enumerate(calls) if "update-service" in call and "--service worker " in call]
    assert looks[3] < worker, "when the former tasks of the others are gone"
    users = cloud.aws("ecs", "describe-task-definition", "--task-definition", "abacus-stage-users:2")["taskDefinition"]
    assert users["containerDefinitions"][-1]["image"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/abacus-stage/users:bbbbbbbb"
    assert users["runtimePlatform"] == {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
    assert users["requiresCompatibilities"] == ["FARGATE"] and users["networkMode"] == "awsvpc"


PLATFORMS = [
    ("", 0, "X86_64\n"),
    ("linux/arm64,linux/amd64", 0, "ARM64\n"),
    ("linux/amd64,linux/arm64", 0, "X86_64\n"),
    ("linux/riscv64", 1, "deploy: ECS has no tasks for linux/riscv64\n"),
]


@pytest.mark.parametrize("platforms, code, said", PLATFORMS)
def test_tasks_run_on_the_first_platform_that_images_are_made_for(platforms, code, said):
    script = 'here=deploy/ecs; die() { echo "deploy: $*" && exit 1; }; . deploy/ecs/task.sh; architecture'
    done = run("sh", "-euc", script, ok=False, PLATFORMS=platforms)
    assert (done.returncode, done.stdout) == (code, said)


@pytest.mark.parametrize("family", ["database", "values-migrate"])
def test_a_migration_that_fails_changes_no_service(cloud, family):
    make_stack(cloud, services="yes")
    register(cloud, "users-migrate")
    cloud.variables["DATABASE"] = "yes"
    cloud.outcome(exit={family: 1})
    done = cloud.deploy("bbbbbbbb", ok=False)
    assert done.returncode == 1 and f"deploy: {family} failed; nothing was rolled out" in done.stdout
    assert not [call for call in cloud.calls() if "update-service" in call]
    assert cloud.running() == {name: f"abacus-stage-{name}:1" for name in SERVICES}
    assert cloud.newest("users") == "abacus-stage-users:1"
    assert cloud.newest("users-migrate") == "abacus-stage-users-migrate:1", "which is what manage runs"


def test_a_revision_that_cannot_be_deregistered_is_named_with_the_command_that_does_it(cloud):
    make_stack(cloud)
    cloud.outcome(exit={"users-migrate": 1}, keeps_revisions=True)
    done = cloud.deploy("bbbbbbbb", ok=False)
    revision = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/abacus-stage-swagger:1"
    assert done.returncode == 1 and f"  aws ecs deregister-task-definition --task-definition {revision}\n" in done.stdout


def test_an_interruption_has_every_service_go_back_and_deregisters_the_new_revisions(cloud):
    make_stack(cloud, services="yes")
    cloud.outcome(bakes="values", until_stopped=True)
    cloud.variables["POLL_SECONDS"] = "60"  # a signal does not wait for the end of the pause
    command = [ECS / "deploy", "stage", "bbbbbbbb"]
    environment = {**os.environ, **cloud.variables}
    (cloud.folder / "bin/calls").write_text("")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as deploy:
        eventually(lambda: [call for call in cloud.calls() if "list-service-deployments" in call], limit_s=300)
        deploy.terminate()
        said = deploy.communicate()[0]
    assert deploy.returncode == 130
    assert f"interrupted; these services go back to what they ran before: {' '.join(BALANCED)}\n" in said
    assert cloud.running() == {name: f"abacus-stage-{name}:1" for name in SERVICES}
    assert [cloud.newest(name) for name in SERVICES] == [f"abacus-stage-{name}:1" for name in SERVICES]
    assert [call for call in cloud.calls() if "stop-service-deployment" in call], "so that the former tasks get the requests"


@pytest.mark.parametrize("gives_up", [True, False], ids=["ECS gives up", "the time is over"])
def test_a_service_that_does_not_become_stable_rolls_all_of_them_back(cloud, gives_up):
    make_stack(cloud, services="yes")
    never_stable = {"never_stable": "values", "revision": ":2"}
    cloud.outcome(**(never_stable if gives_up else {"bakes": "values", "until_stopped": True}))
    cloud.variables["DEPLOY_SECONDS"] = "2"
    done = cloud.deploy("bbbbbbbb", ok=False)
    assert done.returncode == 1 and "rolled back: every service runs what it ran before" in done.stdout
    assert "values: 2 of 2 run" in done.stdout
    assert cloud.running() == {name: f"abacus-stage-{name}:1" for name in SERVICES}
    assert [cloud.newest(name) for name in SERVICES] == [f"abacus-stage-{name}:1" for name in SERVICES]
    stops = [call for call in cloud.calls() if "stop-service-deployment" in call]
    stop = "ecs stop-service-deployment --service-deployment-arn arn:deployment/values --stop-type ROLLBACK"
    assert stops == ([] if gives_up else [stop]), "so that the former tasks, which still run, get the requests at once"
    assert "worker" not in moved(cloud.calls())


def test_a_deployment_of_which_ecs_says_nothing_counts_as_under_way(cloud):
    make_stack(cloud, services="yes")
    cloud.outcome(no_answer="values")
    cloud.variables["DEPLOY_SECONDS"] = "1"
    done = cloud.deploy("bbbbbbbb", ok=False)
    assert done.returncode == 1 and "after rolling back the services are not stable either" in done.stdout
    assert "deploy: ECS does not say whether a deployment of values is under way" in done.stdout
    assert cloud.running() == {name: f"abacus-stage-{name}:1" for name in SERVICES}
    assert "worker" not in moved(cloud.calls())


def register(cloud, service):
    cloud.aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition(service, "stage") | {
        "family": f"abacus-stage-{service}", "executionRoleArn": "arn:aws:iam::1:role/x", "taskRoleArn": "arn:aws:iam::1:role/x"
    }))  # fmt: skip


def test_manage_runs_a_command_of_a_service_prints_what_it_prints_and_exits_as_it_does(cloud):
    make_stack(cloud)
    register(cloud, "values-migrate")
    cloud.outcome(log=["fibonacci 7"], exit={"values-migrate": 3})
    done = run(ECS / "manage", "stage", "values", "jobs", "retry", "a b", "--x", ok=False, **cloud.variables)
    assert (done.returncode, done.stdout) == (3, "fibonacci 7\n")
    (call,) = [call for call in cloud.calls() if call.startswith("ecs run-task")]
    overrides = {"containerOverrides": [{"name": "migrate", "command": ["jobs", "retry", "a b", "--x"]}]}
    assert "--task-definition abacus-stage-values-migrate " in call
    assert json.loads(call.partition("--overrides ")[2]) == overrides
    run(ECS / "manage", "stage", "values", ok=False, **cloud.variables)
    assert '"command":["--help"]' in [call for call in cloud.calls() if call.startswith("ecs run-task")][1]


def restore_of_document():
    """The commands of deploy/README.md's restore that are `restore`, as words. `stack` runs in the test of an empty account,
    and `rotate` in test_ecs_rotate.py."""
    given = [command.split() for command in commands_of("RDS")]
    tools = ["stack", "restore", "rotate", "rotate", "restore", "stack"]
    assert [command[0] for command in given] == [f"deploy/ecs/{tool}" for tool in tools], "a command that is not checked here"
    return given[1], given[4]


# What cannot run here, with the reason.
WITHOUT = {
    "bin/curl": "[ $2 = https://truststore.pki.rds.amazonaws.com/$AWS_REGION/$AWS_REGION-bundle.pem ]; echo authority >$4",
    "tree/test.sh": '[ "$*" = docker ]  # it takes a quarter of an hour, and an engine: `sh test.sh docker`',
    "tree/docker-push.sh": "[ $BRANCH-$REGISTRY = staging-ecr ]  # it wants those images, and a registry: test_push.py",
}


class FirstSystem:
    """What each command of "From an empty AWS account" does, in order: a beginning of the command, and a function that is
    called after it with what it printed."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.steps = [
            ("export AWS_REGION=", None),
            ("export AWS_ACCOUNT_ID=", None),
            ("CERTIFICATE=", None),
            ("aws acm describe-certificate ", self.record_is_named),
            ("curl ", None),
            ("CA=", lambda _: self.secret_is("abacus/rds-ca", "authority\n")),
            ("sh test.sh docker", None),
            ("BRANCH=staging REGISTRY=ecr sh docker-push.sh", None),
            ("deploy/ecs/account stage", self.role_is_made),
            ("deploy/ecs/stack stage CertificateArn=", self.environment_is_made),
            ("SMTP=", lambda _: self.secret_is("abacus/smtp-url", "smtps://abacus:x@mail.example:465")),
            ("deploy/ecs/stack stage SmtpUrlArn=", lambda _: self.secret_is_given("SmtpUrlArn", "abacus/smtp-url")),
            ("TOKEN=", lambda _: self.secret_is("abacus/sms-token", "0123456789abcdef")),
            ("deploy/ecs/stack stage SmsUrl=", self.mail_and_sms_are_configured),
            ("sh deploy/ecs/docker-deploy-stage.sh", self.services_run),
            ("aws cloudformation describe-stacks ", self.address_is_named),
            ("of()", None),
            ("aws ecs run-task ", self.admin_is_made),
        ]

    def parameters(self):
        found = self.cloud.aws("cloudformation", "describe-stacks", "--stack-name", "abacus-stage")["Stacks"][0]["Parameters"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in found}

    def secret_is(self, name, value):
        found = self.cloud.aws("secretsmanager", "get-secret-value", "--secret-id", name)
        assert found["SecretString"] == value

    def secret_is_given(self, parameter, name):
        assert f":secret:{name}-" in self.parameters()[parameter]

    def record_is_named(self, said):
        status, record = json.loads(said)
        assert status in ("PENDING_VALIDATION", "ISSUED") and record["Type"] == "CNAME" and "example.org" in record["Name"]

    def role_is_made(self, said):
        assert "made the role AWSServiceRoleForECS\nthe account may run 16 vCPUs on Fargate" in said

    def environment_is_made(self, _):
        complete_stack(self.cloud)
        given = self.parameters()
        found = self.cloud.aws("acm", "describe-certificate", "--certificate-arn", given["CertificateArn"])["Certificate"]
        assert (found["DomainName"], given["Services"]) == ("example.org", "no")
        self.secret_is_given("DatabaseCaArn", "abacus/rds-ca")
        (subscription,) = self.cloud.aws("sns", "list-subscriptions")["Subscriptions"]
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "you@example.org")
        assert self.cloud.aws("ecs", "list-services", "--cluster", "abacus-stage")["serviceArns"] == []

    def mail_and_sms_are_configured(self, _):
        given = self.parameters()
        self.secret_is_given("SmsTokenArn", "abacus/sms-token")
        self.secret_is_given("SmtpUrlArn", "abacus/smtp-url")
        assert (given["SmsUrl"], given["PublicUrl"]) == ("https://sms.example.org/messages", "https://example.org")
        self.cloud.outcome(makes_services=True)

    def services_run(self, said):
        assert "running database\nrunning users-migrate\nrunning values-migrate\nmaking the services\n" in said
        assert self.cloud.running() == {name: f"abacus-stage-{name}:1" for name in SERVICES}

    def address_is_named(self, said):
        assert said.strip() == self.cloud.aws("elbv2", "describe-load-balancers")["LoadBalancers"][0]["DNSName"]

    def admin_is_made(self, _):
        calls = (self.cloud.folder / "bin/calls").read_text()
        (override,) = json.loads(calls.rpartition("ecs run-task ")[2].partition("--overrides ")[2])["containerOverrides"]
        statement = "UPDATE users SET admin = true WHERE email = 'you@example.org'"
        assert override == {"name": "database", "command": [f'psql -X users -c "{statement}"']}


def leave_services_out(cloud):
    """moto changes services that do not exist yet when their stack changes; the small `aws` makes them."""
    import yaml

    path = cloud.folder / "abacus.yaml"
    template = yaml.safe_load(path.read_text())
    resources = template["Resources"].items()
    template["Resources"] = {name: one for name, one in resources if one.get("Condition") != "HasServices"}
    path.write_text(yaml.safe_dump(template))


def test_an_empty_account_becomes_the_running_system_by_the_commands_of_the_document(cloud):
    leave_services_out(cloud)
    cloud.variables["TRAVIS_COMMIT"] = "aaaaaaaabbbb"
    cloud.outcome(quota="16.0")
    with Shell(cloud.folder, WITHOUT, cloud.variables) as shell:
        (shell.tree / "smtp.url").write_text("smtps://abacus:x@mail.example:465")
        (shell.tree / "sms.token").write_text("0123456789abcdef")
        commands, steps = commands_of("From an empty AWS account to the running system"), FirstSystem(cloud).steps
        known = [command[: len(beginning)] for command, (beginning, _) in zip(commands, steps, strict=True)]
        assert known == [beginning for beginning, _ in steps], "a command that is not checked here"
        for command, (_, check) in zip(commands, steps, strict=True):
            said = shell(command)
            if check:
                check(said)


def rename(cloud, database, name):
    named = ["--db-instance-identifier", database, "--new-db-instance-identifier", name, "--apply-immediately"]
    cloud.aws("rds", "modify-db-instance", *named)


def test_postgres_is_restored_to_a_point_in_time_in_the_place_of_the_one_in_use(cloud):
    make_stack(cloud, services="yes")
    roles = cloud.name_roles()
    arn = cloud.databases()[0]["DBInstanceArn"]
    cloud.aws("rds", "add-tags-to-resource", "--resource-name", arn, "--tags", "Key=place,Value=abacus-stage")
    (former,), counts = cloud.databases(), cloud.counts()
    back, start = restore_of_document()
    name = former["DBInstanceIdentifier"]
    (cloud.folder / "bin/calls").write_text("")
    cloud.outcome(starts="worker")
    said = run(ROOT / back[0], *back[1:], **cloud.variables).stdout
    assert f"waiting for {name}-at-20260102-030405" in said and "stopping:" in said
    calls = [" ".join(call.split()[1:2]) for call in cloud.calls()]
    before = calls[: calls.index("modify-db-instance")]
    assert before.index("register-scalable-target") < before.index("update-service"), "so that nothing is started again"
    assert before.count("describe-services") == 2, "as long as a task is about to run"
    found = {one["DBInstanceIdentifier"]: one for one in cloud.databases()}
    (kept,) = [other for other in found if other != name]
    assert kept.startswith(f"{name}-before-") and found[kept]["InstanceCreateTime"] == former["InstanceCreateTime"]
    assert found[name]["InstanceCreateTime"] != former["InstanceCreateTime"]
    for what in "DBInstanceClass", "MultiAZ", "VpcSecurityGroups", "DBParameterGroups", "EnabledCloudwatchLogsExports":
        assert found[name][what] == former[what], what
    assert found[name]["DBSubnetGroup"]["DBSubnetGroupName"] == former["DBSubnetGroup"]["DBSubnetGroupName"]
    assert cloud.counts() == counts | dict.fromkeys(DAEMONS, 0)
    assert cloud.suspended() == dict.fromkeys(["users", "values", "worker"], True)
    kept_tags = [tag for tag in former["TagList"] if not tag["Key"].startswith("aws:")]
    assert found[name]["TagList"] == [*kept_tags, {"Key": "restored-to", "Value": back[2]}]
    for role in roles:
        policy = cloud.aws("iam", "get-role-policy", "--role-name", role, "--policy-name", "restored-master")["PolicyDocument"]
        assert policy["Statement"][0]["Resource"] == found[name]["MasterUserSecret"]["SecretArn"]
    said = run(ROOT / back[0], *back[1:], **cloud.variables).stdout
    assert said == f"{name} is already what was there at {back[2]}; go on as deploy/README.md says\n"
    assert len(cloud.databases()) == 2
    # One that was interrupted between its two changes of names, of an instance whose name leaves no room for a time.
    long, short = "abacus-stage-of-the-one-department-database-1a2b3c4d5e6f", "abacus-stage-of-the-one-dep-1a2b3c4d5e6f"
    rename(cloud, kept, f"{short}-at-20260102-030406")
    cloud.set_outputs(json.loads((cloud.folder / "bin/outputs").read_text()) | {"Database": long})
    run(ECS / "restore", "stage", "2026-01-02T03:04:06Z", **cloud.variables)
    again = {one["DBInstanceIdentifier"]: one["InstanceCreateTime"] for one in cloud.databases()}
    assert again == {long: former["InstanceCreateTime"], name: found[name]["InstanceCreateTime"]}
    run(ROOT / start[0], *start[1:], **cloud.variables)
    assert cloud.counts() == counts | dict.fromkeys(DAEMONS, 1)
    assert cloud.suspended() == dict.fromkeys(["users", "values", "worker"], False)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-02", "2026-01-02 03:04:05", "2026-01-02T03:04:05+01:00"])
def test_a_time_that_is_not_of_utc_and_to_the_second_is_refused(time):
    assert run(ECS / "restore", "prod", time, ok=False, AWS_REGION=REGION).returncode == 64


@pytest.mark.parametrize("arguments", [[], ["prod"], ["prod", "worker"], ["dev", "users"]])
def test_manage_refuses_what_has_no_commands(arguments):
    assert run(ECS / "manage", *arguments, ok=False, AWS_REGION=REGION).returncode == 64


def test_the_stack_gives_services_no_definition_that_another_branch_registered(cloud):
    make_stack(cloud, services="yes")
    foreign = "--family abacus-stage-values --tags key=place,value=abacus-prod".split()
    cloud.aws("ecs", "register-task-definition", *foreign, "--container-definitions", '[{"name":"x","image":"x","memory":64}]')
    done = run(ECS / "stack", "stage", ok=False, **cloud.variables)
    assert done.returncode == 1 and "abacus-stage-values was not registered for this stack" in done.stdout


def test_a_service_that_is_scaled_to_nothing_is_rolled_out_like_the_others(cloud):
    make_stack(cloud, services="yes")
    cloud.outcome(asleep="worker")
    assert "runs bbbbbbbb" in cloud.deploy("bbbbbbbb").stdout
    assert cloud.running() == {name: f"abacus-stage-{name}:2" for name in SERVICES}


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_ACCOUNT_ID"])
def test_a_missing_variable_is_reported_in_one_line(name):
    done = run(
        "sh",
        ECS / "docker-deploy-prod.sh",
        ok=False,
        **{"AWS_REGION": REGION, "AWS_ACCOUNT_ID": ACCOUNT, "IMAGES": "", name: ""},
    )
    assert (
        done.returncode == 1 and done.stdout.startswith(f"deploy: {name} is not set; set it") and done.stdout.count("\n") == 1
    )


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A Postgres with an administrator as on RDS: not a superuser, but with the right to make roles and databases."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("Postgres is not installed")
    folder = tmp_path_factory.mktemp("postgres")
    user = unless_root("postgres", "postgres")
    for parent in [folder, *folder.parents]:
        if parent.is_relative_to("/tmp") and parent != pathlib.Path("/tmp") and user:
            parent.chmod(parent.stat().st_mode | 0o011)
    if user:
        shutil.chown(folder, "postgres")
    port = free_port()
    run(*user, found[-1], "-D", folder / "data", "-U", "root", "--auth=trust", cwd="/")
    server = Server(
        folder / "log", *user, found[-1].parent / "postgres", "-D", folder / "data", "-p", port, "-k", "/tmp", "-h", "127.0.0.1"
    ).wait_for_port(port)
    run("psql", "-h", "127.0.0.1", "-p", port, "-U", "root", "postgres", "-c", "CREATE ROLE master LOGIN CREATEROLE CREATEDB")
    yield {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "master", "PGDATABASE": "postgres"}
    server.stop()


def test_making_the_roles_and_databases_again_changes_nothing(postgres):
    passwords = {"USERS_PASSWORD": "a", "VALUES_PASSWORD": "b", "HEALTHCHECK_PASSWORD": "c"}
    command = container("database")["command"]
    roles = {one["name"]: one["value"] for one in container("database")["environment"]}["ROLES"]
    for _ in range(2):
        run("sh", "-euc", *command, **postgres, **passwords, ROLES=roles)
    for name in "users", "values":
        run("psql", name, "-c", "CREATE TABLE IF NOT EXISTS mine (id int)", **{**postgres, "PGUSER": name})
    for role, database in ("users", "values"), ("healthcheck", "users"):
        done = run("psql", database, "-c", "SELECT 1", ok=False, **{**postgres, "PGUSER": role})
        assert "permission denied" in done.stdout
