"""Secrets Manager as moto has it, for test_rotate.py and for the programs that it puts in the place of others, without an
import that takes long."""

import json
import pathlib
import urllib.request

ROLES = {"Users": "users", "Values": "values", "Healthcheck": "healthcheck"}
HOSTS = dict.fromkeys(ROLES, "postgres://{role}:{password}@db.example:5432/{role}?sslmode=verify-full")
HOSTS["Redis"] = "rediss://{role}:{password}@redis.example:6379/0"


def secrets_manager(endpoint, call, **parameters):
    headers = {
        "X-Amz-Target": f"secretsmanager.{call}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/secretsmanager/aws4_request",
    }
    request = urllib.request.Request(endpoint, json.dumps(parameters).encode(), headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
        return json.load(reply)


def as_the_command_does(endpoint, call, words):
    options, parameters = {}, {}
    while words:
        name, word = words.pop(0).removeprefix("--"), words.pop(0) if words and not words[0].startswith("--") else True
        options[name] = word
    query, output = options.pop("query", None), options.pop("output", "json")
    for name, word in options.items():
        word = pathlib.Path(word[7:]).read_text() if isinstance(word, str) and word.startswith("file://") else word
        word = int(word) if name == "password-length" else [word] if name == "version-stages" else word
        parameters["".join(part.capitalize() for part in name.split("-"))] = word
    reply = secrets_manager(endpoint, "".join(part.capitalize() for part in call.split("-")), **parameters)
    reply = reply if query is None else reply[query]
    print(reply if output == "text" else json.dumps(reply))


def value_of(endpoint, value_from):
    """ARN, or ARN:::VERSION, as a task definition names a secret."""
    arn, _, version = value_from.partition(":::")
    parameters = {"SecretId": arn} | ({"VersionId": version} if version else {"VersionStage": "AWSCURRENT"})
    return secrets_manager(endpoint, "GetSecretValue", **parameters)["SecretString"]


def read_by_a_task(endpoint, folder):
    outputs = json.loads((folder / "outputs").read_text())
    given = json.loads((folder / "parameters").read_text())
    key = outputs["SecretKey"]
    signs = value_of(endpoint, key if given["SigningKey"] == "current" else f"{key}:::{given['SigningKey']}")
    accepts = {signs} | ({value_of(endpoint, f"{key}:::{given['PreviousKey']}")} if given["PreviousKey"] != "no" else set())
    urls = {name: value_of(endpoint, outputs[f"{name}Url"]) for name in HOSTS}
    return {"signs": signs, "accepts": sorted(accepts), "parameters": given, **urls}
