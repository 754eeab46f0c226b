//! `keyrota init`.

use std::io::{BufReader, IsTerminal, Write};
use std::time::Duration;

use clap::Args;

use super::Exit;
use super::ask::Prompter;
use super::candidates::{AccountUsers, look_up};
use super::failure::Failed;
use super::new_manifest::{self, ROTATE_AS, SCHEDULE, STACK};
use super::settings::Settings;
use crate::aws::SystemClock;
use crate::model::{
    self, AccountId, Draft, DraftEntry, KmsKey, Region, RotateAs, Schedule, StackName, UserName,
};
use crate::plan::Candidate;
use crate::port::{Clock, Event, Listener};
use crate::system::shown;
use crate::view::{InitResult, Questions, stderr_is_terminal};

/// The time limit for looking up users in the account.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);

/// The option that names the manifest.
const OPTION: &str = "--manifest FILE";

/// Create a commented manifest
///
/// Prompts for each setting that no option specifies. Without a terminal, --stack and
/// --user are required. With AWS credentials, lists the account's IAM users and their
/// access keys to choose from. The new manifest passes `keyrota generate`.
#[derive(Args, Debug)]
pub(super) struct InitCommand {
    /// Name of the CloudFormation stack
    #[arg(long, value_name = "NAME", value_parser = StackName::parse)]
    stack: Option<StackName>,
    /// IAM user whose access key to rotate; repeat for several users
    #[arg(long = "user", value_name = "USER", value_parser = UserName::parse)]
    users: Vec<UserName>,
    /// Principal that replaces the keys: self, role, or the secret of an administrator
    #[arg(long, value_name = "PRINCIPAL", value_parser = rotate_as)]
    rotate_as: Option<String>,
    /// AWS account ID (12 digits). By default, the account of the credentials
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountId::parse)]
    account: Option<AccountId>,
    /// E-mail address to notify about problems; repeat for several addresses
    #[arg(long, value_name = "ADDRESS", value_parser = model::parse_address)]
    email: Vec<String>,
    /// Rotation schedule: rate(…) or cron(…), see `keyrota help schedule`
    #[arg(long, value_name = "EXPR", value_parser = schedule)]
    schedule: Option<String>,
    /// KMS key that encrypts the secrets: aws/secretsmanager, create, or a key ARN
    #[arg(long, value_name = "KEY", value_parser = kms_key)]
    kms_key: Option<String>,
    /// Do not look up the users of the account
    #[arg(long, alias = "offline")]
    no_discover: bool,
    /// Overwrite an existing manifest
    #[arg(long)]
    force: bool,
}

fn rotate_as(text: &str) -> Result<String, String> {
    RotateAs::parse(text).map(|_| text.to_owned())
}

fn kms_key(text: &str) -> Result<String, String> {
    KmsKey::parse(text).map(|_| text.to_owned())
}

