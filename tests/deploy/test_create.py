"""deploy/vm/0-create-aws, with moto in place of AWS, and 0-create-local."""

import json

import pytest

from delivery import REGION
from harness import ROOT, run

AWS, LOCAL = (ROOT / f"deploy/vm/0-create-{where}" for where in ("aws", "local"))


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pub"
    path.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm0R2WQ7VvRzZ7yRr1yq0T9nW3ZbHk1m9yK5y0yQWcD you@example.org\n")
    return path


def ec2(aws, *command):
    return json.loads(run("aws", "ec2", *command, "--output", "json", **aws).stdout)


def open_ports(aws):
    (group,) = ec2(aws, "describe-security-groups", "--filters", "Name=group-name,Values=abacus")["SecurityGroups"]
    return {one["FromPort"]: [source["CidrIp"] for source in one["IpRanges"]] for one in group["IpPermissions"]}


def test_the_instance_is_made_once_and_22_follows_this_machines_address(aws_emptied, key):
    given = {**aws_emptied, "KEY": str(key), "AMI": ec2(aws_emptied, "describe-images")["Images"][0]["ImageId"]}
    said = [run(AWS, "abacus", **given, ADDRESS=address).stdout for address in ("192.0.2.1", "192.0.2.9")]
    assert said[0] == said[1]
    assert open_ports(aws_emptied) == {22: ["192.0.2.9/32"], 80: ["0.0.0.0/0"], 443: ["0.0.0.0/0"]}
    (instance,) = [one for found in ec2(aws_emptied, "describe-instances")["Reservations"] for one in found["Instances"]]
    assert instance["KeyName"] == "abacus" and instance["MetadataOptions"]["HttpTokens"] == "required"
    (address,) = ec2(aws_emptied, "describe-addresses")["Addresses"]
    assert address["InstanceId"] == instance["InstanceId"] and f"on admin@{address['PublicIp']} 1-prepare" in said[0]


@pytest.mark.parametrize(
    "given, message",
    [
        ({"AWS_REGION": ""}, "AWS_REGION is not set"),
        ({"KEY": "/nowhere/key.pub"}, "there is no public key /nowhere/key.pub"),
        ({"ADDRESS": "2001:db8::1"}, "which is none of IPv4; set ADDRESS"),
    ],
)
def test_what_is_missing_is_one_line_before_anything_is_made(key, given, message):
    done = run(AWS, "abacus", ok=False, **{"AWS_REGION": REGION, "KEY": str(key), "ADDRESS": "192.0.2.1", **given})
    assert done.returncode == 1 and message in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.parametrize("wrong", ["", "--help", "a b", "a,b"])
def test_what_is_no_name_is_refused(wrong):
    assert run(AWS, wrong, ok=False, AWS_REGION=REGION).returncode == 64


def test_a_local_machine_lets_in_the_key_alone(key, tmp_path):
    yaml = pytest.importorskip("yaml")
    run(LOCAL, tmp_path / "seed", KEY=str(key))
    text = (tmp_path / "seed/user-data").read_text()
    assert text.startswith("#cloud-config\n")
    data = yaml.safe_load(text)
    assert data["users"] == [{"name": "root", "ssh_authorized_keys": [key.read_text().strip()]}]
    assert data["ssh_pwauth"] is False
    assert yaml.safe_load((tmp_path / "seed/meta-data").read_text())["local-hostname"] == "abacus"


@pytest.mark.parametrize(
    "text", ["-----BEGIN OPENSSH PRIVATE KEY-----\n", 'ssh-ed25519 AAAA "]\n', "ssh-ed25519 A\nssh-rsa B\n"]
)
def test_a_file_that_is_no_public_key_is_refused(key, tmp_path, text):
    key.write_text(text)
    assert run(LOCAL, tmp_path / "seed", ok=False, KEY=str(key)).returncode == 1
    assert not (tmp_path / "seed").exists()
