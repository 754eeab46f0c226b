//! Looks up what `keyrota init` prompts with: the account ID, the Region, and users with their
//! keys. Missing information is not an error.

use super::settings::Settings;
use crate::aws::{self, Aws};
use crate::model::{AccountId, DraftEntry, IamPath, Region, UserName};
use crate::plan::Candidate;
use crate::port::{self, ErrorKind, Event, Identity, Listener};
use crate::run;

/// IAM is a global service, but the SDK requires a Region.
const ANYWHERE: &str = "us-east-1";

/// The users and other information that was found.
#[derive(Default)]
pub(super) struct AccountUsers {
    pub(super) account: Option<AccountId>,
    pub(super) region: Option<Region>,
    pub(super) candidates: Vec<Candidate>,
}

impl AccountUsers {
    /// Returns what was found about these users.
    pub(super) fn of(&self, entries: &[DraftEntry]) -> Vec<Candidate> {
        let chosen = |candidate: &&Candidate| entries.iter().any(|it| is(candidate, &it.user));
        self.candidates.iter().filter(chosen).cloned().collect()
    }

    /// Returns the path of a user that was found below one.
    pub(super) fn path_of(&self, user: &UserName) -> Option<IamPath> {
        let found = self.candidates.iter().find(|candidate| is(candidate, user));
        let path = IamPath::parse(found?.path.as_deref()?).ok();
        path.filter(|path| !path.is_root())
    }
}

fn is(candidate: &Candidate, user: &UserName) -> bool {
    user.as_str().eq_ignore_ascii_case(&candidate.name)
}

/// Looks up the named users, or all users if none is named.
pub(super) async fn look_up(settings: &Settings, users: &[UserName]) -> AccountUsers {
    let mut found = AccountUsers::default();
    let mut wanted = aws::Settings {
        profile: settings.profile.clone(),
        region: settings.region.clone(),
        endpoint_url: settings.endpoint_url.clone(),
        key: None,
    };
    let mut aws = Aws::new(&wanted).await;
    match aws.region() {
        Some(region) => found.region = Region::parse(region).ok(),
        None => {
            wanted.region = Some(ANYWHERE.to_owned());
            aws = Aws::new(&wanted).await;
        }
    }
    let tell = |text: String| settings.progress.on(Event::Done(text));
    match aws.caller().await {
        Ok(caller) => found.account = AccountId::parse(&caller.account).ok(),
        Err(error) => {
            tell(without(&error));
            return found;
        }
    }
    let looked = match users.is_empty() {
        true => run::discover(&aws).await,
        false => each(&aws, users).await,
    };
    match looked {
        Ok(candidates) => found.candidates = candidates,
        Err(error) => tell(without(&error)),
    }
    found
}

async fn each(aws: &Aws, users: &[UserName]) -> port::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for user in users {
        candidates.push(run::look_up(aws, user.as_str()).await?);
    }
    Ok(candidates)
}

/// Returns a note that explains why the users are not listed.
fn without(error: &port::Error) -> String {
    match error.kind {
        ErrorKind::Credentials => {
            "no AWS credentials were found, so the account's users are not listed".to_owned()
        }
        ErrorKind::Denied => format!(
            "{} is not allowed, so the account's users are not listed",
            error.call
        ),
        _ => format!("cannot list the account's users: {error}"),
    }
}
