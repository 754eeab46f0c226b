//! Rules about the schedules and their dependencies.

use std::collections::{HashMap, HashSet};

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::{Entry, Stack, holders};
use super::template::Resource;
use crate::model::{self, Duration, FirstRotation, RotateAs, Schedule, SecretReference};
use crate::render::resolve::{literal, target};
use crate::render::tree::Value;
use crate::render::{NOTIFY_RULE, Strategy};

const SCHEDULE: &str = "AWS::SecretsManager::RotationSchedule";
const GUIDE: &str = "AWS Secrets Manager User Guide, rotate-secrets_schedule";
const REFERENCE: &str =
    "AWS CloudFormation Template Reference, aws-resource-secretsmanager-rotationschedule";

pub(super) const THEME: Theme = Theme {
    title: "Rotation",
    rules: &[
        Rule {
            id: "schedule-expression",
            level: Level::RefusedByAws,
            title: "Secrets Manager accepts the schedule",
            why: "Secrets Manager refuses it, and the stack rolls back.",
            remedy: "set `schedule` to rate(…) or cron(…), no more often than every four hours",
            source: GUIDE,
            check: Some(expressions),
        },
        Rule {
            id: "rotation-window",
            level: Level::RefusedByAws,
            title: "A rotation window has 1 to 24 whole hours, ends on the same UTC day, and does not overlap the next window",
            why: "Secrets Manager refuses it, and the stack rolls back.",
            remedy: "shorten `window`, or open it earlier",
            source: GUIDE,
            check: Some(windows),
        },
        Rule {
            id: "rotate-immediately",
            level: Level::Error,
            title: "A deployment does not rotate secrets, except that a StackSet starts a first rotation that creates the first key",
            why: "RotateImmediatelyOnUpdate is true by default. Every change of a schedule would rotate the secret, even before the first key is stored, without verification. In a StackSet, nobody else starts the first rotation.",
            remedy: "set `RotateImmediatelyOnUpdate: false`; `keyrota bootstrap` and `keyrota rotate` rotate and verify",
            source: REFERENCE,
            check: Some(|stack, found| {
                let entries = stack.entries.iter().filter(|_| stack.model().stack_set);
                let first: HashSet<&str> = entries
                    .filter(|entry| entry.served.is_first_rotated_by_stack_set())
                    .filter_map(|entry| Some(entry.secret?.id))
                    .collect();
                for schedule in stack.template.of_type(SCHEDULE) {
                    let value = schedule.get("RotateImmediatelyOnUpdate");
                    let secret = schedule.get("SecretId").and_then(target);
                    let is_first = secret.is_some_and(|secret| first.contains(secret));
                    if value.and_then(Value::as_bool) != Some(is_first) {
                        let place = schedule.at("RotateImmediatelyOnUpdate");
                        let message = match is_first {
                            true => "it does not start the first rotation",
                            false => "it rotates as soon as it is deployed",
                        };
                        found.add(place, message);
                    }
                }
            }),
        },
        Rule {
            id: "schedule-function",
            level: Level::Error,
            title: "A schedule invokes the stack's function for the secret's kind of credential",
            why: "Another function would get the credentials, and could create new ones.",
            remedy: "set RotationLambdaARN to `!GetAtt Function.Arn`",
            source: REFERENCE,
            check: Some(|stack, found| {
                let secrets = stack.entries.iter();
                let functions: HashMap<&str, &str> = secrets
                    .filter_map(|entry| Some((entry.secret?.id, entry.strategy().function())))
                    .collect();
                for schedule in stack.template.of_type(SCHEDULE) {
                    let function = schedule.get("RotationLambdaARN").and_then(target);
                    let secret = schedule.get("SecretId").and_then(target);
                    // Secrets that an organisation's own template adds are not checked here.
                    let known = match secret.and_then(|secret| functions.get(secret)) {
                        Some(own) => function == Some(*own),
                        None => stack
                            .strategies()
                            .any(|one| function == Some(one.function())),
                    };
                    if !known {
                        let place = schedule.at("RotationLambdaARN");
                        found.add(place, "it is not the stack's function");
                    }
                }
            }),
        },
        Rule {
            id: "schedule-waits-for-permission",
            level: Level::Error,
            title: "A schedule depends on the permission that lets Secrets Manager invoke the function",
            why: "Secrets Manager invokes the function as soon as the schedule exists, and is refused if the permission does not exist yet.",
            remedy: "add the permission's logical ID to DependsOn",
            source: REFERENCE,
            check: Some(permissions),
        },
        Rule {
            id: "schedule-waits-for-policies",
            level: Level::Error,
            title: "A schedule depends on every policy that its rotation needs",
            why: "Secrets Manager invokes the function as soon as the schedule exists, and the function fails if a policy does not exist yet.",
            remedy: "add the policy's logical ID to DependsOn",
            source: REFERENCE,
            check: Some(policies),
        },
        Rule {
            id: "secret-without-schedule",
            level: Level::Error,
            title: "Every secret in the manifest has one schedule, or none if its first rotation is on request",
            why: "Without a schedule, it never rotates. With one, it rotates without a request.",
            remedy: "render the schedule, or remove the entry from the manifest",
            source: REFERENCE,
            check: Some(|stack, found| {
                let schedules = stack.template.of_type(SCHEDULE);
                let scheduled = schedules.filter_map(|one| target(one.get("SecretId")?));
                named(stack, scheduled, "schedule", found, |entry| {
                    usize::from(entry.first_rotation != FirstRotation::OnRequest)
                });
            }),
        },
        Rule {
            id: "unswept-secret",
            level: Level::Error,
            title: "One hourly rule sweeps each secret",
            why: "The function is not allowed to list secrets. The old key of a secret without a rule stays until the next rotation, and no metrics are written for it.",
            remedy: "add the secret to the input of one target of a rule with a schedule",
            source: "keyrota: the sweep",
            check: Some(|stack, found| {
                let swept = watched(stack, "Targets", "ScheduleExpression");
                once(stack, swept, "hourly rule", found);
            }),
        },
        Rule {
            id: "unwatched-secret",
            level: Level::Warning,
            title: "A rule for failed rotations covers each secret",
            why: "If a rotation does not invoke the function, only Secrets Manager reports the failure.",
            remedy: "add the secret to the event pattern of such a rule",
            source: "AWS Secrets Manager User Guide, cloudtrail_log_entries",
            check: Some(|stack, found| {
                let watched: HashSet<&str> =
                    watched(stack, "EventPattern", "EventPattern").collect();
                for secret in stack.entries.iter().filter_map(|entry| entry.secret) {
                    if !watched.contains(secret.id) {
                        found.add(secret.id, "no rule covers its failed rotations");
                    }
                }
            }),
        },
    ],
};

