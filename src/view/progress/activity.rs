//! What a command is doing, as a tree: the stacks with their resources, and the secrets whose
//! credentials are rotated and verified, each with its time.

use std::time::Duration;

use super::super::human::elapsed;
use super::super::tree::{Row, draw};
use crate::port::Stage;

/// The type of a stack in its own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// What the row of a secret is about.
const CREDENTIAL: &str = "credential";

/// A stack, a resource, or a secret.
#[derive(Clone, Debug)]
struct Node {
    name: String,
    kind: String,
    status: String,
    began: Duration,
    /// When it ended, if it has.
    ended: Option<Duration>,
}

impl Node {
    fn new(name: &str, kind: &str, now: Duration) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            status: String::new(),
            began: now,
            ended: None,
        }
    }

    /// Sets the status. What begins again has a time of its own.
    fn set(&mut self, status: &str, has_ended: bool, now: Duration) {
        if self.ended.is_some() && !has_ended {
            self.began = now;
        }
        status.clone_into(&mut self.status);
        self.ended = has_ended.then_some(now);
    }

    fn row(&self, depth: usize, now: Duration) -> Row {
        let took = elapsed(self.ended.unwrap_or(now).saturating_sub(self.began));
        let cells = [&self.name, &self.kind, &self.status, &took];
        Row::new(depth, cells.into_iter().cloned().collect())
    }
}

/// Returns the node with this name, which is added if there is none.
fn node<'a>(nodes: &'a mut Vec<Node>, name: &str, kind: &str, now: Duration) -> &'a mut Node {
    let known = nodes.iter().position(|node| node.name == name);
    let index = known.unwrap_or_else(|| {
        nodes.push(Node::new(name, kind, now));
        nodes.len() - 1
    });
    &mut nodes[index]
}

/// A stack with its resources.
#[derive(Clone, Debug, Default)]
struct Stack {
    /// The stack itself, once it has had an event.
    itself: Vec<Node>,
    resources: Vec<Node>,
}

/// The tree. All times are since the start of the program.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    stage: Option<(String, Duration)>,
    stacks: Vec<Stack>,
    /// The index of the stack whose events arrive: those of its resources do not name it.
    current: usize,
    secrets: Vec<Node>,
}

impl Activity {
    /// Sets the stage, and the secret's state if it concerns one.
    pub(super) fn stage(&mut self, text: &str, stage: &Stage, now: Duration) {
        if self.stage.as_ref().is_none_or(|(held, _)| held != text) {
            self.stage = Some((text.to_owned(), now));
        }
        let (name, status) = match stage {
            Stage::Rotating(name) => (name, "rotating"),
            Stage::AwaitingKey(name) => (name, "waiting for IAM"),
            Stage::Verifying(name) => (name, "verifying"),
            _ => return,
        };
        node(&mut self.secrets, name, CREDENTIAL, now).set(status, false, now);
    }

    /// Sets that a secret's credential has authenticated.
    pub(super) fn verified(&mut self, secret: &str, now: Duration) {
        node(&mut self.secrets, secret, CREDENTIAL, now).set("verified", true, now);
    }

    /// Changes the text of the current stage.
    pub(super) fn retitle(&mut self, text: &str) {
        if let Some((held, _)) = &mut self.stage {
            text.clone_into(held);
        }
    }

    /// Sets the status of a stack or of one of its resources.
    pub(super) fn resource(&mut self, name: &str, kind: &str, status: &str, now: Duration) {
        let has_ended = !status.ends_with("_IN_PROGRESS");
        if kind == STACK {
            let is_it = |stack: &Stack| stack.itself.iter().all(|node| node.name == name);
            self.current = self
                .stacks
                .iter()
                .position(is_it)
                .unwrap_or(self.stacks.len());
        }
        if self.current == self.stacks.len() {
            self.stacks.push(Stack::default());
        }
        let stack = &mut self.stacks[self.current];
        let nodes = match kind == STACK {
            true => &mut stack.itself,
            false => &mut stack.resources,
        };
        node(nodes, name, kind, now).set(status, has_ended, now);
    }

    /// Returns the stage with its time.
    pub(super) fn title(&self, now: Duration) -> String {
        self.stage
            .as_ref()
            .map_or_else(String::new, |(text, began)| {
                format!("{text}  {}", elapsed(now.saturating_sub(*began)))
            })
    }

    /// Returns the tree in at most `height` lines. What has ended gives way to what has not.
    pub(super) fn lines(&self, now: Duration, width: usize, height: usize) -> Vec<String> {
        let stacks = self.stacks.iter().flat_map(|stack| {
            // Without the stack itself, nothing is above its resources.
            let depth = stack.itself.len();
            let itself = stack.itself.iter().map(|node| (0, node, false));
            let resources = stack.resources.iter();
            itself.chain(resources.map(move |node| (depth, node, has_ended_well(node))))
        });
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|node| (0, node, has_ended_well(node)));
        let mut nodes: Vec<(usize, &Node, bool)> = stacks.chain(secrets).collect();
        let count = nodes.len();
        if count > height {
            let mut excess = count + 1 - height;
            nodes.retain(|(_, _, may_go)| {
                let goes = *may_go && excess > 0;
                excess -= usize::from(goes);
                !goes
            });
            nodes.truncate(height.saturating_sub(1));
        }
        let rows: Vec<Row> = nodes
            .iter()
            .map(|(depth, node, _)| node.row(*depth, now))
            .collect();
        let mut lines = draw(&rows, width);
        if nodes.len() < count {
            lines.push(format!("… and {} more", count - nodes.len()));
        }
        lines
    }

    /// Returns the whole tree as it is at the end, and begins a new one.
    pub(super) fn end(&mut self, now: Duration, width: usize) -> Vec<String> {
        let stacks = self.stacks.iter_mut();
        let stacks = stacks.flat_map(|stack| stack.itself.iter_mut().chain(&mut stack.resources));
        for node in stacks.chain(&mut self.secrets) {
            if node.ended.is_none() {
                node.status.push_str(" (not ended)");
            }
        }
        let lines = self.lines(now, width, usize::MAX);
        *self = Self::default();
        lines
    }
}

