"""deploy/ecs/abacus.yaml: when its alarms are raised, what is logged and for how long, what the web firewall refuses, how many
tasks run. The template is read as CloudFormation gets it; cfn-lint checks it, and moto makes it, in test_ecs.py."""

import ast
import operator
import sys
import types

import pytest
import test_ecs

from delivery import need
from harness import ROOT

BALANCED = test_ecs.BALANCED


@pytest.fixture
def resources(template):
    return template[1]["Resources"]


def of_type(resources, kind):
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def resolve(node, kind):
    """The value in a stack of this kind, if only that decides it."""
    if isinstance(node, dict) and "Fn::If" in node:
        condition, of_prod, of_stage = node["Fn::If"]
        assert condition == "IsProd"
        return of_prod if kind == "prod" else of_stage
    return node


class Lazy(ast.NodeTransformer):
    """CloudWatch's IF as Python's, because a call would divide by zero in the branch that is not taken."""

    def visit_Call(self, node):
        self.generic_visit(node)
        return ast.IfExp(*node.args) if node.func.id == "IF" else node


def evaluate(expression, names):
    tree = ast.fix_missing_locations(Lazy().visit(ast.parse(expression, mode="eval")))
    fill = {"FILL": lambda value, missing: missing if value is None else value}
    return eval(compile(tree, expression, "eval"), {"__builtins__": {}, **fill, **names})


def is_raised(alarm, **figures):
    """Whether one period with these figures raises the alarm; a figure that is None, or not given, is missing."""
    compare = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}[alarm["ComparisonOperator"]]
    if "Metrics" not in alarm:
        (value,) = figures.values()
        assert list(figures) == [alarm["MetricName"]]
    else:
        names = {one["Id"]: figures.get(one["Id"]) for one in alarm["Metrics"] if "MetricStat" in one}
        assert set(figures) <= set(names)
        for one in reversed([one for one in alarm["Metrics"] if "Expression" in one]):
            value = names[one["Id"]] = evaluate(one["Expression"], names)
        assert [one["Id"] for one in alarm["Metrics"] if one.get("ReturnData", True)] == [alarm["Metrics"][0]["Id"]]
    if value is None:
        return {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]]
    return compare(value, alarm["Threshold"])


@pytest.mark.parametrize(
    "figures, is_bad",
    [
        ({}, False),
        ({"requests": 1000}, False),
        ({"of_tasks": 5, "requests": 5}, False),  # of so few requests it says nothing
        ({"of_tasks": 6, "requests": 1000}, False),
        ({"of_tasks": 11, "requests": 1000}, True),
        ({"of_balancer": 11, "requests": 1000}, True),
        ({"of_tasks": 4, "of_balancer": 4, "requests": 700}, True),
        ({"of_balancer": 100}, True),  # no task was there to get the requests
    ],
)
def test_a_roll_out_goes_back_when_over_one_request_in_a_hundred_fails(resources, figures, is_bad):
    assert is_raised(resources["RollOutAlarm"]["Properties"], **figures) is is_bad


@pytest.mark.parametrize(
    "figures, is_bad",
    [({}, False), ({"of_tasks": 10}, False), ({"of_tasks": 6, "of_balancer": 5}, True), ({"of_balancer": 11}, True)],
)
def test_errors_of_the_services_and_of_the_load_balancer_itself_are_counted_together(resources, figures, is_bad):
    assert is_raised(resources["ErrorsAlarm"]["Properties"], **figures) is is_bad


@pytest.mark.parametrize("name", ["RollOutAlarm", "ErrorsAlarm"])
def test_errors_are_those_of_this_load_balancer(resources, name):
    found = {one["Id"]: one["MetricStat"]["Metric"] for one in resources[name]["Properties"]["Metrics"] if "MetricStat" in one}
    wanted = {"of_tasks": "HTTPCode_Target_5XX_Count", "of_balancer": "HTTPCode_ELB_5XX_Count", "requests": "RequestCount"}
    assert {key: one["MetricName"] for key, one in found.items()} == {key: wanted[key] for key in found}
    for one in found.values():
        assert one["Namespace"] == "AWS/ApplicationELB"
        assert one["Dimensions"] == [{"Name": "LoadBalancer", "Value": {"Fn::GetAtt": ["Balancer", "LoadBalancerFullName"]}}]


