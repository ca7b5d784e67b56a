"""deploy/eb: what Elastic Beanstalk gets. ECS's own check of a task definition, in moto, takes the place of Beanstalk's,
because it has the same format."""

import json
import os
import shutil

import pytest

from delivery import ACCOUNT, REGION, Shell, commands_of, need
from harness import ROOT, run

DAEMONS = ["users", "values", "worker", "mailer", "healthcheck"]
OUTPUTS = {
    "Cluster": "abacus-prod",
    "LogGroup": "/abacus/abacus-prod",
    "Namespace": "abacus-prod.internal",
    "Database": "abacus-db",
    "DatabaseHost": "db.example",
    "MailFrom": "abacus@abacus.example",
    "PublicUrl": "https://abacus.example",
    "Vpc": "vpc-1",
    "Network": "10.20.0.0/16",
    "PublicSubnets": "subnet-1,subnet-2",
    "Subnets": "subnet-3,subnet-4",
    "TasksGroup": "sg-1",
    **{
        name: f"arn:aws:{name}"
        for name in (
            "UsersUrl ValuesUrl HealthcheckUrl RedisUrl SecretKey UsersExecution ValuesExecution WorkerExecution "
            "MailerExecution HealthcheckExecution PagesExecution DatabaseMasterExecution BeanstalkMasterExecution TaskRole "
            "DatabaseCa DatabaseMaster UsersPassword ValuesPassword HealthcheckPassword SmtpUrl SmsToken"
        ).split()
    },
}


# Describes the stack, does the two calls that moto does not know, and has the real command do the rest.
AWS = """#!/bin/sh
case $* in
"cloudformation describe-stacks --stack-name abacus-"*) cat {folder}/stack ;;
"rds describe-db-instances --db-instance-identifier abacus-db "*) echo arn:rds-master ;;
"elasticbeanstalk create-storage-location "*) {aws} s3 mb s3://beanstalk >/dev/null && echo beanstalk ;;
"elasticbeanstalk create-application-version "*) echo "$*" >{folder}/version ;;
*) exec {aws} "$@" ;;
esac
"""


@pytest.fixture
def described(tmp_path):
    """The PATH with a small `aws` that describes a stack."""
    need("jq")
    (tmp_path / "bin").mkdir()
    stack = {
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()],
        "Parameters": [{"ParameterKey": "CertificateArn", "ParameterValue": "arn:certificate"}],
    }
    (tmp_path / "stack").write_text(json.dumps({"Stacks": [stack]}))
    aws = tmp_path / "bin/aws"
    aws.write_text(AWS.format(folder=tmp_path, aws=shutil.which("aws")))
    aws.chmod(0o755)
    return f"{tmp_path}/bin:{os.environ['PATH']}"


@pytest.fixture
def made(described, tmp_path):
    """The two files: (Dockerrun.aws.json, environment.json)."""
    for _ in range(2):  # a later commit gets the same folder
        run(
            ROOT / "deploy/eb/files", "prod", tmp_path / "made", "0123456789abcdef",
            PATH=described, AWS_REGION=REGION, AWS_ACCOUNT_ID=ACCOUNT, STACK="",
        )  # fmt: skip
    return [json.loads((tmp_path / "made" / name).read_text()) for name in ("Dockerrun.aws.json", "environment.json")]


@pytest.fixture
def containers(made):
    return {one["name"]: one for one in made[0]["containerDefinitions"]}


def test_the_file_has_the_parts_of_version_2_and_nothing_else(made):
    assert sorted(made[0]) == ["AWSEBDockerrunVersion", "containerDefinitions", "executionRoleArn", "volumes"]
    assert made[0]["AWSEBDockerrunVersion"] == 2 and made[0]["executionRoleArn"] == "arn:aws:BeanstalkMasterExecution"


def test_ecs_accepts_the_containers_on_its_own_machines(made, aws_emptied, tmp_path):
    task = {name: made[0][name] for name in ("containerDefinitions", "volumes", "executionRoleArn")}
    task |= {"family": "eb", "networkMode": "bridge", "requiresCompatibilities": ["EC2"]}
    (tmp_path / "task.json").write_text(json.dumps(task))
    run("aws", "ecs", "register-task-definition", "--cli-input-json", f"file://{tmp_path}/task.json", **aws_emptied)


def test_beanstalk_accepts_the_options(made, aws_emptied, tmp_path):
    (tmp_path / "options.json").write_text(json.dumps(made[1]))
    run("aws", "elasticbeanstalk", "create-application", "--application-name", "abacus", **aws_emptied)
    run(
        "aws", "elasticbeanstalk", "create-environment", "--application-name", "abacus", "--environment-name", "abacus-prod",
        "--solution-stack-name", "ECS", "--option-settings", f"file://{tmp_path}/options.json", **aws_emptied,
    )  # fmt: skip
    seen = {(one["Namespace"], one["OptionName"]): one["Value"] for one in made[1]}
    assert len(seen) == len(made[1])
    assert seen["aws:elbv2:listener:443", "SSLCertificateArns"] == "arn:certificate"
    assert seen["aws:ec2:vpc", "Subnets"] == "subnet-3,subnet-4" and seen["aws:ec2:vpc", "ELBSubnets"] == "subnet-1,subnet-2"


