//! The command line: arguments, settings, and one file per command. The only module that
//! uses all the others.

mod adapter;
mod ask;
mod bootstrap;
mod bundle;
mod candidates;
mod completions;
mod cost;
mod credentials;
mod current;
mod demo;
mod doctor;
mod exec;
mod exit;
mod failure;
mod file;
mod fleet;
mod follow;
mod function;
mod generate;

mod init;
mod leak;
mod man;
mod new_manifest;
mod password;
mod plan;
mod profile_file;
#[cfg(test)]
mod reference;
mod rotate;
mod sandbox;
mod schedule;
mod schema;
mod session;
mod settings;
mod status;
mod survey;
mod teardown;
mod version;

use clap::{CommandFactory, Parser, Subcommand};

use crate::system;
pub use exit::Exit;
use failure::Failed;
use settings::{Global, Settings};

/// Rotate IAM access keys and passwords with Secrets Manager and Lambda
///
/// keyrota renders a CloudFormation stack from a manifest, deploys it, verifies that
/// rotation works, and deletes the stack again.
#[derive(Debug, Parser)]
#[command(name = "keyrota", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Survey(survey::SurveyCommand),
    Init(init::InitCommand),
    Generate(generate::Generate),
    Plan(plan::Plan),
    Bootstrap(bootstrap::Bootstrap),
    Rotate(rotate::Rotate),
    Status(status::Status),
    Doctor(doctor::Doctor),
    Teardown(teardown::Teardown),
    Bundle(bundle::BundleCommand),
    Credentials(credentials::CredentialsCommand),
    Exec(exec::ExecCommand),
    Follow(follow::FollowCommand),
    Schedule(schedule::ScheduleCommand),
    Cost(cost::CostCommand),
    Adapter(adapter::AdapterCommand),
    Schema(schema::SchemaCommand),
    Completions(completions::Completions),
    Man(man::Manual),
    Sandbox(sandbox::SandboxCommand),
    Demo(demo::Demo),
}

/// Runs the program and returns its exit code.
pub fn main() -> std::process::ExitCode {
    let core_limit = system::disable_core_dumps();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => match version::requested(&error) {
            Some(arguments) => return version::run(arguments, core_limit).into(),
            None => error.exit(),
        },
    };
    if arguments.global.wants_csv() && !matches!(arguments.command, Command::Survey(_)) {
        refuse_csv();
    }
    let settings = Settings::resolve(arguments.global, core_limit);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&settings, arguments.command)),
        Err(error) => Err(Failed::new("runtime", format!("cannot start: {error}"))),
    };
    settings.progress.finish();
    let exit = outcome.unwrap_or_else(|failed| {
        settings.view.fail(&failed.failure);
        failed.exit
    });
    match exit {
        Exit::Done | Exit::Different | Exit::Attention if settings.view.report_write_error() => {
            Exit::Failed
        }
        exit => exit,
    }
    .into()
}

/// Ends with a usage error: only one command has a result that is a table.
fn refuse_csv() -> ! {
    let message = "--format csv is for `keyrota survey` only";
    let mut program = Arguments::command();
    program
        .error(clap::error::ErrorKind::ArgumentConflict, message)
        .exit()
}

async fn run(settings: &Settings, command: Command) -> Result<Exit, Failed> {
    // These run until they are interrupted, which leaves nothing unfinished.
    let at_interrupt = match &command {
        Command::Sandbox(_) => Some(Exit::Done),
        Command::Follow(verb) if verb.is_endless() => Some(Exit::Done),
        Command::Status(verb) if verb.is_endless() => Some(Exit::Interrupted),
        _ => None,
    };
    let handles_signals = match &command {
        Command::Exec(verb) => verb.handles_signals(),
        Command::Adapter(verb) => verb.handles_signals(),
        _ => false,
    };
    let work = async {
        match command {
            Command::Init(verb) => init::run(settings, verb).await,
            Command::Generate(verb) => generate::run(settings, &verb),
            Command::Plan(verb) => plan::run(settings, &verb).await,
            Command::Bootstrap(verb) => bootstrap::run(settings, &verb).await,
            Command::Rotate(verb) => rotate::run(settings, &verb).await,
            Command::Status(verb) => status::run(settings, &verb).await,
            Command::Survey(verb) => survey::run(settings, &verb).await,
            Command::Doctor(verb) => doctor::run(settings, &verb).await,
            Command::Teardown(verb) => teardown::run(settings, &verb).await,
            Command::Bundle(verb) => bundle::run(settings, &verb).await,
            Command::Credentials(verb) => credentials::run(settings, &verb).await,
            Command::Exec(verb) => exec::run(settings, &verb).await,
            Command::Follow(verb) => follow::run(settings, &verb).await,
            Command::Schedule(verb) => Ok(schedule::run(settings, &verb)),
            Command::Cost(verb) => cost::run(settings, &verb),
            Command::Adapter(verb) => adapter::run(settings, &verb).await,
            Command::Schema(verb) => Ok(schema::run(settings, &verb)),
            Command::Completions(verb) => Ok(completions::run(settings, &verb)),
            Command::Man(verb) => man::run(settings, &verb),
            Command::Sandbox(verb) => sandbox::run(settings, &verb).await,
            Command::Demo(verb) => demo::run(settings, &verb).await,
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = system::interrupted(), if !handles_signals => {
            at_interrupt.ok_or_else(|| Failed::interrupted(settings.progress.last()))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn the_examples_of_a_command_parse_and_run_it() {
        let shown = [
            "generate",
            "plan",
            "bootstrap",
            "rotate",
            "credentials",
            "exec",
            "follow",
        ];
        let program = super::Arguments::command();
        let commands = program.get_subcommands();
        let commands: Vec<_> = commands
            .filter_map(|command| Some((command.get_name(), command.get_after_long_help()?)))
            .collect();
        let names: Vec<_> = commands.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, shown);
        for (name, help) in commands {
            let help = help.to_string();
            let lines = help.lines().filter(|line| !line.starts_with("  #"));
            let examples: Vec<&str> = lines
                .filter_map(|line| Some(&line[line.find("keyrota ")?..]))
                .collect();
            assert!(examples.len() > 1, "{name}");
            for example in examples {
                let parsed = program
                    .clone()
                    .try_get_matches_from(example.split_whitespace())
                    .unwrap_or_else(|error| panic!("{example}: {error}"));
                assert_eq!(parsed.subcommand_name(), Some(name), "{example}");
            }
        }
    }

    #[test]
    fn own_options_precede_the_global_ones() {
        let mut program = super::Arguments::command();
        program.build();
        for command in program.get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            let name = command.get_name();
            if name == "help" {
                continue;
            }
            let (own, global) = help.split_once("\nGlobal options:\n").unwrap();
            assert!(own.contains("\nOptions:\n"), "{name}");
            assert!(!own.contains("--manifest"), "{name}");
            assert!(global.contains("--manifest <FILE>"), "{name}");
        }
    }
}
