//! A stack with one database, on its own kind of server in a VPC, with an administrator that
//! changes the password, and a KMS key.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use keyrota_test_servers::Server;
use serde_json::json;

use super::function::{InlinePolicy, failed_step, role_policies};
use super::state::{SMALL, STACK, Stage, prepare as prepare_state};
use crate::database::function::{self, AUTHORITY};
use crate::database::test_server::{self, Engine, FIRST, User};
use crate::environment::{ACCOUNT, REGION, TestEnvironment};

pub const BOOTSTRAP: &str = "bootstrap --yes --database-function-zip database.zip --format json";
pub const SECRET: &str = "prod/orders-db";
const ADMINISTRATOR: &str = "ops/administrator";
const FIRST_PASSWORD: &str = "ops/first-password";

/// The actions that a command itself calls for a database but not for an access key. All others
/// are the same, or are called by CloudFormation, whose handlers are the same for both.
const BY_ITSELF: [&str; 9] = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "lambda:InvokeFunction",
    "logs:FilterLogEvents",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// Returns the actions of a command that the access key scenarios cover for databases too.
pub async fn shown_with_keys(test: &TestEnvironment, part: &str) -> BTreeSet<String> {
    if !["Plan", "Bootstrap", "Doctor", "Teardown"].contains(&part) {
        return BTreeSet::new();
    }
    let mut shown = prepare_state(test, SMALL).await.part(part).actions();
    shown.retain(|action| !BY_ITSELF.contains(&action.as_str()));
    shown
}

/// A user, and the administrator that changes its password.
struct DatabaseUsers {
    user: User,
    administrator: User,
}

/// Creates them with the first password.
fn make_users(server: &Server) -> DatabaseUsers {
    let users = DatabaseUsers {
        user: test_server::make_user(server),
        administrator: test_server::make_user(server),
    };
    let administrator = test_server::quoted(server, &users.administrator.name);
    let rights = format!(
        "ALTER ROLE {administrator} CREATEROLE; \
         GRANT pg_read_all_data TO {administrator} WITH ADMIN OPTION"
    );
    test_server::sql(server, &rights);
    users
}

/// Creates the state in an empty account, as root.
pub async fn prepare(test: &TestEnvironment, stage: Stage) {
    static PEOPLE: OnceLock<DatabaseUsers> = OnceLock::new();
    static CREATED: OnceLock<DatabaseUsers> = OnceLock::new();
    let server = test_server::shared(Engine::Postgres);
    let users = match stage {
        Stage::Created => CREATED.get_or_init(|| make_users(server)),
        _ => PEOPLE.get_or_init(|| make_users(server)),
    };
    let known = format!("initial_password: {FIRST_PASSWORD}, first_rotation: now");
    let first = match stage {
        Stage::Created => {
            let user = test_server::quoted(server, &users.user.name);
            test_server::sql(server, &format!("DROP ROLE IF EXISTS {user}"));
            "create_user: true, roles: [pg_read_all_data]".to_owned()
        }
        Stage::OnRequest => known.replace("now", "on_request"),
        _ => known,
    };
    if stage != Stage::Created {
        test_server::set_password(server, &users.user, FIRST);
    }
    create_users(test, server, users, &first).await;
    if stage == Stage::New {
        return;
    }
    test.keyrota(BOOTSTRAP).await.exits(0);
    if stage == Stage::Unfinished {
        // The function sends a password only to the pinned server.
        let elsewhere = login(server, &users.administrator, "elsewhere.internal");
        test.store(ADMINISTRATOR, &elsewhere).await;
        test.keyrota("rotate").await.exits(1);
    }
    if stage == Stage::Damaged {
        test_server::set_password(server, &users.user, FIRST);
        test.store(SECRET, &json!("damaged")).await;
    }
}