def test_every_image_is_of_the_commit_and_only_nginx_has_a_port_of_the_machine(containers):
    for one in containers.values():
        assert one["image"].startswith(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/abacus-prod/") and one["image"].endswith(
            ":01234567"
        )
        assert one["readonlyRootFilesystem"] is True
    ports = {name: one["portMappings"] for name, one in containers.items() if "portMappings" in one}
    assert ports == {"nginx": [{"hostPort": 80, "containerPort": 8080, "protocol": "tcp"}]}


def test_what_a_container_reaches_by_name_is_linked_and_what_it_waits_for_exists(containers):
    for name, one in containers.items():
        text = json.dumps(one.get("environment", []))
        assert "abacus-prod.internal" not in text
        reached = {other for other in DAEMONS if f"http://{other}:" in text}
        assert name.endswith("migrate") or reached <= set(one.get("links", [])), name  # a migration asks no service
        assert set(one.get("links", [])) <= set(containers) - {name}
        for before in one.get("dependsOn", []):
            assert before["condition"] == "START" or not containers[before["containerName"]]["essential"]
    assert set(containers["nginx"]["links"]) == {"users", "values", "healthcheck", "client", "swagger"}


def test_the_master_password_is_that_which_rds_names(containers):
    secrets = {one["name"]: one["valueFrom"] for one in containers["database"]["secrets"]}
    assert secrets["PGPASSWORD"] == "arn:rds-master:password::"


def test_the_daemons_start_after_the_migrations_of_their_tables(containers):
    def before(name):
        return [one["containerName"] for one in containers[name].get("dependsOn", [])]

    assert before("users") == ["users-migrate"] and before("values") == ["values-migrate"]
    assert before("users-migrate") == before("values-migrate") == ["database"] and before("database") == ["prepare"]


def test_every_folder_that_is_written_is_memory_or_the_one_with_the_certificates(made, containers):
    assert [one["name"] for one in made[0]["volumes"]] == ["certificates"]
    for one in containers.values():
        assert {mount["sourceVolume"] for mount in one["mountPoints"]} <= {"certificates"}
        assert "/tmp" in [folder["containerPath"] for folder in one["linuxParameters"]["tmpfs"]]
    assert "/run/nginx" in [folder["containerPath"] for folder in containers["nginx"]["linuxParameters"]["tmpfs"]]


@pytest.mark.parametrize("service", DAEMONS)
def test_the_daemon_takes_the_configuration_that_its_container_gives_it(containers, service):
    binary = ROOT / "build/bin" / service
    if not binary.exists():
        pytest.skip(f"{binary.relative_to(ROOT)} is not built")
    given = {variable["name"]: variable["value"] for variable in containers[service]["environment"]}
    example = {
        "SECRET_KEY": "k" * 64,
        "REDIS_URL": "rediss://:secret@redis.example:6379/0",
        "DATABASE_URL": "postgres://users:secret@db.example:5432/users",
        "SMTP_URL": "smtps://abacus:secret@mail.example:465",
        "SMS_TOKEN": "t" * 40,
        "HEALTHCHECK_POSTGRES": "postgres://healthcheck:secret@db.example:5432/postgres",
    }
    given |= {secret["name"]: example[secret["name"]] for secret in containers[service]["secrets"]}
    run("env", "-i", *(f"{name}={value}" for name, value in given.items()), binary, "--check")


def test_the_commands_of_the_document_make_an_environment_of_the_two_files(described, aws_emptied, tmp_path):
    # moto finds a bucket in a URL of this name, and not of the address.
    local = {"AWS_ENDPOINT_URL": aws_emptied["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"), "NO_PROXY": "localhost"}
    variables = {**aws_emptied, **local, "no_proxy": "localhost", "PATH": described}
    beginnings = [
        "deploy/eb/files stage bundle",
        "aws elasticbeanstalk create-application ",
        "BUCKET=",
        "aws s3 cp ",
        "aws elasticbeanstalk create-application-version ",
        "PLATFORM=",
        "aws elasticbeanstalk create-environment ",
    ]
    commands = commands_of("Elastic Beanstalk")
    known = [command[: len(beginning)] for command, beginning in zip(commands, beginnings, strict=True)]
    assert known == beginnings, "a command that is not checked here"
    with Shell(tmp_path, {"bin/git": "echo 01234567"}, variables) as shell:
        for command in commands:
            shell(command)
        uploaded = shell("aws s3 cp s3://beanstalk/abacus/01234567.json -")
        assert json.loads(uploaded) == json.loads((shell.tree / "bundle/Dockerrun.aws.json").read_text())
        (environment,) = json.loads(shell("aws elasticbeanstalk describe-environments --output json"))["Environments"]
    assert (environment["ApplicationName"], environment["EnvironmentName"]) == ("abacus", "abacus-stage")
    source = "--version-label 01234567 --source-bundle S3Bucket=beanstalk,S3Key=abacus/01234567.json"
    assert (tmp_path / "version").read_text().strip().endswith(source)