fn has_ended_well(node: &Node) -> bool {
    node.ended.is_some() && !node.status.ends_with("_FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn deployed() -> Activity {
        let mut activity = Activity::default();
        activity.stage("Waiting for CloudFormation", &Stage::Deploying, at(1));
        for (name, kind, status, seconds) in [
            ("keys", STACK, "CREATE_IN_PROGRESS", 2),
            ("Role", "AWS::IAM::Role", "CREATE_IN_PROGRESS", 3),
            ("Topic", "AWS::SNS::Topic", "CREATE_IN_PROGRESS", 3),
            ("Role", "AWS::IAM::Role", "CREATE_COMPLETE", 20),
        ] {
            activity.resource(name, kind, status, at(seconds));
        }
        activity
    }

    #[test]
    fn each_resource_has_its_status_and_its_time() {
        let activity = deployed();
        assert_eq!(activity.title(at(70)), "Waiting for CloudFormation  1m 09s");
        let expected = [
            "keys      AWS::CloudFormation::Stack  CREATE_IN_PROGRESS  1m 08s",
            "├─ Role   AWS::IAM::Role              CREATE_COMPLETE     17s",
            "└─ Topic  AWS::SNS::Topic             CREATE_IN_PROGRESS  1m 07s",
        ];
        assert_eq!(activity.lines(at(70), 80, 10), expected);
    }

    #[test]
    fn what_has_ended_gives_way_and_what_failed_does_not() {
        let mut activity = deployed();
        activity.resource("Key", "AWS::KMS::Key", "CREATE_COMPLETE", at(21));
        activity.resource("Rule", "AWS::Events::Rule", "CREATE_FAILED", at(22));
        assert_eq!(activity.lines(at(23), 80, 5).len(), 5);
        let expected = [
            "keys      AWS::CloudFormation::Stack  CREATE_IN_PROGRESS  21s",
            "├─ Topic  AWS::SNS::Topic             CREATE_IN_PROGRESS  20s",
            "└─ Rule   AWS::Events::Rule           CREATE_FAILED       0s",
            "… and 2 more",
        ];
        assert_eq!(activity.lines(at(23), 80, 4), expected);
        // What is still too much is not left out in silence.
        let lines = activity.lines(at(23), 80, 2);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], "… and 4 more");
    }

    #[test]
    fn a_second_operation_on_a_resource_begins_its_time_again() {
        let mut activity = deployed();
        activity.resource("Role", "AWS::IAM::Role", "UPDATE_IN_PROGRESS", at(30));
        let lines = activity.lines(at(34), 80, 10);
        assert!(lines[1].ends_with("UPDATE_IN_PROGRESS  4s"), "{lines:?}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn the_resources_of_another_stack_hang_below_it() {
        let mut activity = deployed();
        activity.resource("keys", STACK, "CREATE_COMPLETE", at(40));
        activity.resource("keys-1", STACK, "CREATE_IN_PROGRESS", at(41));
        activity.resource("Role", "AWS::IAM::Role", "CREATE_IN_PROGRESS", at(42));
        let lines = activity.lines(at(43), 80, 10);
        assert!(lines[3].starts_with("keys-1 "), "{lines:?}");
        assert!(lines[4].starts_with("└─ Role "), "{lines:?}");
        assert!(lines[4].ends_with("CREATE_IN_PROGRESS  1s"), "{lines:?}");
    }

    #[test]
    fn a_stack_whose_events_come_again_has_its_own_resources() {
        let mut activity = deployed();
        activity.resource("keys-1", STACK, "CREATE_COMPLETE", at(41));
        activity.resource("keys", STACK, "UPDATE_IN_PROGRESS", at(50));
        activity.resource("Rule", "AWS::Events::Rule", "CREATE_IN_PROGRESS", at(51));
        let lines = activity.lines(at(52), 80, 10);
        assert!(lines[3].starts_with("└─ Rule "), "{lines:?}");
        assert!(lines[4].starts_with("keys-1 "), "{lines:?}");
    }

    #[test]
    fn resources_whose_stack_has_had_no_event_are_shown() {
        let mut activity = Activity::default();
        activity.resource("Rule", "AWS::Events::Rule", "CREATE_IN_PROGRESS", at(1));
        assert!(activity.lines(at(2), 80, 10)[0].starts_with("Rule "));
    }

    #[test]
    fn a_credential_goes_from_rotating_to_verified_in_one_row() {
        let mut activity = Activity::default();
        let name = "prod/app".to_owned();
        activity.stage("Rotating", &Stage::Rotating(name.clone()), at(1));
        activity.stage("Verifying", &Stage::Verifying(name.clone()), at(9));
        assert_eq!(
            activity.lines(at(10), 80, 5),
            ["prod/app  credential  verifying  9s"]
        );
        activity.verified(&name, at(12));
        assert_eq!(
            activity.lines(at(99), 80, 5),
            ["prod/app  credential  verified  11s"]
        );
    }

    #[test]
    fn the_end_says_what_has_not_ended_and_begins_anew() {
        let mut activity = deployed();
        let lines = activity.end(at(60), 100);
        assert!(lines[1].contains("CREATE_COMPLETE "), "{lines:?}");
        assert!(
            lines[2].contains("CREATE_IN_PROGRESS (not ended)"),
            "{lines:?}"
        );
        assert!(activity.end(at(61), 100).is_empty());
    }
}
