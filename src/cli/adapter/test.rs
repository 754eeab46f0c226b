//! `keyrota adapter test`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Args;
use keyrota_adapter_test::http::HttpSubject;
use keyrota_adapter_test::mock::Mock;
use keyrota_adapter_test::mock::samples::Samples;
use keyrota_adapter_test::program::{Program, ProgramSubject};
use keyrota_adapter_test::report::Report;
use keyrota_adapter_test::run::{NotRestored, PINNED_ARN, ServiceTest, Test, TestError};
use keyrota_adapter_test::subject::{Subject, User};
use keyrota_adapter_test::{PasswordRule, passwords};
use keyrota_contract::pins::service::{Adapter, Http};
use secrecy::SecretString;

use super::deployed::DeployedSubject;
use super::target::{TARGETS, find_function, find_program};
use super::{rotated, stop};
use crate::cli::Exit;
use crate::cli::failure::Failed;
use crate::cli::password;
use crate::cli::session::Session;
use crate::cli::settings::Settings;
use crate::model::{self, InitialPassword};
use crate::port::{Event, Listener as _};
use crate::system::{self, shown};
use crate::view::AdapterResult;

/// In a setting's value, the address of the mock service.
const MOCK: &str = "{{mock}}";
/// The user on the mock service.
const MOCK_USER: &str = "test-user";

const EXAMPLES: &str = "\
Examples:

  # Test an HTTP adapter's file with a mock service
  keyrota adapter test portal.yaml --setting tenant=4711
  # Test a Lambda adapter on this machine with the mock service
  keyrota adapter test --setting url={{mock}} -- python3 local.py
  # Test it with a real service and a user for tests
  keyrota adapter test --real --username test-user portal.yaml";

/// Test an adapter for services
///
/// Tests whether the adapter keeps its contract, and then runs the rotation function's own
/// steps around it: without a fault, and with one fault at each request, such as a lost answer,
/// a repeated or late request, or a process that dies. Shows which guarantee does not hold, and
/// why. TARGET is one of
///
///   FILE.yaml   the file of an HTTP adapter
///   ARN         a Lambda adapter that is deployed, with --real
///   PROGRAM     a Lambda adapter as a program on this machine, which gets its requests through
///               Lambda's Runtime API. With arguments, it follows `--`
///
/// By default, a mock service on this machine takes the place of the service. It loses, repeats,
/// and delays on request. With --real, the adapter uses the real service. The test changes the
/// password of TEST_USER many times, and restores it at the end, also after Ctrl-C. Do not kill the
/// process (SIGKILL): only the process knows the user's password.
///
/// The exit code is 5 if a guarantee does not hold.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(super) struct TestCommand {
    /// File of an HTTP adapter, ARN of a Lambda function, or program
    #[arg(required_unless_present = "command")]
    target: Option<OsString>,
    /// Program with arguments, instead of TARGET
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "target")]
    command: Vec<OsString>,
    /// Pass this setting to the adapter; can be repeated. In VALUE, {{mock}} is the address of
    /// the mock service
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Use the real service instead of the mock service, after a confirmation prompt
    #[arg(long, requires = "username")]
    real: bool,
    /// User of the real service, whose password the test changes. A user that the manifest
    /// rotates is refused
    #[arg(long, value_name = "TEST_USER", requires = "real")]
    username: Option<String>,
    /// Source of the user's password: prompt, or env:NAME for an environment variable
    #[arg(long, value_name = "SOURCE", default_value = "prompt", value_parser = source, requires = "real")]
    password: InitialPassword,
    /// Length of the passwords that the test sets
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(8..=256))]
    length: u16,
    /// Characters that these passwords must not contain
    #[arg(long, value_name = "CHARACTERS")]
    exclude: Option<String>,
    /// Skip the confirmation prompt
    #[arg(long)]
    yes: bool,
}

impl TestCommand {
    /// Returns whether it handles the signals that otherwise interrupt keyrota.
    pub(super) fn handles_signals(&self) -> bool {
        self.real
    }

