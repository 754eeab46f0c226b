// The resources that keyrota renders for users that rotate their own key, as an AWS
// CDK app: a function with its role, a secret, a schedule and a user policy each.
// USERS says how many; a stack holds as many as CloudFormation's 500 resources allow.
const { App, Duration, Stack, Tags } = require("aws-cdk-lib");
const iam = require("aws-cdk-lib/aws-iam");
const lambda = require("aws-cdk-lib/aws-lambda");
const logs = require("aws-cdk-lib/aws-logs");
const s3 = require("aws-cdk-lib/aws-s3");
const secretsmanager = require("aws-cdk-lib/aws-secretsmanager");

const USERS_A_STACK = 140;
const users = Number(process.env.USERS);
const app = new App();

for (let first = 0; first < users; first += USERS_A_STACK) {
  const stack = new Stack(app, `bench-${first / USERS_A_STACK}`);
  Tags.of(stack).add("keyrota:stack", stack.stackName);
  const bucket = s3.Bucket.fromBucketName(stack, "Artifacts", "artifacts");
  const role = new iam.Role(stack, "FunctionRole", {
    assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
  });
  const handler = new lambda.Function(stack, "Function", {
    runtime: lambda.Runtime.PROVIDED_AL2023,
    handler: "bootstrap",
    code: lambda.Code.fromBucket(bucket, "function.zip"),
    role,
    timeout: Duration.seconds(60),
    logGroup: new logs.LogGroup(stack, "FunctionLogGroup", {
      retention: logs.RetentionDays.ONE_MONTH,
    }),
  });
  const permission = new lambda.CfnPermission(stack, "SecretsManagerPermission", {
    action: "lambda:InvokeFunction",
    functionName: handler.functionArn,
    principal: "secretsmanager.amazonaws.com",
    sourceAccount: stack.account,
  });
  const secrets = [];
  for (let user = first; user < Math.min(users, first + USERS_A_STACK); user += 1) {
    const name = `user-${String(user).padStart(5, "0")}`;
    const secret = new secretsmanager.CfnSecret(stack, `Secret${user}`, {
      name: `bench/${name}/key`,
      secretString: JSON.stringify({ username: name, secretarn: `bench/${name}/key` }),
    });
    secrets.push(secret.ref);
    const policy = new iam.CfnUserPolicy(stack, `UserPolicy${user}`, {
      userName: name,
      policyName: "ManageOwnAccessKeys",
      policyDocument: new iam.PolicyDocument({
        statements: [
          new iam.PolicyStatement({
            actions: ["CreateAccessKey", "DeleteAccessKey", "GetAccessKeyLastUsed", "GetUser",
              "ListAccessKeys", "UpdateAccessKey", "TagUser"].map((action) => `iam:${action}`),
            resources: [`arn:${stack.partition}:iam::${stack.account}:user/\${aws:username}`],
          }),
        ],
      }),
    });
    const schedule = new secretsmanager.CfnRotationSchedule(stack, `Schedule${user}`, {
      secretId: secret.ref,
      rotationLambdaArn: handler.functionArn,
      rotateImmediatelyOnUpdate: false,
      rotationRules: { scheduleExpression: "rate(30 days)", duration: "3h" },
    });
    schedule.addDependency(permission);
    schedule.addDependency(policy);
  }
  role.addToPolicy(new iam.PolicyStatement({
    actions: ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
      .map((action) => `secretsmanager:${action}`),
    resources: secrets,
  }));
}
