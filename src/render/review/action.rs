//! Describes in words what an action allows. Several actions may share a phrase if they are
//! parts of one task ("look at"). An action without a phrase appears under its own name.
//! `actions.txt` has a row for each action.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What the page says about an action.
#[derive(Debug, PartialEq, Eq)]
struct Action {
    words: Option<ActionPhrase>,
    risk: Option<&'static str>,
    is_unscoped: bool,
}

/// The phrase for one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionPhrase {
    /// The verbs, such as "delete".
    pub verbs: Vec<&'static str>,
    /// The part of the resource, such as "access keys of". Empty for the resource itself.
    pub part: &'static str,
}

/// The actions by their names.
static ACTIONS: LazyLock<HashMap<&str, Action>> = LazyLock::new(|| {
    let lines = include_str!("actions.txt").lines();
    let rows = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(row).collect()
});

fn row(line: &'static str) -> (&'static str, Action) {
    let mut cells = line.split('|').map(str::trim);
    let mut cell = || cells.next().unwrap_or_default();
    let (name, verbs, part, risk, scope) = (cell(), cell(), cell(), cell(), cell());
    let words = || ActionPhrase {
        verbs: verbs.split(" + ").collect(),
        part,
    };
    let action = Action {
        words: (!verbs.is_empty()).then(words),
        risk: (!risk.is_empty()).then_some(risk),
        is_unscoped: scope == "all",
    };
    (name, action)
}

fn find(action: &str) -> Option<&'static Action> {
    let of_every_service = || {
        let (_, name) = action.split_once(':')?;
        ACTIONS.get(format!("*:{name}").as_str())
    };
    ACTIONS.get(action).or_else(of_every_service)
}

/// Returns the phrase for an action, if there is one.
pub fn words(action: &str) -> Option<&'static ActionPhrase> {
    find(action)?.words.as_ref()
}

/// Returns the risk of an allowed action, which a reader looks for first.
pub fn risk(action: &str) -> Option<&'static str> {
    let any = action.ends_with('*').then_some("any action");
    find(action).and_then(|action| action.risk).or(any)
}

/// Returns whether IAM supports the action only on all resources.
pub fn is_unscoped(action: &str) -> bool {
    find(action).is_some_and(|action| action.is_unscoped)
}

/// Returns whether Lambda carries out the action for a function in a VPC.
pub fn is_of_network(action: &str) -> bool {
    action.starts_with("ec2:") && action.ends_with("NetworkInterface")
}

/// Returns a verb's position in a sentence: verbs that only read come first, and verbs that
/// remove come last.
pub fn rank(verb: &str) -> usize {
    const FIRST: [&str; 6] = [
        "describe",
        "list",
        "list what is in",
        "see",
        "read",
        "write",
    ];
    const LAST: [&str; 4] = ["cancel", "detach", "stop", "delete"];
    let begins = |words: &[&str]| words.iter().rposition(|word| verb.starts_with(word));
    match (begins(&FIRST), begins(&LAST)) {
        (Some(place), _) => place,
        (None, Some(place)) => 20 + place,
        (None, None) => 10,
    }
}