@pytest.mark.parametrize("service", BALANCED)
def test_an_alarm_of_each_service_watches_unhealthy_tasks_in_both_of_its_target_groups(resources, service):
    name = service.capitalize()
    alarm = resources[f"{name}TargetsAlarm"]["Properties"]
    metrics = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    assert {one["MetricName"] for one in metrics} == {"UnHealthyHostCount"}
    assert [one["Dimensions"][1]["Value"]["Fn::GetAtt"][0] for one in metrics] == [f"{name}Targets", f"{name}Alternate"]
    assert is_raised(alarm, first=1) and is_raised(alarm, first=0, second=1)
    assert not is_raised(alarm, first=0, second=0) and not is_raised(alarm)
    assert service in alarm["AlarmDescription"]
    # The load balancer counts a task that cannot serve as unhealthy only until ECS has replaced it.
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 15)


def test_a_certificate_that_was_not_renewed_is_reported_a_month_before_its_end(resources):
    alarm = resources["CertificateAlarm"]["Properties"]
    assert alarm["Namespace"] == "AWS/CertificateManager"
    assert alarm["Dimensions"] == [{"Name": "CertificateArn", "Value": {"Ref": "CertificateArn"}}]
    assert is_raised(alarm, DaysToExpiry=29) and not is_raised(alarm, DaysToExpiry=30)
    assert alarm["TreatMissingData"] == "ignore", "because nothing is reported of one that has ended"


@pytest.mark.parametrize(
    "name, metric, good, bad",
    [
        ("DeadJobsAlarm", "DeadJobs", 0, 1),
        ("WaitingAlarm", "OldestJobSeconds", 120, 121),
        ("JobsAreOld", "OldestJobSeconds", 15, 16),
    ],
)
def test_dead_jobs_and_jobs_that_wait_raise_alarms(resources, name, metric, good, bad):
    alarm = resources[name]["Properties"]
    assert (alarm["Namespace"], alarm["Statistic"]) == ("Abacus", "Maximum")
    assert alarm["Dimensions"] == [{"Name": "Place", "Value": {"Ref": "AWS::StackName"}}]
    assert is_raised(alarm, **{metric: bad}) and not is_raised(alarm, **{metric: good})


def test_a_monitor_that_does_not_answer_is_reported(resources):
    alarm = resources["InstancesAlarm"]["Properties"]
    assert is_raised(alarm, InstancesDown=None) and is_raised(alarm, InstancesDown=1) and not is_raised(alarm, InstancesDown=0)


def test_every_alarm_is_sent_to_the_operator_but_the_one_that_adds_workers(resources):
    for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "WorkerOnAge" if name == "JobsAreOld" else "Alerts"}], name


