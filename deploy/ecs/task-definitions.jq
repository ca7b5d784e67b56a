# The task definition of one service, for `aws ecs register-task-definition --cli-input-json`.
#   --arg kind stage|prod   --arg service users|values|worker|mailer|healthcheck|client|swagger|users-migrate|values-migrate|database
#   --arg images HOST/abacus --arg tag COMMIT --arg region REGION --arg architecture X86_64|ARM64 --rawfile roles roles.sql
# Input: the outputs of abacus.yaml, as one object.
#
# A task of a daemon has two containers:
#   prepare   ends at once: makes the volumes writable for the read-only containers, and writes the CA certificates of Postgres into one. It has
#             client's image, because a daemon's has no shell.
#   NAME      the daemon, which verifies ElastiCache's certificate by the authorities in its image
. as $place |

# CPU units and MiB of memory, in combinations that Fargate supports.
{stage: {small: [256, 512], large: [256, 512]}, prod: {small: [256, 512], large: [1024, 2048]}}[$kind] as $sizes |
{stage: "staging", prod: "production"}[$kind] as $app_env |
"\($place.Cluster)-\($service)" as $family |

def variables: to_entries | map({name: .key, value: .value});
def secrets: to_entries | map({name: .key, valueFrom: .value});

# Read-only, without capabilities, as an unprivileged user; CloudWatch gets its log.
def container(name; image): {
  name: name, image: "\($images)/\(image):\($tag)", essential: true, user: "65532:65532", readonlyRootFilesystem: true,
  linuxParameters: {capabilities: {drop: ["ALL"]}},
  ulimits: [{name: "nofile", softLimit: 16384, hardLimit: 16384}],
  stopTimeout: 30,
  mountPoints: [{sourceVolume: "tmp", containerPath: "/tmp"}],
  logConfiguration: {logDriver: "awslogs", options: {"awslogs-group": $place.LogGroup, "awslogs-region": $region, "awslogs-stream-prefix": $service,
    "mode": "non-blocking", "max-buffer-size": "4m"}}
};

# Decides on replacement, so a daemon that has been ready needs only answer; a target group decides on requests, by readiness. A daemon that starts has
# five minutes to become ready, because replacing a task does not bring a lost database back. ECS permits ten retries, so the interval is long.
def health(command): {command: command, interval: 30, timeout: 5, retries: 10, startPeriod: 60};

def prepare(image): container("prepare"; image) + {essential: false, memory: 64, user: "0:0", entryPoint: ["sh", "-euc"]} |
  del(.linuxParameters.capabilities, .stopTimeout);
def prepare_daemon: prepare("client") + {
  command: ["chmod 1777 /tmp; printf '%s\\n' \"$DATABASE_CA\" >/certificates/database.pem"],
  secrets: ({DATABASE_CA: $place.DatabaseCa} | secrets),
  mountPoints: [{sourceVolume: "tmp", containerPath: "/tmp"}, {sourceVolume: "certificates", containerPath: "/certificates"}]
};
def prepare_page: prepare($service) + {
  command: ["chmod 1777 /tmp /run/nginx"],
  mountPoints: [{sourceVolume: "tmp", containerPath: "/tmp"}, {sourceVolume: "run", containerPath: "/run/nginx"}]
};
def prepared: [{containerName: "prepare", condition: "SUCCESS"}];
def certificates: [{sourceVolume: "tmp", containerPath: "/tmp"}, {sourceVolume: "certificates", containerPath: "/certificates", readOnly: true}];

# Its secrets are those of the family alone.
def execution_role: $place[{users: "UsersExecution", values: "ValuesExecution", worker: "WorkerExecution", mailer: "MailerExecution",
  healthcheck: "HealthcheckExecution", client: "PagesExecution", swagger: "PagesExecution", "users-migrate": "UsersExecution",
  "values-migrate": "ValuesExecution", database: "DatabaseMasterExecution"}[$service]];

def task(size; volumes; containers): {
  family: $family, networkMode: "awsvpc", requiresCompatibilities: ["FARGATE"], runtimePlatform: {cpuArchitecture: $architecture, operatingSystemFamily: "LINUX"},
  cpu: (size[0] | tostring), memory: (size[1] | tostring), executionRoleArn: execution_role, taskRoleArn: $place.TaskRole,
  volumes: (volumes | map({name: .})), containerDefinitions: containers,
  tags: [{key: "place", value: $place.Cluster}, {key: "commit", value: $tag}]
};