fn schedule(text: &str) -> Result<String, String> {
    match Schedule::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

pub(super) async fn run(settings: &Settings, verb: InitCommand) -> Result<Exit, Failed> {
    let (path, force) = (settings.manifest.clone(), verb.force);
    new_manifest::refuse_existing(&path, force, OPTION)?;
    let region = settings
        .region
        .as_deref()
        .map(Region::parse)
        .transpose()
        .map_err(|why| Failed::new("usage", format!("--region: {why}")).exit(Exit::Usage))?;
    let asking = std::io::stdin().is_terminal() && stderr_is_terminal();
    if !asking {
        require_flags(&verb)?;
    }
    let found = match verb.no_discover {
        true => AccountUsers::default(),
        false => look_up_users(settings, &verb.users).await,
    };
    let known = InitInputs {
        region: region.or_else(|| found.region.clone()),
        account: verb.account.clone().or_else(|| found.account.clone()),
        verb,
    };
    if let (Some(named), Some(account)) = (&known.account, &found.account)
        && named != account
    {
        settings.progress.on(Event::Warning(format!(
            "the credentials are those of account {account}, not {named}; the users listed are those of {account}"
        )));
    }
    settings.progress.finish();
    let candidates = found.candidates.clone();
    let mut draft = match asking {
        true => questions(known, candidates).await?,
        false => known.into_draft()?,
    };
    for entry in &mut draft.entries {
        entry.path = found.path_of(&entry.user);
    }
    new_manifest::write(&path, &draft, force, OPTION)?;
    settings.view.show(&InitResult {
        manifest: shown(&path),
        candidates: found.of(&draft.entries),
        now: SystemClock.now(),
        draft,
    });
    Ok(Exit::Done)
}

fn require_flags(verb: &InitCommand) -> Result<(), Failed> {
    let mut missing = Vec::new();
    if verb.stack.is_none() {
        missing.push("--stack NAME");
    }
    if verb.users.is_empty() {
        missing.push("--user USER");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "cannot prompt without a terminal: {} is missing",
        missing.join(" and ")
    );
    Err(Failed::new("usage", message)
        .hint("for example: keyrota init --stack payments-keys --user ci-deployer")
        .exit(Exit::Usage))
}

/// Looks up users and their keys, within a time limit.
async fn look_up_users(settings: &Settings, users: &[UserName]) -> AccountUsers {
    match tokio::time::timeout(LOOKUP_TIMEOUT, look_up(settings, users)).await {
        Ok(found) => found,
        Err(_) => {
            settings.progress.on(Event::Done(
                "AWS did not respond in time; continuing without the account's users".to_owned(),
            ));
            AccountUsers::default()
        }
    }
}

/// The options, completed from the account.
struct InitInputs {
    region: Option<Region>,
    account: Option<AccountId>,
    verb: InitCommand,
}

impl InitInputs {
    fn into_draft(self) -> Result<Draft, Failed> {
        let verb = self.verb;
        let stack = verb
            .stack
            .ok_or_else(|| Failed::new("usage", "--stack is missing"))?;
        Ok(Draft {
            stack,
            account: self.account,
            region: self.region,
            email: verb.email,
            schedule: verb.schedule.unwrap_or_else(|| SCHEDULE.to_owned()),
            rotate_as: verb.rotate_as.unwrap_or_else(|| ROTATE_AS.to_owned()),
            kms_key: verb.kms_key,
            entries: unique(verb.users)
                .into_iter()
                .map(DraftEntry::new)
                .collect(),
        })
    }

    /// Prompts for settings that no option specifies.
    fn ask<I: std::io::BufRead, O: Write>(
        mut self,
        candidates: &[Candidate],
        asker: &mut Prompter<I, O>,
    ) -> Result<Draft, Failed> {
        let verb = &mut self.verb;
        if verb.stack.is_none() {
            let stack = asker.ask("Stack name?", Some(STACK), StackName::parse)?;
            verb.stack = Some(stack);
        }
        if verb.users.is_empty() {
            list(candidates, asker);
            let question = match candidates.is_empty() {
                true => "Users whose keys to rotate (names, separated by spaces)?",
                false => "Users whose keys to rotate (numbers or names, separated by spaces)?",
            };
            verb.users = asker.ask(question, None, |answer| chosen(answer, candidates))?;
        }
        if verb.rotate_as.is_none() {
            let question = "Principal that replaces the keys: role (the function's role), self (the user's own key), or the secret of an administrator?";
            verb.rotate_as = Some(asker.ask(question, Some(ROTATE_AS), rotate_as)?);
        }
        if verb.schedule.is_none() {
            let answer = asker.ask("Rotation schedule?", Some(SCHEDULE), schedule)?;
            verb.schedule = Some(answer);
        }
        if verb.email.is_empty() {
            let question = "E-mail address to notify about problems (optional)?";
            verb.email = asker.ask(question, None, |answer| match answer {
                "" => Ok(Vec::new()),
                address => model::parse_address(address).map(|address| vec![address]),
            })?;
        }
        if self.region.is_none() {
            let question = "AWS Region (by default, that of the AWS configuration)?";
            self.region = asker.ask(question, None, |answer| match answer {
                "" => Ok(None),
                region => Region::parse(region).map(Some),
            })?;
        }
        self.into_draft()
    }
}

/// Prompts on a separate thread, so that an interrupt does not wait for an answer.
async fn questions(known: InitInputs, candidates: Vec<Candidate>) -> Result<Draft, Failed> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut asker = Prompter {
            input: BufReader::new(std::io::stdin()),
            output: Questions,
        };
        let _ = sender.send(known.ask(&candidates, &mut asker));
    });
    let answered = receiver.await;
    answered.unwrap_or_else(|_| Err(Failed::new("questions", "the prompts ended unexpectedly")))
}

/// Lists the users that were found, with numbers.
fn list<I: std::io::BufRead, O: Write>(candidates: &[Candidate], asker: &mut Prompter<I, O>) {
    for (index, candidate) in candidates.iter().enumerate() {
        let note = crate::view::candidate_note(candidate, SystemClock.now());
        asker.say(&format!("  {:>3}  {}  {note}", index + 1, candidate.name));
    }
}