    /// Returns the target, or the program of the command in its place.
    fn program(&self) -> &OsStr {
        let named = self.target.as_ref().or_else(|| self.command.first());
        named.map_or(OsStr::new(""), OsString::as_os_str)
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn source(text: &str) -> Result<InitialPassword, String> {
    match text.split_once(':') {
        None if text == "prompt" => Ok(InitialPassword::Prompt),
        Some(("env", name)) if !name.is_empty() => {
            Ok(InitialPassword::Environment(name.to_owned()))
        }
        _ => Err(
            "expected prompt or env:NAME; a password cannot be passed as an argument".to_owned(),
        ),
    }
}

/// What is tested.
enum Target {
    Http(Box<Http>, PathBuf),
    Deployed(String),
    Program,
}

pub(super) async fn run(settings: &Settings, verb: &TestCommand) -> Result<Exit, Failed> {
    let target = target(settings, verb)?;
    let rule = PasswordRule {
        length: verb.length,
        exclude: verb.exclude.clone().unwrap_or_default(),
        require: Vec::new(),
    };
    let (report, restored) = match &verb.username {
        Some(username) => {
            let tested = on_service(settings, verb, &target, &rule, username).await?;
            (tested.report, Some(tested.restored))
        }
        None => (on_mock(verb, &target, &rule).await?, None),
    };
    let result = AdapterResult {
        adapter: verb.program().to_string_lossy().into_owned(),
        is_restored: restored.as_ref().map(Result::is_ok),
        report,
    };
    if let Some(Err(error)) = restored {
        let failed = not_restored(&error);
        settings.view.show_failed(&result, &failed.failure);
        return Ok(failed.exit);
    }
    settings.view.show(&result);
    Ok(match result.report.is_sound() {
        true => Exit::Done,
        false => Exit::Attention,
    })
}

fn target(settings: &Settings, verb: &TestCommand) -> Result<Target, Failed> {
    let named = verb.program();
    if verb.target.is_none() {
        find_program(named)?;
        return Ok(Target::Program);
    }
    let text = named.to_string_lossy();
    if text.starts_with("arn:") {
        return match verb.real {
            true => Ok(Target::Deployed(text.into_owned())),
            false => Err(Failed::new(
                "usage",
                "a deployed function cannot use the mock service on this machine",
            )
            .hint("add --real --username TEST_USER, or test the function's program here")
            .exit(Exit::Usage)),
        };
    }
    let path = Path::new(named);
    let is_file = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    if !is_file {
        find_program(named)?;
        return Ok(Target::Program);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files come in"
    )]
    let file = std::fs::read_to_string(path).map_err(|error| Failed::file("read", path, &error))?;
    let given: BTreeMap<String, String> = verb.settings.iter().cloned().collect();
    let (http, warnings) = model::read_http_adapter(&file, Some(&given))
        .map_err(|findings| Failed::refused(&shown(path), findings))?;
    settings.view.warn(&warnings);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Target::Http(Box::new(http), folder))
}

/// Tests with the mock service.
async fn on_mock(
    verb: &TestCommand,
    target: &Target,
    rule: &PasswordRule,
) -> Result<Report, Failed> {
    let password = passwords::random(rule).map_err(|error| unable(&error.into()))?;
    let samples = match target {
        Target::Http(http, _) => Samples::Described(http.clone()),
        Target::Deployed(_) | Target::Program => Samples::Usual,
    };
    let mock = Mock::start(samples, &password).await;
    let mock = mock.map_err(|error| unable(&error.into()))?;
    let is_reached = verb.settings.iter().any(|(_, value)| value.contains(MOCK));
    if let (Target::Program, false) = (target, is_reached) {
        let message =
            "the adapter cannot reach the mock service, because no setting has its address";
        return Err(Failed::new("usage", message)
            .hint(format!(
                "pass the address with the setting that your adapter reads, such as --setting url={MOCK}, \
                 or use the real service with --real --username TEST_USER"
            ))
            .exit(Exit::Usage));
    }
    let user = user(verb, MOCK_USER, &mock.url());
    match target {
        Target::Http(http, _) => {
            let subject = HttpSubject::on_mock((**http).clone(), &mock);
            let subject = subject.map_err(|error| unable(&error.into()))?;
            let adapter = Adapter::Http(Box::new(subject.http().clone()));
            let test = test(&subject, &user, &adapter, rule);
            test.on_mock(&mock, password).await
        }
        Target::Deployed(_) | Target::Program => {
            let subject = program(verb, Some(mock.authority())).await?;
            let adapter = Adapter::Function(PINNED_ARN.to_owned());
            let test = test(&subject, &user, &adapter, rule);
            test.on_mock(&mock, password).await
        }
    }
    .map_err(|error| unable(&error))
}

/// Tests with the real service. A signal during the test ends it early, and then it fails unless the
/// password could not be restored, which is a result of its own.
async fn on_service(
    settings: &Settings,
    verb: &TestCommand,
    target: &Target,
    rule: &PasswordRule,
    username: &str,
) -> Result<ServiceTest, Failed> {
    rotated::refuse(settings, username)?;
    if let Target::Deployed(arn) = target {
        find_function(settings, arn).await?;
    }
    let shown = username.escape_debug();
    settings.confirm(
        verb.yes,
        &format!(
            "The test changes the password of {shown} at the real service many times, and restores it at \
             the end, also after Ctrl-C. Do not kill the process: only the process knows the password. \
             Continue?"
        ),
    )?;
    let password = read_password(settings, verb, username)?;
    let user = user(verb, username, "");
    let stopped = Cell::new(false);
    let warn = || {
        settings.progress.on(Event::Warning(format!(
            "interrupted: keyrota ends after the rotation under way, and restores the password of {shown} \
             first; do not kill it"
        )));
    };
    let work = on_target(settings, verb, target, rule, &user, password, &stopped);
    let tested = stop::at_signal(system::interrupted_or_hung_up(), &stopped, warn, work).await?;
    match (stopped.get(), &tested.restored) {
        (true, Ok(())) => {
            let message = format!("interrupted; {shown} has the password from before the test");
            Err(Failed::new("interrupted", message).exit(Exit::Interrupted))
        }
        _ => Ok(tested),
    }
}