/// Writes the zip file, the manifest, and the files and secrets that the manifest names.
async fn create_users(test: &TestEnvironment, server: &Server, users: &DatabaseUsers, first: &str) {
    test.conceal(FIRST);
    if !test.home.file(AUTHORITY).exists() {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let pem = std::fs::read(server.authority()).expect("the authority");
        test.home.write(AUTHORITY, &pem);
        test.home.write("database.zip", function::zip(&pem));
    }
    let administrator = login(server, &users.administrator, "localhost");
    test.make_secret(ADMINISTRATOR, &administrator.to_string())
        .await;
    let password = json!({ "password": FIRST }).to_string();
    test.make_secret(FIRST_PASSWORD, &password).await;
    let key = test.make_kms_key().await;
    let reader = test.make_role("app").await;
    let network = test.make_network().await;
    test.manifest(&format!(
        "version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
         tags: {{ team: payments }}\nalarms: {{ email: [ops@example.com] }}\n\
         function: {{ architecture: {architecture} }}\n\
         network: {{ subnets: [{subnet}], security_groups: [{security_group}] }}\n\
         databases:\n\
         \x20 - {{ secret: {SECRET}, engine: postgres, host: localhost, port: {port}, \
         dbname: {dbname}, username: {username}, tls_ca: {AUTHORITY}, \
         {first}, rotate_as: {ADMINISTRATOR}, kms_key: '{key}', readers: ['{reader}'] }}\n",
        subnet = network.subnet,
        security_group = network.security_group,
        architecture = function::architecture().as_str(),
        port = server.port(),
        dbname = users.user.dbname,
        username = json!(users.user.name),
    ));
}

/// Returns an administrator's value, with a host.
fn login(server: &Server, user: &User, host: &str) -> serde_json::Value {
    json!({
        "engine": test_server::name(server.engine()), "host": host, "port": server.port(),
        "dbname": user.dbname, "username": user.name, "password": FIRST,
    })
}

/// Actions that no step of the databases' function is observed to need, and why they are
/// granted.
const EXCUSED: [(&str, &str); 9] = [
    (
        "ec2:AssignPrivateIpAddresses",
        "Lambda makes the function's network interfaces in the role's name \
         (configuration-vpc); the local AWS has no VPC",
    ),
    (
        "ec2:CreateNetworkInterface",
        "as ec2:AssignPrivateIpAddresses; the local AWS makes no function in a VPC whose role \
         may not do this",
    ),
    (
        "ec2:DeleteNetworkInterface",
        "as ec2:AssignPrivateIpAddresses",
    ),
    (
        "ec2:DescribeNetworkInterfaces",
        "as ec2:AssignPrivateIpAddresses",
    ),
    ("ec2:DescribeSubnets", "as ec2:AssignPrivateIpAddresses"),
    (
        "ec2:UnassignPrivateIpAddresses",
        "as ec2:AssignPrivateIpAddresses",
    ),
    (
        "kms:DescribeKey",
        "Secrets Manager's page rotating-secrets-required-permissions-function asks for it",
    ),
    (
        "logs:CreateLogStream",
        "Lambda writes the log in the role's name (lambda-intro-execution-role); the local \
         Lambda does it in its own",
    ),
    ("logs:PutLogEvents", "as logs:CreateLogStream"),
];

#[tokio::test]
async fn each_action_of_the_databases_function_is_needed_by_a_step() {
    let test = TestEnvironment::without_function().await;
    let server = test_server::shared(Engine::Postgres);
    let first = format!("initial_password: {FIRST_PASSWORD}, first_rotation: now");
    create_users(&test, server, &make_users(server), &first).await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    let policies = role_policies(&test).await;

    // Nothing may need an exempted action.
    let exemption = EXCUSED.map(|(action, _)| action);
    let granted: Vec<String> = policies.iter().flat_map(InlinePolicy::actions).collect();
    for (action, reason) in EXCUSED {
        assert!(granted.iter().any(|it| it == action), "{action}: {reason}");
    }
    for held in &policies {
        held.put(&test, held.without(&exemption).as_ref()).await;
    }
    test.keyrota("rotate").await.exits(0);
    test.sweep().await;

    for held in &policies {
        for action in held.actions() {
            if exemption.contains(&action.as_str()) {
                continue;
            }
            let before = test.logged().await.len();
            held.put(&test, held.without(&[&action]).as_ref()).await;
            test.keyrota("rotate").await.exits(1);
            let step = failed_step(&test, before).await;
            let step = step.unwrap_or_else(|| panic!("no step misses {action}"));
            println!("{action:<46} {step} ({})", held.name);
            held.put(&test, Some(&held.document)).await;
            test.keyrota("rotate").await.exits(0);
        }
    }
    // The policies of the role are not those that were deployed, so a check would report them.
    let ran = test.keyrota("status --format json").await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["state"], "ok", "{ran}");
}
