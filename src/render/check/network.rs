//! Rules about the network of the databases' function, and how it connects to the servers.

use std::net::IpAddr;

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::Statement;
use super::template::Resource;
use crate::model::{ByKind, Database, EntryOf, Verification};
use crate::render::Strategy;
use crate::render::resolve::{items, literal};
use crate::render::tree::Value;

const GUIDE: &str = "AWS Lambda Developer Guide, configuration-vpc (Giving Lambda functions access to resources in an Amazon VPC)";

pub(super) const THEME: Theme = Theme {
    title: "The databases and the way to them",
    rules: &[
        Rule {
            id: "database-network",
            level: Level::Error,
            title: "The database function has exactly the subnets and security groups in the manifest",
            why: "With others, it cannot reach the databases, or can reach more than the databases.",
            remedy: "use VpcConfig of keyrota's template, or change `network`",
            source: GUIDE,
            check: Some(placed),
        },
        Rule {
            id: "network-waits-for-policy",
            level: Level::RefusedByAws,
            title: "A function in a VPC depends on the policy that lets Lambda create and delete its network interfaces",
            why: "Lambda tests the role before it creates the function, and refuses if the policy does not exist yet. CloudFormation deletes resources in the reverse order, so Lambda can delete the interfaces with the function.",
            remedy: "add the policy's logical ID to the function's DependsOn",
            source: GUIDE,
            check: Some(waits),
        },
        Rule {
            id: "network-code-denied",
            level: Level::Error,
            title: "The function's own code is denied the actions on network interfaces that its role allows Lambda",
            why: "Otherwise, an attacker in the function could inspect the network and add network interfaces to it.",
            remedy: "deny the same actions if lambda:SourceFunctionArn is the function's ARN",
            source: GUIDE,
            check: Some(denied),
        },
        Rule {
            id: "database-out-of-reach",
            level: Level::Warning,
            title: "A function without a VPC has no database on a private host",
            why: "A private address is not reachable from outside the VPC, so every rotation would time out.",
            remedy: "set `network` to subnets and security groups from which the host can be reached",
            source: GUIDE,
            check: Some(|stack, found| {
                if stack.model().network.is_in_vpc() {
                    return;
                }
                for database in databases(stack) {
                    if is_private(database.kind.host.as_str()) {
                        let message = format!(
                            "`{}` looks like a private host, and the function is not connected to a VPC",
                            database.kind.host
                        );
                        found.add(format!("{}.host", database.place), message);
                    }
                }
            }),
        },
        Rule {
            id: "network-one-subnet",
            level: Level::Warning,
            title: "A function in a VPC has subnets in two Availability Zones",
            why: "With one subnet, nothing rotates during an outage of its Availability Zone.",
            remedy: "add a subnet in another Availability Zone",
            source: "AWS Security Hub User Guide, lambda-controls (Lambda.5)",
            check: Some(|stack, found| {
                for (_, function) in stack.functions() {
                    if vpc(function, "SubnetIds").count() == 1 {
                        found.add(function.at("VpcConfig.SubnetIds"), "there is one subnet");
                    }
                }
            }),
        },
        Rule {
            id: "database-unverified",
            level: Level::Warning,
            title: "The identity of a database server is verified (`tls: verify-full`)",
            why: "With `require`, any server can receive the password. With `verify-ca` and a public authority, any server with a certificate of that authority can.",
            remedy: "set `tls: verify-full`, with the authority in `tls_ca` if the system does not trust it, or accept it with a reason",
            source: "PostgreSQL manual, libpq-ssl (Protection Provided in Different Modes)",
            check: Some(|stack, found| {
                for database in databases(stack) {
                    let message = match (database.kind.tls, &database.kind.tls_ca) {
                        (Verification::Full, _) | (Verification::Authority, Some(_)) => continue,
                        (Verification::Authority, None) => {
                            "any certificate of a public authority is accepted"
                        }
                        (Verification::None, _) => {
                            "the password is sent to any server that responds"
                        }
                    };
                    found.add(format!("{}.tls", database.place), message);
                }
            }),
        },
        Rule {
            id: "rds-authority",
            level: Level::Warning,
            title: "A database of Amazon RDS is verified with RDS's own authorities",
            why: "Operating systems do not trust the authorities that sign its certificates, so every login would fail.",
            remedy: "download the certificate bundle of the Region, and specify it in `tls_ca`",
            source: "Amazon RDS User Guide, UsingWithRDS.SSL",
            check: Some(|stack, found| {
                for database in databases(stack) {
                    let host = database.kind.host.as_str().to_ascii_lowercase();
                    let rds = host.ends_with(".rds.amazonaws.com")
                        || host.ends_with(".rds.amazonaws.com.cn");
                    // The certificates of RDS Proxy are signed by a public authority.
                    let proxy = host.contains(".proxy-");
                    if rds
                        && !proxy
                        && database.kind.tls != Verification::None
                        && database.kind.tls_ca.is_none()
                    {
                        let message = "it is a host of RDS, and `tls_ca` is not set";
                        found.add(format!("{}.host", database.place), message);
                    }
                }
            }),
        },
        Rule {
            id: "weak-password",
            level: Level::Warning,
            title: "A new password has at least 80 bits",
            why: "If the server's password hashes leak, a shorter password can be found by brute force.",
            remedy: "make `password.length` larger, or `password.exclude` shorter",
            source: "NIST Special Publication 800-63B, appendix A",
            check: Some(|stack, found| {
                for entry in stack.entries.iter().map(|entry| entry.served) {
                    let rule = match entry.by_kind() {
                        ByKind::AccessKey(_) => continue,
                        ByKind::Database(database) => &database.kind.password,
                        ByKind::Service(service) => &service.kind.password,
                    };
                    let bits = rule.bits();
                    if bits < 80 {
                        let message = format!("a password would have {bits} bits");
                        found.add(format!("{}.password", entry.place), message);
                    }
                }
            }),
        },
    ],
};