/// Tests with the real service, until `stopped` is true.
async fn on_target(
    settings: &Settings,
    verb: &TestCommand,
    target: &Target,
    rule: &PasswordRule,
    user: &User,
    password: SecretString,
    stopped: &Cell<bool>,
) -> Result<ServiceTest, Failed> {
    match target {
        Target::Http(http, folder) => {
            let subject = HttpSubject::new((**http).clone(), folder);
            let subject = subject.map_err(|error| {
                let named = http.tls_ca.as_deref().unwrap_or_default();
                Failed::file("read", &folder.join(named), &error)
            })?;
            let adapter = Adapter::Http(Box::new(subject.http().clone()));
            let test = test(&subject, user, &adapter, rule);
            test.on_service(password, stopped).await
        }
        Target::Program => {
            let subject = program(verb, None).await?;
            let adapter = Adapter::Function(PINNED_ARN.to_owned());
            let test = test(&subject, user, &adapter, rule);
            test.on_service(password, stopped).await
        }
        Target::Deployed(arn) => {
            let session = Session::open(settings, None).await?;
            let subject = DeployedSubject {
                cloud: session.context(settings).cloud,
                arn: arn.clone(),
            };
            let adapter = Adapter::Function(PINNED_ARN.to_owned());
            let test = test(&subject, user, &adapter, rule);
            test.on_service(password, stopped).await
        }
    }
    .map_err(|error| unable(&error))
}

fn test<'test, S: Subject>(
    subject: &'test S,
    user: &'test User,
    adapter: &'test Adapter,
    rule: &'test PasswordRule,
) -> Test<'test, S> {
    Test {
        subject,
        user,
        adapter,
        rule,
    }
}

fn read_password(
    settings: &Settings,
    verb: &TestCommand,
    username: &str,
) -> Result<SecretString, Failed> {
    let question = format!("Password of {}: ", username.escape_debug());
    settings.progress.finish();
    let read = match &verb.password {
        InitialPassword::Environment(name) => password::in_environment(name),
        _ => password::ask(&question),
    };
    read.and_then(password::usable).map_err(|why| {
        let hint = match &verb.password {
            InitialPassword::Environment(name) => {
                format!("set the environment variable {name} to the user's current password")
            }
            _ => "use --password env:NAME to read it from an environment variable".to_owned(),
        };
        Failed::new("declined", format!("{why}; nothing was changed"))
            .hint(hint)
            .exit(Exit::Declined)
    })
}

async fn program(
    verb: &TestCommand,
    authorities: Option<PathBuf>,
) -> Result<ProgramSubject, Failed> {
    let program = Program {
        program: verb.program().to_owned(),
        arguments: verb.command.iter().skip(1).cloned().collect(),
        authorities,
    };
    ProgramSubject::start(program)
        .await
        .map_err(|error| Failed::file("start", Path::new(verb.program()), &error).hint(TARGETS))
}

fn user(verb: &TestCommand, username: &str, mock: &str) -> User {
    let settings = verb
        .settings
        .iter()
        .map(|(name, value)| (name.clone(), value.replace(MOCK, mock)));
    User {
        username: username.to_owned(),
        settings: settings.collect(),
    }
}

fn unable(error: &TestError) -> Failed {
    let failed = Failed::new("adapter-test", error.to_string());
    match error {
        TestError::Password(_) => {
            failed.hint("use a greater --length, or exclude fewer characters with --exclude")
        }
        TestError::Mock(_) => failed,
    }
}

fn not_restored(error: &NotRestored) -> Failed {
    Failed::new("not-restored", error.to_string())
        .hint("set a new password as an administrator of the service")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_no_argument() {
        assert!(matches!(source("prompt"), Ok(InitialPassword::Prompt)));
        assert!(matches!(source("env:X"), Ok(InitialPassword::Environment(name)) if name == "X"));
        for text in ["hunter2", "env:", "", "secret:ops/x"] {
            let error = source(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_setting_has_a_name() {
        assert_eq!(setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(setting("=b").is_err() && setting("a").is_err());
    }
}
