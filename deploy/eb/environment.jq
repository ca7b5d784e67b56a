# The options of Elastic Beanstalk's environment, for `aws elasticbeanstalk create-environment --option-settings`.
#   --arg kind stage|prod   --arg architecture X86_64|ARM64   --arg certificate ARN of the domain's certificate
# Input: the outputs of abacus.yaml, as one object. Two machines in production, one in stage; a deployment starts new ones beside them.
. as $place |
def options($namespace): to_entries | map({Namespace: $namespace, OptionName: .key, Value: (.value | tostring)});
({VPCId: $place.Vpc, Subnets: $place.Subnets, ELBSubnets: $place.PublicSubnets, ELBScheme: "public", AssociatePublicIpAddress: false} |
  options("aws:ec2:vpc")) +
({SecurityGroups: $place.TasksGroup, IamInstanceProfile: "aws-elasticbeanstalk-ec2-role", DisableIMDSv1: true} |
  options("aws:autoscaling:launchconfiguration")) +
({InstanceTypes: {X86_64: {stage: "t3.medium", prod: "m7i.xlarge"}, ARM64: {stage: "t4g.medium", prod: "m7g.xlarge"}}[$architecture][$kind]} | options("aws:ec2:instances")) +
({stage: {MinSize: 1, MaxSize: 2}, prod: {MinSize: 2, MaxSize: 6}}[$kind] | options("aws:autoscaling:asg")) +
({EnvironmentType: "LoadBalanced", LoadBalancerType: "application", ServiceRole: "aws-elasticbeanstalk-service-role"} |
  options("aws:elasticbeanstalk:environment")) +
({HealthCheckPath: "/users/ping", Port: 80, Protocol: "HTTP", DeregistrationDelay: 20} | options("aws:elasticbeanstalk:environment:process:default")) +
({ListenerEnabled: false} | options("aws:elbv2:listener:default")) +
({Protocol: "HTTPS", SSLCertificateArns: $certificate, SSLPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06"} | options("aws:elbv2:listener:443")) +
({DeploymentPolicy: "Immutable"} | options("aws:elasticbeanstalk:command")) +
({SystemType: "enhanced"} | options("aws:elasticbeanstalk:healthreporting:system"))
