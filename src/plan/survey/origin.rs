//! Where a key is used, as far as events in CloudTrail prove it.
//!
//! Only the user agent is evidence. AWS's SDKs and the AWS CLI add what the runtime environment
//! says about itself (`AWS_EXECUTION_ENV`, as `exec-env/…`), which Lambda and Amazon ECS set. Some
//! tools of CI systems add their own names.
//!
//! These are not evidence, because a client outside AWS can cause each of them:
//!
//! * the source address `AWS Internal` or the name of a service, and `invokedBy`: a service made
//!   the request on behalf of the user, wherever the user is,
//! * a private source address or the ID of a VPC endpoint: networks outside AWS reach VPC endpoints
//!   through AWS Direct Connect, VPN, and peering,
//! * an operating system, such as Amazon Linux, which runs anywhere,
//! * `exec-env/CloudShell`: a person.
//!
//! A user agent is what the client says about itself. Anyone who holds the key can send any.

use jiff::Timestamp;
use serde::Serialize;

use crate::port::TrailEvent;

/// What CloudTrail says about where a key is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was not asked.
    NotAsked,
    /// It could not be asked.
    Unavailable,
    /// It has no event of the key in the Region of its last use.
    NoEvents {
        /// That Region.
        region: String,
    },
    /// None of the events proves anything.
    Unproven {
        /// That Region.
        region: String,
        /// The number of events.
        events: usize,
    },
    /// An event proves it.
    Proven(OriginProof),
}

/// The newest event that proves where a key is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OriginProof {
    /// What uses the key, such as `AWS Lambda` or `GitHub Actions`.
    pub client: &'static str,
    /// What the client can use instead of a key.
    #[serde(skip)]
    pub remedy: Remedy,
    /// The event's ID.
    pub event_id: String,
    /// Its API action.
    pub event_name: String,
    /// When it happened.
    pub time: Timestamp,
    /// The Region in which CloudTrail recorded it.
    pub region: String,
    /// The part of the user agent that proves it.
    pub user_agent: String,
    /// The number of events that were looked at.
    pub events: usize,
    /// The number of these that do not prove anything. Another client may have made them.
    pub other_events: usize,
}

/// What a client can use instead of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The role of the compute service.
    ComputeRole,
    /// A role that trusts the OpenID Connect provider of the CI system.
    OpenIdConnect,
}

/// The values of `AWS_EXECUTION_ENV` begin with these.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const COMPUTE: [(&str, &str); 3] = [
    ("AWS_Lambda_", "AWS Lambda"),
    ("AWS_ECS_FARGATE", "AWS Fargate"),
    ("AWS_ECS_EC2", "Amazon ECS on Amazon EC2"),
];

/// Words in user agents of CI systems that can assume a role with OpenID Connect. The official
/// actions of AWS for GitHub end with `-for-github-actions`. An administrator can set the others
/// as the application ID of the SDKs (`AWS_SDK_UA_APP_ID`).
const CI: [(&str, &str); 8] = [
    ("github-actions", "GitHub Actions"),
    ("gitlab-ci", "GitLab CI"),
    ("gitlab-runner", "GitLab CI"),
    ("bitbucket-pipelines", "Bitbucket Pipelines"),
    ("circleci", "CircleCI"),
    ("buildkite", "Buildkite"),
    ("azure-pipelines", "Azure Pipelines"),
    ("azure-devops", "Azure Pipelines"),
];

/// What a function that rotates a user's key with that key calls. It says where the rotation runs,
/// and not where the clients of the key do.
const ROTATION: [&str; 7] = [
    "CreateAccessKey",
    "DeleteAccessKey",
    "GetAccessKeyLastUsed",
    "GetCallerIdentity",
    "GetUser",
    "ListAccessKeys",
    "UpdateAccessKey",
];

/// Returns what the events of a key in a Region prove.
pub fn origin(region: &str, events: &[TrailEvent]) -> Origin {
    if events.is_empty() {
        return Origin::NoEvents {
            region: region.to_owned(),
        };
    }
    let proven: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event, client(event)?)))
        .collect();
    let newest = proven.iter().max_by_key(|(event, _)| event.at);
    let Some((event, client)) = newest else {
        return Origin::Unproven {
            region: region.to_owned(),
            events: events.len(),
        };
    };
    Origin::Proven(OriginProof {
        client: client.name,
        remedy: client.remedy,
        event_id: event.id.clone(),
        event_name: event.action.clone(),
        time: event.at,
        region: region.to_owned(),
        user_agent: client.word.to_owned(),
        events: events.len(),
        other_events: events.len() - proven.len(),
    })
}

struct Client<'a> {
    name: &'static str,
    remedy: Remedy,
    word: &'a str,
}

/// Returns the client that made a request, if its user agent proves one.
fn client(event: &TrailEvent) -> Option<Client<'_>> {
    // The user agent is that of the service.
    if event.invoked_by.is_some() {
        return None;
    }
    compute(event).or_else(|| ci(event))
}

fn compute(event: &TrailEvent) -> Option<Client<'_>> {
    if ROTATION.contains(&event.action.as_str()) {
        return None;
    }
    words(&event.user_agent).find_map(|word| {
        let environment = word.strip_prefix("exec-env/")?;
        let known = COMPUTE.iter().find(|(it, _)| environment.starts_with(it))?;
        Some(Client {
            name: known.1,
            remedy: Remedy::ComputeRole,
            word,
        })
    })
}

