//! Progress on stderr: a live tree on a terminal, and plain lines elsewhere.

mod activity;

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use self::activity::Activity;
use super::text::{self, Styling as _, paragraph, visible};
use crate::port::{Event, Listener, Stage};

/// How much progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Volume {
    Quiet,
    Normal,
    Verbose,
}

/// Draws events on stderr.
pub struct Progress {
    volume: Volume,
    live: Option<Live>,
    last: RefCell<Option<String>>,
}

impl Progress {
    /// Returns progress that is `quiet` (only warnings), `verbose` (also the first events of
    /// each resource and the output of tools), or in between.
    pub fn new(quiet: bool, verbose: bool) -> Self {
        let volume = match (quiet, verbose) {
            (true, _) => Volume::Quiet,
            (false, true) => Volume::Verbose,
            (false, false) => Volume::Normal,
        };
        let moving = volume == Volume::Normal && text::stderr_is_terminal();
        Self {
            volume,
            live: moving.then(Live::new),
            last: RefCell::new(None),
        }
    }

    /// Returns the last activity, for the message about an interruption.
    pub fn last(&self) -> Option<String> {
        self.last.borrow().clone()
    }

    /// Leaves the tree as it is at the end, before other output.
    pub fn finish(&self) {
        if let Some(live) = &self.live {
            live.end();
        }
    }

    fn line(&self, text: &str) {
        let write = || text::write_err(&format!("{}\n", paragraph(text)));
        match &self.live {
            Some(live) => live.around(write),
            None => write(),
        }
    }

    fn resource(&self, name: &str, kind: &str, status: &str, reason: Option<String>) {
        if let Some(live) = &self.live {
            live.show(|activity, now| activity.resource(name, kind, status, now));
            // The tree has no place for the reason of a failure.
            if let Some(reason) = reason.filter(|_| status.ends_with("_FAILED")) {
                self.line(&format!("  {status:<18} {name} ({kind}): {reason}"));
            }
            return;
        }
        let ended = !status.ends_with("_IN_PROGRESS");
        let told = match self.volume {
            Volume::Quiet => false,
            Volume::Normal => ended,
            Volume::Verbose => true,
        };
        if told {
            let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
            self.line(&format!("  {status:<18} {name} ({kind}){reason}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Listener for Progress {
    fn on(&self, event: Event) {
        match event {
            Event::Stage(stage) => {
                let text = describe(&stage);
                match &self.live {
                    Some(live) => live.show(|activity, now| {
                        activity.stage(&visible(&text), &stage, now);
                    }),
                    None if self.volume > Volume::Quiet => self.line(&text),
                    None => {}
                }
                *self.last.borrow_mut() = Some(text);
            }
            Event::Verified(secret) => match &self.live {
                Some(live) => live.show(|activity, now| activity.verified(&secret, now)),
                None if self.volume > Volume::Quiet => {
                    self.line(&format!("  {secret}: the credential authenticates"));
                }
                None => {}
            },
            Event::Warning(text) => self.line(&format!("{} {text}", "warning:".yellow().bold())),
            Event::Done(text) if self.volume > Volume::Quiet => self.line(&format!("  {text}")),
            Event::Output(text) if self.volume == Volume::Verbose => {
                self.line(&format!("  {}", text.dimmed()));
            }
            Event::Output(text) => {
                if let Some(live) = &self.live
                    && let Some(last) = self.last.borrow().as_deref()
                {
                    live.show(|activity, _| {
                        activity.retitle(&visible(&format!("{last}: {}", text.trim())));
                    });
                }
            }
            Event::Resource {
                logical_id,
                kind,
                status,
                reason,
            } => self.resource(&logical_id, &kind, &status, reason),
            Event::Done(_) => {}
        }
    }
}

/// The part of a terminal that is drawn again and again.
struct Live {
    activity: Arc<Mutex<Activity>>,
    began: Instant,
    /// What draws it, from the first event to the end of the tree: a prompt may follow, and then
    /// other events.
    bar: RefCell<Option<ProgressBar>>,
}

/// The lines of a terminal that are not the tree's: the stage, and what was printed last.
const OTHER_LINES: usize = 3;

impl Live {
    fn new() -> Self {
        Self {
            activity: Arc::default(),
            began: Instant::now(),
            bar: RefCell::new(None),
        }
    }

    fn bar(&self) -> ProgressBar {
        let (began, activity) = (self.began, Arc::clone(&self.activity));
        let draw = move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
            let (height, width) = text::stderr_size();
            let (now, activity) = (began.elapsed(), lock(&activity));
            let title = activity.title(now);
            let title = console::truncate_str(&title, width.saturating_sub(3), "…");
            // An error of drawing could not be shown either.
            let _ = write!(to, "{title}");
            for line in activity.lines(now, width, height.saturating_sub(OTHER_LINES)) {
                let _ = write!(to, "\n{line}");
            }
        };
        let style = ProgressStyle::with_template("{spinner} {activity}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner();
        bar.set_style(style.with_key("activity", draw));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// Changes what is drawn.
    fn show(&self, change: impl FnOnce(&mut Activity, Duration)) {
        change(&mut lock(&self.activity), self.began.elapsed());
        self.bar.borrow_mut().get_or_insert_with(|| self.bar());
    }

    /// Writes lines above it.
    fn around(&self, write: impl FnOnce()) {
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
        let (_, width) = text::stderr_size();
        for line in lock(&self.activity).end(self.began.elapsed(), width) {
            text::write_err(&format!("{line}\n"));
        }
    }
}

/// Locks the activity. It is only read and replaced, so a panic elsewhere leaves it whole.
fn lock(activity: &Mutex<Activity>) -> MutexGuard<'_, Activity> {
    activity.lock().unwrap_or_else(PoisonError::into_inner)
}

fn describe(stage: &Stage) -> String {
    match stage {
        Stage::Checking => "Checking the account".into(),
        Stage::Building {
            function,
            architecture,
        } => format!("Building {function} for {architecture}"),
        Stage::PreparingSandbox => "Installing the local AWS (first run only)".into(),
        Stage::StartingSandbox => "Starting the local AWS".into(),
        Stage::Uploading => "Uploading the code".into(),
        Stage::Importing => "Importing what exists already".into(),
        Stage::Comparing => "Comparing with the deployed stack".into(),
        Stage::Deploying => "Waiting for CloudFormation".into(),
        Stage::DeletingInterfaces => {
            "Waiting for Lambda to delete the function's network interfaces, which can take up to 40 minutes".into()
        }
        Stage::DetectingDrift => "Comparing the resources with what was deployed".into(),
        Stage::RevertingDrift => "Restoring what was deployed".into(),
        Stage::Seeding => "Storing the first credentials".into(),
        Stage::Rotating(secret) => format!("Rotating {secret}"),
        Stage::Verifying(secret) => format!("Verifying the credential in {secret}"),
        Stage::Rehearsing(secret) => format!("Rehearsing the next rotation of {secret}"),
        Stage::AwaitingKey(secret) => format!("Waiting for IAM to list the new key in {secret}"),
        Stage::Removing => "Deleting the stack and its resources".into(),
        Stage::Surveying(what) => format!("Looking at {what}"),
    }
}
