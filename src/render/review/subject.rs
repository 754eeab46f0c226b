//! Describes in words who may do something.

use super::prose::{self, LISTED, Prose};
use crate::render::statement::Principal;
use crate::render::{Strategy, arn};

/// The resource or principal that a document is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A function's role, for the permissions of the function.
    Function(Strategy),
    /// Users, by their names.
    Users(Vec<String>),
    /// The deployer.
    Deployer,
    /// The principal that administers the StackSet.
    Administrator,
    /// A function's role, for its trust policy.
    Trust(Strategy),
    /// A KMS key.
    Key(String),
    /// A secret.
    Secret,
    /// A topic.
    Topic,
    /// A function, for the permissions to invoke it.
    Started(Strategy),
    /// The bucket for the function's code.
    Bucket,
    /// A resource of a type that only overlay templates use, by its logical ID.
    Other(String),
}

impl Holder {
    /// Returns whether a person or a pipeline attaches the policy to itself.
    pub fn is_a_person(&self) -> bool {
        matches!(self, Self::Deployer | Self::Administrator)
    }
}

/// Returns the subject of a sentence about this policy.
pub fn phrase(holder: &Holder, principals: &[Principal], account: &str) -> Prose {
    match holder {
        Holder::Function(strategy) => Prose::words(function(*strategy)),
        Holder::Deployer => Prose::words("the deployer"),
        Holder::Administrator => Prose::words("the administrator of the StackSet"),
        Holder::Users(names) => users(names),
        _ if principals.is_empty() => Prose::words("a principal with this policy"),
        _ => {
            let all = principals.iter().map(|one| principal(one, account));
            prose::list(all, "and")
        }
    }
}

/// Returns the words for a function.
pub const fn function(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::AccessKeys => "the rotation function",
        Strategy::Databases => "the database rotation function",
        Strategy::Services => "the service rotation function",
        Strategy::ServicesOutside => "the service rotation function outside the network",
    }
}

/// Returns the strategy whose function's role has this ARN, if it is a role of the stack.
pub fn role_of(resource: &str) -> Option<Strategy> {
    let name = resource.rsplit('/').next()?;
    let id = name.strip_prefix("${")?.strip_suffix('}')?;
    Strategy::ALL.into_iter().find(|one| one.role() == id)
}

fn users(names: &[String]) -> Prose {
    match names {
        [one] => Prose::words("the user ").code(one),
        few if few.len() <= LISTED => {
            let names = few.iter().map(Prose::name);
            Prose::words("each of the users ").then(prose::list(names, "and"))
        }
        more => Prose::words(format!("each of {} users", prose::number(more.len()))),
    }
}

/// Returns whether the principal is an entire account.
pub fn is_root(principal: &Principal) -> bool {
    matches!(principal, Principal::Aws(arn) if arn.ends_with(":root"))
}

/// Returns a principal in words. A principal in another account is marked as such.
pub fn principal(principal: &Principal, account: &str) -> Prose {
    match principal {
        Principal::Anyone => Prose::words("anyone"),
        Principal::Service(name) => service(name),
        Principal::Other(kind, name) => Prose::words(format!("the {kind} principal ")).code(name),
        Principal::Aws(arn) => aws(arn, account),
    }
}

fn aws(arn: &str, account: &str) -> Prose {
    let Some([_, _, _, of, resource]) = arn::parts(arn) else {
        return Prose::name(arn);
    };
    if let Some(strategy) = role_of(resource) {
        return Prose::words(function(strategy));
    }
    let foreign = of != account && !of.starts_with("${");
    if resource == "root" {
        let whom = match foreign {
            true => Prose::words("account ").code(of),
            false => Prose::words("this account"),
        };
        return whom.say(" (principals that its IAM policies allow)");
    }
    let named = match resource.split_once('/') {
        Some((kind, name)) => Prose::words(format!("the {kind} ")).code(name),
        None => Prose::name(resource),
    };
    match foreign {
        true => named.say(" of account ").code(of),
        false => named,
    }
}

/// Returns an AWS service in words.
pub fn service(name: &str) -> Prose {
    match name {
        "cloudformation.amazonaws.com" => Prose::words("CloudFormation"),
        "lambda.amazonaws.com" => Prose::words("Lambda"),
        "secretsmanager.amazonaws.com" => Prose::words("Secrets Manager"),
        "events.amazonaws.com" => Prose::words("EventBridge"),
        "cloudwatch.amazonaws.com" => Prose::words("CloudWatch"),
        "sns.amazonaws.com" => Prose::words("SNS"),
        other if other.starts_with("logs.") => Prose::words("CloudWatch Logs"),
        other => Prose::words("the service ").code(other),
    }
}