/// Reads numbers of the list, or names.
fn chosen(answer: &str, candidates: &[Candidate]) -> Result<Vec<UserName>, String> {
    let words = answer
        .split([' ', ',', '\t'])
        .filter(|word| !word.is_empty());
    let mut users = Vec::new();
    for word in words {
        let named = candidates.iter().any(|candidate| candidate.name == word);
        let numbered = word
            .parse::<usize>()
            .ok()
            .and_then(|number| candidates.get(number.checked_sub(1)?));
        let name = match numbered {
            Some(candidate) if !named => &candidate.name,
            _ => word,
        };
        users.push(UserName::parse(name)?);
    }
    match users.is_empty() {
        true => Err("enter at least one user".to_owned()),
        false => Ok(unique(users)),
    }
}

/// Removes names that IAM considers duplicates.
fn unique(users: Vec<UserName>) -> Vec<UserName> {
    let mut known = std::collections::BTreeSet::new();
    let mut users = users;
    users.retain(|user| known.insert(user.as_str().to_lowercase()));
    users
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        verb: InitCommand,
    }

    fn known(flags: &[&str]) -> InitInputs {
        let line = ["init"].iter().chain(flags);
        InitInputs {
            region: None,
            account: None,
            verb: Line::try_parse_from(line).unwrap().verb,
        }
    }

    fn candidate(name: &str) -> Candidate {
        Candidate {
            name: name.to_owned(),
            path: Some("/".to_owned()),
            keys: Some(Vec::new()),
        }
    }

    fn asked(flags: &[&str], found: &[&str], answers: &str) -> (Result<Draft, Failed>, String) {
        let found: Vec<Candidate> = found.iter().map(|name| candidate(name)).collect();
        let mut asker = Prompter {
            input: answers.as_bytes(),
            output: Vec::new(),
        };
        let draft = known(flags).ask(&found, &mut asker);
        (draft, String::from_utf8(asker.output).unwrap())
    }

    fn users(draft: &Draft) -> Vec<&str> {
        let entries = draft.entries.iter();
        entries.map(|entry| entry.user.as_str()).collect()
    }

    #[test]
    fn questions_are_asked_for_what_no_flag_says() {
        let answers = "\n1, 3 eve\nself\n\nops@example.com\neu-west-1\n";
        let (draft, shown) = asked(&[], &["ada", "bob", "cy"], answers);
        let draft = draft.unwrap();
        assert_eq!(draft.stack.as_str(), "access-keys");
        assert_eq!(users(&draft), ["ada", "cy", "eve"]);
        assert_eq!(
            (draft.rotate_as.as_str(), draft.schedule.as_str()),
            ("self", SCHEDULE)
        );
        assert_eq!(draft.email, ["ops@example.com"]);
        assert_eq!(draft.region.as_ref().map(Region::as_str), Some("eu-west-1"));
        assert!(shown.contains("  2  bob"), "{shown}");
        let flags = [
            "--stack",
            "keys",
            "--user",
            "ada",
            "--rotate-as",
            "role",
            "--schedule",
            "rate(1 day)",
            "--email",
            "a@b.c",
        ];
        let (draft, shown) = asked(&flags, &[], "\n");
        assert_eq!(users(&draft.unwrap()), ["ada"]);
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }

    #[test]
    fn answers_are_held_to_the_manifests_rules() {
        let answers = "1st\nkeys\nA/B\n0\nada Ada\nrole\nrate(1 hour)\nrate(4 hours)\nnobody\n\n\n";
        let (draft, shown) = asked(&[], &[], answers);
        let draft = draft.unwrap();
        // Without a list, a number is a name.
        assert_eq!(users(&draft), ["0"], "{shown}");
        assert!(shown.contains("does not begin with a letter"));
    }

    #[test]
    fn a_number_that_is_a_users_name_is_that_user() {
        let found = [candidate("2"), candidate("ada")];
        let names = |answer: &str| -> Vec<String> {
            let users = chosen(answer, &found).unwrap();
            users.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names("2"), ["2"]);
        assert_eq!(names("1"), ["2"]);
        assert_eq!(names("3"), ["3"]);
        assert!(chosen(" , ", &found).is_err());
    }

    #[test]
    fn flags_are_held_to_the_manifests_rules() {
        for flags in [
            ["--stack", "1st"],
            ["--user", "a b"],
            ["--rotate-as", "a b"],
            ["--account", "1"],
            ["--email", "nobody"],
            ["--schedule", "rate(1 hour)"],
            ["--kms-key", "mine"],
        ] {
            let line = ["init"].iter().chain(&flags);
            assert!(Line::try_parse_from(line).is_err(), "{flags:?}");
        }
        let missing = require_flags(&known(&[]).verb).unwrap_err();
        assert_eq!(missing.exit, Exit::Usage);
        assert!(
            missing
                .failure
                .message
                .contains("--stack NAME and --user USER")
        );
        assert!(require_flags(&known(&["--stack", "keys", "--user", "ada"]).verb).is_ok());
    }
}
