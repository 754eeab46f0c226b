//! What a command is doing, as a tree: the stacks with their resources, and the secrets whose
//! credentials are rotated and verified, each with its time.

use std::time::Duration;

use super::super::human::elapsed;
use super::super::tree::{Row, draw};
use crate::port::Stage;

/// The type of a stack in its own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// A resource of a stack, a stack, or a secret.
#[derive(Clone, Debug)]
struct Node {
    depth: usize,
    name: String,
    kind: String,
    status: String,
    began: Duration,
    /// When it ended, if it has.
    ended: Option<Duration>,
}

impl Node {
    fn row(&self, now: Duration) -> Row {
        let took = elapsed(self.ended.unwrap_or(now).saturating_sub(self.began));
        let cells = [&self.name, &self.kind, &self.status, &took];
        Row::new(self.depth, cells.into_iter().cloned().collect())
    }
}

/// The tree. All times are since the start of the program.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    stage: Option<(String, Duration)>,
    /// Each stack is followed by its resources.
    stacks: Vec<Node>,
    secrets: Vec<Node>,
}

impl Activity {
    /// Sets the stage, and the secret's state if it concerns one.
    pub(super) fn stage(&mut self, text: &str, stage: &Stage, now: Duration) {
        if self.stage.as_ref().is_none_or(|(held, _)| held != text) {
            self.stage = Some((text.to_owned(), now));
        }
        let (name, status, ended) = match stage {
            Stage::Rotating(name) => (name, "rotating", None),
            Stage::AwaitingKey(name) => (name, "waiting for IAM", None),
            Stage::Verifying(name) => (name, "verifying", None),
            Stage::Verified(name) => (name, "verified", Some(now)),
            _ => return,
        };
        let index = self.secrets.iter().position(|node| node.name == *name);
        let node = match index {
            Some(index) => &mut self.secrets[index],
            None => {
                self.secrets.push(Node {
                    depth: 0,
                    name: name.clone(),
                    kind: "credential".to_owned(),
                    status: String::new(),
                    began: now,
                    ended: None,
                });
                self.secrets.last_mut().expect("one was added")
            }
        };
        if node.ended.is_some() && ended.is_none() {
            node.began = now;
        }
        (node.status, node.ended) = (status.to_owned(), ended);
    }

    /// Changes the text of the stage, which goes on.
    pub(super) fn retitle(&mut self, text: &str) {
        if let Some((held, _)) = &mut self.stage {
            text.clone_into(held);
        }
    }

    /// Sets the status of a stack or of one of its resources.
    pub(super) fn resource(&mut self, name: &str, kind: &str, status: &str, now: Duration) {
        let depth = usize::from(kind != STACK);
        // The events of a stack's resources follow one of the stack itself.
        let within = match depth {
            0 => 0,
            _ => {
                let stack = self.stacks.iter().rposition(|node| node.depth == 0);
                stack.map_or(0, |index| index + 1)
            }
        };
        let known = self.stacks[within..].iter_mut();
        let known = known
            .into_iter()
            .find(|node| (node.depth, &*node.name) == (depth, name));
        let ended = (!status.ends_with("_IN_PROGRESS")).then_some(now);
        match known {
            Some(node) => {
                if node.ended.is_some() && ended.is_none() {
                    node.began = now;
                }
                (node.status, node.ended) = (status.to_owned(), ended);
            }
            None => self.stacks.push(Node {
                depth,
                name: name.to_owned(),
                kind: kind.to_owned(),
                status: status.to_owned(),
                began: now,
                ended,
            }),
        }
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
        let nodes: Vec<&Node> = self.stacks.iter().chain(&self.secrets).collect();
        let excess = match nodes.len() > height {
            true => nodes.len() + 1 - height,
            false => 0,
        };
        let mut left_out = 0;
        let mut kept = Vec::new();
        for node in nodes {
            let may_go = node.depth > 0 || node.kind == "credential";
            if left_out < excess && may_go && node.ended.is_some() && !has_failed(&node.status) {
                left_out += 1;
            } else {
                kept.push(node);
            }
        }
        let rows: Vec<Row> = kept.iter().map(|node| node.row(now)).collect();
        let mut lines = draw(&rows, width);
        if left_out > 0 {
            lines.truncate(height.saturating_sub(1));
            lines.push(format!("… and {left_out} that have ended"));
        }
        lines.truncate(height);
        lines
    }

    /// Returns the whole tree as it is at the end, and begins a new one.
    pub(super) fn end(&mut self, now: Duration, width: usize) -> Vec<String> {
        for node in self.stacks.iter_mut().chain(&mut self.secrets) {
            if node.ended.is_none() {
                node.status.push_str(" (not ended)");
            }
        }
        let lines = self.lines(now, width, usize::MAX);
        *self = Self::default();
        lines
    }
}

fn has_failed(status: &str) -> bool {
    status.ends_with("_FAILED")
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
        let expected = [
            "keys      AWS::CloudFormation::Stack  CREATE_IN_PROGRESS  2s",
            "└─ Topic  AWS::SNS::Topic             CREATE_IN_PROGRESS  1s",
        ];
        let lines = activity.lines(at(4), 80, 2);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], expected[0]);
        assert_eq!(lines[1], "… and 1 that have ended");
        activity.resource("Rule", "AWS::Events::Rule", "CREATE_FAILED", at(5));
        let lines = activity.lines(at(6), 80, 4);
        assert!(lines.iter().any(|line| line.contains("CREATE_FAILED")));
        assert_eq!(lines.len(), 4, "{lines:?}");
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
    fn a_credential_goes_from_rotating_to_verified_in_one_row() {
        let mut activity = Activity::default();
        let name = "prod/app".to_owned();
        activity.stage("Rotating", &Stage::Rotating(name.clone()), at(1));
        activity.stage("Verifying", &Stage::Verifying(name.clone()), at(9));
        assert_eq!(
            activity.lines(at(10), 80, 5),
            ["prod/app  credential  verifying  9s"]
        );
        activity.stage("Verified", &Stage::Verified(name), at(12));
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