fn rules<'tree>(schedule: &Resource<'tree>, key: &str) -> Option<&'tree Value> {
    schedule.get("RotationRules")?.get(key)
}

fn expressions(stack: &Stack<'_>, found: &mut RuleFindings) {
    for schedule in stack.template.of_type(SCHEDULE) {
        let place = |key: &str| schedule.at(&format!("RotationRules.{key}"));
        let expression = rules(schedule, "ScheduleExpression");
        let days = rules(schedule, "AutomaticallyAfterDays");
        match (expression, days) {
            (Some(_), Some(_)) => found.add(
                place("AutomaticallyAfterDays"),
                "it excludes ScheduleExpression",
            ),
            (None, None) => found.add(place("ScheduleExpression"), "there is no schedule"),
            (None, Some(days)) => {
                if !days
                    .as_u64()
                    .is_some_and(|days| (1..=1_000).contains(&days))
                {
                    let message = "1 to 1,000 days are accepted";
                    found.add(place("AutomaticallyAfterDays"), message);
                }
            }
            (Some(expression), None) => {
                // The value of a reference is not known before deployment.
                if let Some(Err(why)) = literal(expression).map(Schedule::parse) {
                    found.add(place("ScheduleExpression"), why.to_string());
                }
            }
        }
    }
}

fn windows(stack: &Stack<'_>, found: &mut RuleFindings) {
    for schedule in stack.template.of_type(SCHEDULE) {
        let Some(window) = rules(schedule, "Duration").and_then(literal) else {
            continue;
        };
        let place = schedule.at("RotationRules.Duration");
        let hours = window.strip_suffix('h').filter(|hours| {
            !hours.is_empty() && hours.len() <= 2 && hours.bytes().all(|byte| byte.is_ascii_digit())
        });
        let Some(Ok(length)) = hours.map(|_| Duration::parse(window)) else {
            let message = format!("`{window}` is not a whole number of hours, such as 3h");
            found.add(place, message);
            continue;
        };
        let expression = rules(schedule, "ScheduleExpression").and_then(literal);
        if let Some(Ok(expression)) = expression.map(Schedule::parse)
            && let Err(why) = expression.check_window(length)
        {
            found.add(place, why);
        }
    }
}

fn permissions(stack: &Stack<'_>, found: &mut RuleFindings) {
    let permissions = stack.template.of_type("AWS::Lambda::Permission");
    let ours =
        permissions.filter(|one| one.text("Principal") == Some("secretsmanager.amazonaws.com"));
    let ours: HashSet<&str> = ours.map(|permission| permission.id).collect();
    for schedule in stack.template.of_type(SCHEDULE) {
        if !schedule.depends_on().any(|id| ours.contains(id)) {
            let message = "it does not depend on the permission";
            found.add(schedule.at("DependsOn"), message);
        }
    }
}

fn policies(stack: &Stack<'_>, found: &mut RuleFindings) {
    let schedules = stack.template.of_type(SCHEDULE);
    let schedules: HashMap<&str, &Resource<'_>> = schedules
        .filter_map(|one| Some((target(one.get("SecretId")?)?, one)))
        .collect();
    for strategy in stack.strategies() {
        policies_of(stack, strategy, &schedules, found);
    }
}