/// The actions that Lambda carries out for a function in a VPC, with its role.
pub(super) const ACTIONS: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

fn databases<'stack>(stack: &Stack<'stack>) -> impl Iterator<Item = EntryOf<'stack, Database>> {
    let entries = stack.entries.iter();
    entries.filter_map(|entry| entry.served.as_database())
}

fn vpc<'tree>(function: &Resource<'tree>, key: &str) -> impl Iterator<Item = &'tree Value> {
    let list = function.get("VpcConfig").and_then(|vpc| vpc.get(key));
    items(list)
}

fn placed(stack: &Stack<'_>, found: &mut RuleFindings) {
    let network = &stack.model().network;
    let expected = [
        ("SubnetIds", &network.subnets),
        ("SecurityGroupIds", &network.security_groups),
    ];
    for (_, function) in stack.functions().filter(|one| one.0.uses_network()) {
        for (key, expected) in expected {
            let named = vpc(function, key).map(|id| literal(id).unwrap_or_default());
            if !named.eq(expected.iter().map(String::as_str)) {
                let message = "it differs from the manifest";
                found.add(function.at(&format!("VpcConfig.{key}")), message);
            }
        }
    }
}

fn waits(stack: &Stack<'_>, found: &mut RuleFindings) {
    for (strategy, function) in stack.functions() {
        if function.get("VpcConfig").is_none() {
            continue;
        }
        let mine = stack.role_statements(strategy);
        let mut policies = mine
            .filter(|one| ACTIONS.iter().any(|action| one.does(action)))
            .map(|one| one.document.resource.as_str())
            // An inline policy in the role exists as soon as the role does.
            .filter(|policy| *policy != strategy.role())
            .filter(|policy| !function.depends_on().any(|id| id == *policy));
        if let Some(policy) = policies.next() {
            let message = format!("it does not depend on {policy}");
            found.add(function.at("DependsOn"), message);
        }
    }
}

fn denied(stack: &Stack<'_>, found: &mut RuleFindings) {
    for strategy in stack.strategies() {
        let function = function_arn(stack, strategy);
        for statement in stack.role_statements(strategy) {
            let allowed = ACTIONS.iter().filter(|action| statement.does(action));
            for action in allowed {
                if !is_denied(stack, strategy, &function, action) {
                    let message = format!("the function's own code can use `{action}` too");
                    found.add(statement.at(), message);
                }
            }
        }
    }
}

/// Returns whether a statement denies the function's own code all the actions that Lambda
/// carries out for a function in a VPC.
pub(super) fn is_lambdas(stack: &Stack<'_>, statement: &Statement<'_>) -> bool {
    let known = |action: &String| ACTIONS.contains(&action.as_str());
    let mut mine = stack
        .strategies()
        .filter(|strategy| stack.carries(*strategy, &statement.document.resource));
    statement.actions.iter().all(known)
        && mine.any(|strategy| {
            let function = function_arn(stack, strategy);
            let denied = |action: &String| is_denied(stack, strategy, &function, action);
            statement.actions.iter().all(denied)
        })
}

fn function_arn(stack: &Stack<'_>, strategy: Strategy) -> String {
    let attribute = format!("{}.Arn", strategy.function());
    stack.resolver().attribute(&attribute).unwrap_or_default()
}

fn is_denied(stack: &Stack<'_>, strategy: Strategy, function: &str, action: &str) -> bool {
    let mine = stack.statements.iter();
    let mut mine = mine.filter(|one| stack.carries(strategy, &one.document.resource));
    mine.any(|one| {
        let key = "lambda:SourceFunctionArn";
        one.denies
            && one.does(action)
            && one.resources == ["*"]
            && one.negated.is_none()
            && one.narrowed(key).eq([function])
            && one.conditions_count() == 1
    })
}

/// Returns whether a host appears to be reachable only from a private network: it has a private
/// address (RFC 1918, RFC 4193), a name without a dot, or a top-level domain that does not
/// exist in public DNS.
fn is_private(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => address.is_unique_local() || address.is_loopback(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            let endings = [
                ".internal",
                ".local",
                ".lan",
                ".corp",
                ".private",
                ".home.arpa",
            ];
            !host.contains('.') || endings.iter().any(|ending| host.ends_with(ending))
        }
    }
}
