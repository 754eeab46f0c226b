//! Reads the functions' logs once for all secrets whose rotation waits for a message.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Context;
use crate::port::{self, LogEvent};

/// Reads each log group at most once per polling interval, regardless of the number of rotations: CloudWatch Logs allows five `FilterLogEvents` a second in an account and Region
/// (`AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html`).
#[derive(Debug, Default)]
pub struct LogReader {
    groups: RefCell<BTreeMap<String, Reading>>,
    is_reading: Cell<bool>,
}

/// The result of reading a log group.
#[derive(Debug)]
struct Reading {
    /// When it was read.
    at: Timestamp,
    /// The start of the time range.
    since: Timestamp,
    events: Vec<LogEvent>,
}

impl LogReader {
    /// Returns the messages of a log group since a time. While another task reads the logs,
    /// these are the messages that were read before.
    ///
    /// # Errors
    ///
    /// Returns the call that was refused.
    pub(super) async fn messages(
        &self,
        context: &Context<'_>,
        group: &str,
        since: Timestamp,
    ) -> port::Result<Vec<String>> {
        if let Some(from) = self.due(context, group, since) {
            let turn = Turn::begin(&self.is_reading);
            let reading = Reading {
                at: context.clock.now(),
                since: from,
                events: context.cloud.log_events(group, from).await?,
            };
            drop(turn);
            self.groups.borrow_mut().insert(group.to_owned(), reading);
        }
        let groups = self.groups.borrow();
        let events = groups.get(group).map_or(&[][..], |read| &read.events);
        // CloudWatch Logs counts in milliseconds.
        let since = since.as_millisecond();
        let events = events
            .iter()
            .filter(|event| event.at.as_millisecond() >= since);
        Ok(events.map(|event| event.message.clone()).collect())
    }

    /// Returns the start of the time range for which a log group must be read, or `None` if it was read
    /// within the polling interval or is being read.
    fn due(&self, context: &Context<'_>, group: &str, since: Timestamp) -> Option<Timestamp> {
        if self.is_reading.get() {
            return None;
        }
        let groups = self.groups.borrow();
        let Some(read) = groups.get(group) else {
            return Some(since);
        };
        let is_fresh = read.since <= since && context.waited(read.at) < context.pace.poll;
        (!is_fresh).then(|| since.min(read.since))
    }
}

/// Marks that a task is reading, until it is dropped.
struct Turn<'a>(&'a Cell<bool>);

impl<'a> Turn<'a> {
    fn begin(is_reading: &'a Cell<bool>) -> Self {
        is_reading.set(true);
        Self(is_reading)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