fn policies_of(
    stack: &Stack<'_>,
    strategy: Strategy,
    schedules: &HashMap<&str, &Resource<'_>>,
    found: &mut RuleFindings,
) {
    // The resources that a policy names determine what needs it: a secret, a user, or every
    // rotation.
    let mut naming: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut always: Vec<&str> = Vec::new();
    for statement in stack.role_statements(strategy) {
        let policy = statement.document.resource.as_str();
        // An inline policy in the role exists as soon as the role does.
        if policy == strategy.role() {
            continue;
        }
        let every = |action: &String| {
            action.starts_with("logs:") || *action == "secretsmanager:GetRandomPassword"
        };
        if statement.actions.iter().any(every) {
            always.push(policy);
        }
        let contexts = statement.narrowed("kms:EncryptionContext:SecretARN");
        for arn in statement
            .resources
            .iter()
            .map(String::as_str)
            .chain(contexts)
        {
            naming.entry(arn).or_default().push(policy);
        }
    }
    let mut own: HashMap<&str, Vec<&str>> = HashMap::new();
    for policy in stack.template.of_type("AWS::IAM::UserPolicy") {
        for user in holders(policy) {
            own.entry(user).or_default().push(policy.id);
        }
    }
    let mine = stack.entries.iter();
    for entry in mine.filter(|entry| entry.strategy() == strategy) {
        let schedule = entry.secret.and_then(|secret| schedules.get(secret.id));
        let Some(schedule) = schedule else { continue };
        let (arns, users) = needs(stack, entry);
        let named = arns.iter().filter_map(|arn| naming.get(arn.as_str()));
        let own = users.iter().filter_map(|user| own.get(user.as_str()));
        let needed: HashSet<&str> = named.chain(own).flatten().chain(&always).copied().collect();
        let waits: HashSet<&str> = schedule.depends_on().collect();
        let mut missing: Vec<&str> = needed.difference(&waits).copied().collect();
        missing.sort_unstable();
        for policy in missing {
            let message = format!("it does not depend on {policy}");
            found.add(schedule.at("DependsOn"), message);
        }
    }
}

/// Returns the ARNs that an entry's rotation needs, and the users whose own policies it needs.
fn needs(stack: &Stack<'_>, entry: &Entry<'_>) -> (Vec<String>, Vec<String>) {
    let resolver = stack.resolver();
    let mut arns = vec![resolver.secret_arn(entry.served.secret.as_str())];
    let mut users = Vec::new();
    arns.extend(entry.served.administrator().map(|secret| match secret {
        SecretReference::Arn(arn) => arn.to_string(),
        SecretReference::Name(name) => resolver.secret_arn(name.as_str()),
    }));
    if let Some(key) = entry.served.as_access_key() {
        match key.rotate_as {
            RotateAs::Itself => users.extend([
                key.kind.user.to_string(),
                crate::render::user_logical_id(key.kind),
            ]),
            RotateAs::Role => arns.push(resolver.iam_arn(&key.kind.user_resource())),
            RotateAs::Administrator(_) => {}
        }
    }
    (arns, users)
}

/// Returns the secrets that rules name in a property. Only the rules that satisfy `with` count.
fn watched<'all>(
    stack: &'all Stack<'_>,
    property: &'all str,
    with: &'all str,
) -> impl Iterator<Item = &'all str> {
    let references = stack.template.references.iter();
    let named = references.filter(move |one| one.from.property == property);
    let ours = named.filter(move |one| {
        let rule = one.within.map(|index| &stack.template.resources[index]);
        rule.is_some_and(|rule| {
            // The rules of `notify` say nothing of a rotation that fails.
            rule.kind == "AWS::Events::Rule"
                && rule.get(with).is_some()
                && !rule.id.starts_with(NOTIFY_RULE)
        })
    });
    ours.map(|one| one.target)
}

/// Checks that each secret in the manifest has exactly one of something.
fn once<'all>(
    stack: &'all Stack<'_>,
    names: impl Iterator<Item = &'all str>,
    what: &str,
    found: &mut RuleFindings,
) {
    named(stack, names, what, found, |_| 1);
}

/// Checks that each secret in the manifest has as many of something as its entry wants.
fn named<'all>(
    stack: &'all Stack<'_>,
    names: impl Iterator<Item = &'all str>,
    what: &str,
    found: &mut RuleFindings,
    wanted: impl Fn(&model::Entry) -> usize,
) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for id in names {
        *counts.entry(id).or_default() += 1;
    }
    for entry in &stack.entries {
        let Some(secret) = entry.secret else {
            continue;
        };
        match counts.get(secret.id).copied().unwrap_or_default() {
            count if count == wanted(entry.served) => {}
            0 => found.add(secret.id, format!("no {what} names it")),
            1 => found.add(secret.id, format!("a {what} names it")),
            more => found.add(secret.id, format!("{more} {what}s name it")),
        }
    }
}