# Environment and secrets of each daemon.
def sms: if $place.SmsUrl then {SMS_URL: $place.SmsUrl} else {} end;
def public_url: if $place.PublicUrl then {PUBLIC_URL: $place.PublicUrl} else {} end;
def traces: if $place.OtlpEndpoint then {OTEL_EXPORTER_OTLP_ENDPOINT: $place.OtlpEndpoint} else {} end;
def settings(name):
  {APP_ENV: $app_env, ADMIN_HOST: "0.0.0.0", LOG_LEVEL: "info", DRAIN_SECONDS: "20", TRUSTED_PROXIES: $place.Network} + traces + ({
    users: (public_url + sms), values: {USERS_URL: "http://users.\($place.Namespace):5001"}, worker: {},
    mailer: ((if $place.SmtpUrl then {MAIL_FROM: $place.MailFrom} else {} end) + public_url + sms),
    healthcheck: {HEALTHCHECK_TARGETS: (["users=9001", "values=9002", "worker=9004", "mailer=9005", "healthcheck=9003"] |
      map(split("=") | "\(.[0])=http://\(.[0]).\($place.Namespace):\(.[1])") | join(",")), USERS_URL: "http://users.\($place.Namespace):5001",
      DASHBOARD_PORT: "5000", DASHBOARD_HOST: "0.0.0.0"} # all without a token, for OperatorsGroup alone
  }[name]);
def keys: {SECRET_KEY: $place.SecretKey} + (if $place.SecretKeyPrevious then {SECRET_KEY_PREVIOUS: $place.SecretKeyPrevious} else {} end);
def secrets_of(name):
  {REDIS_URL: $place.RedisUrl} + ({
    users: (keys + {DATABASE_URL: $place.UsersUrl}), values: (keys + {DATABASE_URL: $place.ValuesUrl}),
    worker: {}, mailer: ((if $place.SmtpUrl then {SMTP_URL: $place.SmtpUrl} else {} end) + (if $place.SmsToken then {SMS_TOKEN: $place.SmsToken} else {} end)),
    healthcheck: {HEALTHCHECK_POSTGRES: $place.HealthcheckUrl}
  }[name]);

def daemon(name; size; ports): task(size; ["tmp", "certificates"]; [
  prepare_daemon,
  container(name; name) + {
    memory: (size[1] - 64),
    environment: (settings(name) | if name == "worker" or name == "mailer" then del(.TRUSTED_PROXIES) else . end | variables),
    secrets: (secrets_of(name) | secrets),
    portMappings: (ports | map({containerPort: ., protocol: "tcp"})),
    mountPoints: certificates,
    healthCheck: health(["CMD", "/bin/\(name)", "--check-alive"]),
    dependsOn: prepared
  }
]);

def migrate(name): task($sizes.small; ["tmp", "certificates"]; [
  prepare_daemon,
  container("migrate"; name) + {
    memory: ($sizes.small[1] - 64), entryPoint: ["/bin/manage"], command: ["db", "upgrade"],
    environment: (settings(name) | variables), secrets: (secrets_of(name) | secrets), mountPoints: certificates, dependsOn: prepared
  }
]);

def page(port): task($sizes.small; ["tmp", "run"]; [
  prepare_page,
  container($service; $service) + {
    memory: ($sizes.small[1] - 64),
    portMappings: [{containerPort: port, protocol: "tcp"}],
    mountPoints: [{sourceVolume: "tmp", containerPath: "/tmp"}, {sourceVolume: "run", containerPath: "/run/nginx"}],
    healthCheck: health(["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:\(port)/" + (if $service == "swagger" then "swagger/" else "" end)]),
    dependsOn: prepared
  }
]);

# Makes roles and databases, as RDS's master; may be run any number of times.
def database: task($sizes.small; ["tmp", "certificates"]; [
  prepare_daemon,
  container("database"; "db") + {
    memory: ($sizes.small[1] - 64),
    entryPoint: ["sh", "-euc"],
    command: ["printf '%s\\n' \"$ROLES\" | psql -X -q -v ON_ERROR_STOP=1"],
    environment: ({ROLES: $roles, PGHOST: $place.DatabaseHost, PGPORT: "5432", PGDATABASE: "postgres", PGSSLMODE: "verify-full",
      PGSSLROOTCERT: "/certificates/database.pem"} | variables),
    secrets: ({PGUSER: "\($place.DatabaseMaster):username::", PGPASSWORD: "\($place.DatabaseMaster):password::", USERS_PASSWORD: $place.UsersPassword,
      VALUES_PASSWORD: $place.ValuesPassword, HEALTHCHECK_PASSWORD: $place.HealthcheckPassword} | secrets),
    mountPoints: certificates, dependsOn: prepared
  }
]);

if $service == "users" then daemon("users"; $sizes.large; [5001, 9001])
elif $service == "values" then daemon("values"; $sizes.large; [5002, 9002])
elif $service == "healthcheck" then daemon("healthcheck"; $sizes.small; [5003, 5000, 9003])
elif $service == "worker" then daemon("worker"; $sizes.large; [9004])
elif $service == "mailer" then daemon("mailer"; $sizes.small; [9005])
elif $service == "client" then page(3007)
elif $service == "swagger" then page(3008)
elif $service == "users-migrate" then migrate("users")
elif $service == "values-migrate" then migrate("values")
elif $service == "database" then database
else error("no such service: \($service)") end
