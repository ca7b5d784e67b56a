# Dockerrun.aws.json, version 2, for Elastic Beanstalk's platform "ECS": everything that runs, in one task on each machine.
#   --argjson place: the outputs of abacus.yaml    --arg images HOST/abacus    --arg tag COMMIT
# Input: the task definitions that deploy/ecs/task-definitions.jq makes, as one list. Their containers are kept but for what differs here:
#   names      a service is found by a link, whose name is the service's; nginx takes the load balancer's place within the machine
#   /tmp       memory, which Fargate does not have, so nothing has to prepare it
#   order      prepare, database, the migrations, the services: containers that end at once are not essential
#   one-off    they run with each deployment, on each machine; each may run any number of times, also at once
. as $tasks |
def task(name): $tasks[] | select(.family == "\($place.Cluster)-\(name)");
def container(task_name; name): task(task_name).containerDefinitions[] | select(.name == name);
def after($names; condition): {dependsOn: ($names | map({containerName: ., condition: condition}))};
def in_memory($folders): .linuxParameters += {tmpfs: ($folders | map({containerPath: ., size: 64, mountOptions: ["mode=1777"]}))};
def certificates: .mountPoints |= map(select(.sourceVolume == "certificates")) | in_memory(["/tmp"]);

# users.abacus-prod.internal: users
def by_link: gsub("(?<name>[a-z]+)\\.\($place.Namespace | gsub("\\."; "\\."))"; .name);
# healthcheck cannot have a link to itself. The requests come from nginx, through Docker's bridge.
def value: if .name == "TRUSTED_PROXIES" then .value = "172.17.0.0/16"
  else .value |= (by_link | gsub("http://healthcheck:"; "http://127.0.0.1:")) end;

def prepare: container("users"; "prepare") + {command: ["printf '%s\\n' \"$DATABASE_CA\" >/certificates/database.pem"]} | certificates;
def once(task_name; name; $before): container(task_name; name) | certificates |
  . + {name: task_name, essential: false, environment: (.environment | map(value))} + after($before; "SUCCESS");
def daemon(name; $links; $before): container(name; name) | certificates | del(.portMappings) |
  . + {links: $links, environment: (.environment | map(value))} + after($before; "SUCCESS");
def page(name): container(name; name) | del(.portMappings, .dependsOn) | .mountPoints = [] | in_memory(["/tmp", "/run/nginx"]);
def nginx: page("client") + {
  name: "nginx", image: "\($images)/nginx:\($tag)", memory: 128, links: ["users", "values", "healthcheck", "client", "swagger"],
  # The load balancer's addresses, which send the clients' along.
  environment: [{name: "REAL_IP_FROM", value: $place.Network}],
  portMappings: [{hostPort: 80, containerPort: 8080, protocol: "tcp"}],
  healthCheck: (container("client"; "client").healthCheck + {command: ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8082/nginx_status"]})
} + after(["users", "values", "healthcheck", "client", "swagger"]; "START") |
  .logConfiguration.options["awslogs-stream-prefix"] = "nginx";

{
  AWSEBDockerrunVersion: 2,
  executionRoleArn: $place.BeanstalkMasterExecution,
  volumes: [{name: "certificates", host: {sourcePath: "/var/lib/abacus/certificates"}}],
  containerDefinitions: [
    prepare,
    once("database"; "database"; ["prepare"]),
    once("users-migrate"; "migrate"; ["database"]),
    once("values-migrate"; "migrate"; ["database"]),
    daemon("users"; []; ["users-migrate"]),
    daemon("values"; ["users"]; ["values-migrate"]),
    daemon("worker"; []; ["prepare"]),
    daemon("mailer"; []; ["prepare"]),
    daemon("healthcheck"; ["users", "values", "worker", "mailer"]; ["database"]),
    page("client"), page("swagger"), nginx
  ]
}