def test_the_logs_of_requests_and_connections_are_private_and_end(resources):
    bucket = resources["TrafficLogs"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert [resolve(rule["ExpirationInDays"], kind) for kind in ("stage", "prod")] == [14, 90]
    assert resources["TrafficLogs"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_only_the_services_that_deliver_logs_write_them_and_each_where_it_delivers(resources):
    of = resources["TrafficLogsPolicy"]["Properties"]
    assert of["Bucket"] == {"Ref": "TrafficLogs"}
    statements = of["PolicyDocument"]["Statement"]
    writers = {
        one["Principal"]["Service"]: one for one in statements if one["Effect"] == "Allow" and one["Action"] == "s3:PutObject"
    }
    assert {name: one["Resource"]["Fn::Sub"] for name, one in writers.items()} == {
        "logdelivery.elasticloadbalancing.amazonaws.com": "${TrafficLogs.Arn}/balancer/AWSLogs/${AWS::AccountId}/*",
        "delivery.logs.amazonaws.com": "${TrafficLogs.Arn}/AWSLogs/${AWS::AccountId}/*",
    }
    condition = writers["delivery.logs.amazonaws.com"]["Condition"]["StringEquals"]
    assert condition["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    (denied,) = [one for one in statements if one["Effect"] == "Deny"]
    assert (denied["Principal"], denied["Action"]) == ("*", "s3:*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    attributes = {one["Key"]: one["Value"] for one in resources["Balancer"]["Properties"]["LoadBalancerAttributes"]}
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == {"Ref": "TrafficLogs"} and attributes["access_logs.s3.prefix"] == "balancer"
    flows = resources["Connections"]["Properties"]
    assert flows["ResourceId"] == {"Ref": "Vpc"} and flows["TrafficType"] == "ALL"
    assert flows["LogDestination"] == {"Fn::GetAtt": ["TrafficLogs", "Arn"]}
    for name in "Balancer", "Connections":
        assert "TrafficLogsPolicy" in resources[name]["DependsOn"], "because AWS tries to write when it is made"


def test_layers_of_images_reach_the_tasks_without_nat_and_nothing_else_does(resources):
    endpoint = resources["ImageLayers"]["Properties"]
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["ServiceName"] == {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"}
    through_nat = [one["RouteTableId"] for one in of_type(resources, "AWS::EC2::Route").values() if "NatGatewayId" in one]
    assert endpoint["RouteTableIds"] == through_nat
    (statement,) = endpoint["PolicyDocument"]["Statement"]
    assert statement["Action"] == "s3:GetObject"
    assert statement["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"}


# What AWS's core rule set looks for in bodies, by its documentation.
OF_BODIES = {"SizeRestrictions", "EC2MetaDataSSRF", "GenericLFI", "GenericRFI", "CrossSiteScripting"}


def test_the_firewall_has_awss_rules_and_those_that_would_refuse_the_api_only_count(resources):
    rules = {one["Name"]: one for one in resources["Firewall"]["Properties"]["Rules"]}
    groups = {
        name: one["Statement"]["ManagedRuleGroupStatement"]
        for name, one in rules.items()
        if "ManagedRuleGroupStatement" in one["Statement"]
    }
    assert {name: one["Name"] for name, one in groups.items()} == {
        "reputation": "AWSManagedRulesAmazonIpReputationList",
        "known-bad": "AWSManagedRulesKnownBadInputsRuleSet",
        "common": "AWSManagedRulesCommonRuleSet",
    }
    assert all(rules[name]["OverrideAction"] == {"None": {}} for name in groups), "their rules block"
    counted = groups["common"]["RuleActionOverrides"]
    assert all(one["ActionToUse"] == {"Count": {}} for one in counted)
    assert {one["Name"] for one in counted} == {f"{name}_BODY" for name in OF_BODIES} | {"NoUserAgent_HEADER"}
    assert not any("RuleActionOverrides" in groups[name] for name in ("reputation", "known-bad"))


def test_no_list_of_addresses_keeps_out_the_test_of_a_release_and_the_watcher(resources):
    first, *others = sorted(resources["Firewall"]["Properties"]["Rules"], key=lambda one: one["Priority"])
    assert first["Action"] == {"Allow": {}}
    assert first["Statement"] == {"IPSetReferenceStatement": {"Arn": {"Fn::GetAtt": ["OwnAddresses", "Arn"]}}}
    own = resources["OwnAddresses"]["Properties"]["Addresses"]
    assert [own[0], own[1]["Fn::If"][1]] == [{"Fn::Sub": "${NatAddressA}/32"}, {"Fn::Sub": "${NatAddressB}/32"}]
    assert not any(one.get("Action") == {"Allow": {}} for one in others)
    (reputation,) = [one for one in others if one["Name"] == "reputation"]
    scope = reputation["Statement"]["ManagedRuleGroupStatement"]["ScopeDownStatement"]["NotStatement"]["Statement"]
    reads = resources["Watcher"]["Properties"]["Environment"]["Variables"]["URL"]["Fn::Sub"]
    assert reads == "https://${Balancer.DNSName}" + scope["ByteMatchStatement"]["SearchString"]
    assert scope["ByteMatchStatement"]["PositionalConstraint"] == "EXACTLY"


def test_every_function_logs_to_a_group_of_the_stack_and_every_group_has_an_end(resources):
    groups = of_type(resources, "AWS::Logs::LogGroup")
    for name, group in groups.items():
        assert [resolve(group["RetentionInDays"], kind) for kind in ("stage", "prod")] == [14, 90], name
    functions = of_type(resources, "AWS::Lambda::Function")
    logs = [one["LoggingConfig"]["LogGroup"]["Ref"] for one in functions.values()]
    assert sorted(logs) == sorted(set(groups) - {"Logs"}), "one for each"


class NotThereError(Exception):
    pass


def test_logs_that_rds_and_ecs_begin_themselves_end_as_the_others_do(resources, monkeypatch):
    function, done = resources["Retention"]["Properties"], []
    variables = function["Environment"]["Variables"]
    groups = variables["GROUPS"]["Fn::Sub"].replace("${Database}", "db").replace("${Cluster}", "abacus-prod")
    monkeypatch.setenv("GROUPS", groups)
    monkeypatch.setenv("DAYS", str(resolve(variables["DAYS"], "prod")))

    def put_retention_policy(**call):
        done.append(call)
        if "containerinsights" not in call["logGroupName"]:
            raise NotThereError

    client = types.SimpleNamespace(
        put_retention_policy=put_retention_policy, exceptions=types.SimpleNamespace(ResourceNotFoundException=NotThereError)
    )
    monkeypatch.setitem(sys.modules, "boto3", types.SimpleNamespace(client={"logs": client}.get))
    code = {}
    exec(function["Code"]["ZipFile"], code)
    code["handler"]({}, None)
    assert done == [
        {"logGroupName": "/aws/rds/instance/db/postgresql", "retentionInDays": 90},
        {"logGroupName": "/aws/ecs/containerinsights/abacus-prod/performance", "retentionInDays": 90},
    ]
    (statement,) = resources["RetentionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    allowed = [one["Fn::Sub"].rpartition("log-group:")[2].removesuffix("*") for one in statement["Resource"]]
    named = variables["GROUPS"]["Fn::Sub"].split(",")
    assert all(group.startswith(prefix) for group, prefix in zip(named, allowed, strict=True))
    assert resources["Database"]["Properties"]["EnableCloudwatchLogsExports"] == ["postgresql"]
    clock = resources["RetentionClock"]["Properties"]
    assert clock["ScheduleExpression"] == "rate(1 day)" and clock["Targets"][0]["Arn"] == {"Fn::GetAtt": ["Retention", "Arn"]}


def test_in_production_two_run_of_everything_but_healthcheck(template, resources):
    services = test_ecs.services_of(template)
    scaled = {
        one["ResourceId"]["Fn::Sub"].split("${")[2].removesuffix(".Name}").lower(): one["MinCapacity"]
        for one in of_type(resources, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    }
    for kind, several in ("prod", 2), ("stage", 1):
        counts = {name: resolve(scaled.get(name, one.get("DesiredCount", 1)), kind) for name, one in services.items()}
        assert counts == dict.fromkeys(services, several) | {"healthcheck": 1}
    assert not [name for name in scaled if "DesiredCount" in services[name]], "an update would undo what auto scaling did"


@pytest.mark.parametrize("service", [*test_ecs.DAEMONS, "users-migrate"])
def test_every_daemon_exports_its_traces_if_the_stack_names_a_collector(template, service, monkeypatch):
    need("jq")
    name = "migrate" if service.endswith("migrate") else service

    def endpoint():
        variables = {one["name"]: one["value"] for one in test_ecs.container(service, name)["environment"]}
        return variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")

    assert endpoint() is None
    monkeypatch.setitem(test_ecs.PLACE, "OtlpEndpoint", "http://collector.internal:4318")
    assert endpoint() == "http://collector.internal:4318"
    assert template[1]["Outputs"]["OtlpEndpoint"] == {"Condition": "HasOtlp", "Value": {"Ref": "OtlpEndpoint"}}
    if service in test_ecs.DAEMONS:
        test_ecs.test_the_daemon_takes_the_configuration_that_its_task_gives_it(service, "prod", "production")


@pytest.mark.parametrize("service", ["users", "mailer"])
def test_passkeys_need_the_address_of_the_client_and_no_smtp_server(template, service, monkeypatch):
    for name in "SmtpUrl", "MailFrom":
        monkeypatch.delitem(test_ecs.PLACE, name)
    variables = {one["name"]: one["value"] for one in test_ecs.container(service)["environment"]}
    assert variables["PUBLIC_URL"] == test_ecs.PLACE["PublicUrl"]
    output, conditions = template[1]["Outputs"]["PublicUrl"], template[1]["Conditions"]
    assert conditions[output["Condition"]] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "PublicUrl"}, ""]}]}
    test_ecs.test_the_daemon_takes_the_configuration_that_its_task_gives_it(service, "prod", "production")


@pytest.mark.parametrize("page", ["services/client/index.html", "services/swagger/ui/index.html"])
def test_a_page_sends_no_referrer_although_the_load_balancer_cannot_say_so(page):
    assert '<meta name="referrer" content="no-referrer">' in (ROOT / page).read_text()