fn ci(event: &TrailEvent) -> Option<Client<'_>> {
    words(&event.user_agent).find_map(|word| {
        // An address, such as that of a tool's repository, says nothing about where it runs.
        if word.contains("://") {
            return None;
        }
        let products: Vec<String> = word.split('/').map(str::to_ascii_lowercase).collect();
        let known = CI.iter().find(|(name, _)| {
            products.iter().any(|product| {
                let before = product.strip_suffix(name);
                before.is_some_and(|before| before.is_empty() || before.ends_with('-'))
            })
        })?;
        Some(Client {
            name: known.1,
            remedy: Remedy::OpenIdConnect,
            word,
        })
    })
}

/// Returns the words of a user agent, without the brackets that CloudTrail and some tools add.
fn words(user_agent: &str) -> impl Iterator<Item = &str> {
    let between = |one: char| one.is_whitespace() || "[]();,".contains(one);
    user_agent.split(between).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, user_agent: &str) -> TrailEvent {
        TrailEvent {
            id: format!("id-{action}"),
            action: action.to_owned(),
            at: "2026-11-01T00:00:00Z".parse().unwrap(),
            user_agent: user_agent.to_owned(),
            invoked_by: None,
            ..TrailEvent::default()
        }
    }

    fn proven(action: &str, user_agent: &str) -> Option<&'static str> {
        match origin("eu-west-1", &[event(action, user_agent)]) {
            Origin::Proven(proof) => Some(proof.client),
            Origin::Unproven { events: 1, .. } => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_agent_proves_compute_and_ci() {
        for (user_agent, client) in [
            (
                "Boto3/1.34 md/Botocore#1.34 ua/2.0 os/linux lang/python#3.12 exec-env/AWS_Lambda_python3.12 Botocore/1.34",
                "AWS Lambda",
            ),
            (
                "[aws-sdk-java/2.20 Linux/5.10 exec-env/AWS_ECS_FARGATE]",
                "AWS Fargate",
            ),
            (
                "aws-sdk-go/1.44 (go1.19; linux; amd64) exec-env/AWS_ECS_EC2",
                "Amazon ECS on Amazon EC2",
            ),
            (
                "aws-sdk-js/3.398.0 ua/2.0 os/linux lang/js configure-aws-credentials-for-github-actions",
                "GitHub Actions",
            ),
            ("aws-cli/2.15 app/gitlab-ci", "GitLab CI"),
            ("aws-cli/2.15 app/my-GitLab-Runner", "GitLab CI"),
            (
                "aws-cli/2.15 app/bitbucket-pipelines",
                "Bitbucket Pipelines",
            ),
            ("CircleCI", "CircleCI"),
        ] {
            assert_eq!(
                proven("PutParameter", user_agent),
                Some(client),
                "{user_agent}"
            );
        }
    }

    #[test]
    fn what_any_client_can_cause_proves_nothing() {
        for user_agent in [
            "",
            "AWS Internal",
            "cloudformation.amazonaws.com",
            "aws-internal/3 aws-sdk-java/1.12",
            "aws-cli/2.15 Python/3.11 Linux/5.10.205-195.amzn2.x86_64 exe/x86_64",
            "aws-cli/2.15 exec-env/CloudShell",
            "aws-cli/2.15 exec-env/AWS_Lambdas",
            "tool/1.0 (+https://github.com/actions/github-actions)",
            "tool/1.0 (https://gitlab.com/acme/gitlab-ci)",
            "nogitlab-cid/1",
            "mycircleci/1",
        ] {
            assert_eq!(proven("PutParameter", user_agent), None, "{user_agent}");
        }
        let by_service = TrailEvent {
            invoked_by: Some("cloudformation.amazonaws.com".to_owned()),
            ..event("CreateBucket", "exec-env/AWS_Lambda_python3.12")
        };
        assert!(matches!(
            origin("eu-west-1", &[by_service]),
            Origin::Unproven { events: 1, .. }
        ));
    }

    #[test]
    fn a_rotation_in_lambda_says_nothing_about_the_clients() {
        let agent = "Boto3/1.34 exec-env/AWS_Lambda_python3.12";
        for action in ROTATION {
            assert_eq!(proven(action, agent), None, "{action}");
        }
        assert_eq!(proven("ListBuckets", agent), Some("AWS Lambda"));
        // The action for GitHub makes only this call itself.
        let action = "configure-aws-credentials-for-github-actions";
        assert_eq!(proven("GetCallerIdentity", action), Some("GitHub Actions"));
    }

    #[test]
    fn the_newest_proof_is_named_and_the_others_are_counted() {
        let lambda = "exec-env/AWS_Lambda_nodejs22.x";
        let at = |action: &str, user_agent: &str, at: &str| TrailEvent {
            at: at.parse().unwrap(),
            ..event(action, user_agent)
        };
        let events = [
            at("GetParameter", "aws-cli/2.15", "2026-11-20T00:00:00Z"),
            at("PutParameter", lambda, "2026-11-10T00:00:00Z"),
            at("DescribeParameters", lambda, "2026-11-15T00:00:00Z"),
        ];
        let Origin::Proven(proof) = origin("eu-west-1", &events) else {
            panic!("nothing is proven");
        };
        assert_eq!(proof.event_name, "DescribeParameters");
        assert_eq!((proof.events, proof.other_events), (3, 1));
        assert_eq!(proof.user_agent, lambda);
        assert!(matches!(origin("r", &[]), Origin::NoEvents { .. }));
    }
}
