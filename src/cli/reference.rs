//! The command reference and the table of exit codes in `docs/reference`, generated from the
//! definitions of the arguments and of the codes.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory, ValueEnum as _};

use super::{Arguments, Exit};
use crate::documentation::assert_section;

/// Returns the reference of all commands, then of the global options.
fn commands() -> String {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let mut text = String::new();
    for command in program.get_subcommands() {
        let inner: Vec<_> = command.get_subcommands().collect();
        if inner.is_empty() {
            writeln!(text, "## {}\n", command.get_name()).unwrap();
            text.push_str(&body(command));
        }
        for verb in inner {
            let (name, verb_name) = (command.get_name(), verb.get_name());
            writeln!(text, "## {name} {verb_name}\n").unwrap();
            text.push_str(&body(verb));
        }
    }
    text.push_str("## Global options\n\nEvery command accepts these options.\n\n");
    let global = program.get_arguments().filter(|arg| arg.is_global_set());
    text.push_str(&options(global));
    text
}

/// Returns the section of a command: its description, usage, arguments, and options.
fn body(command: &Command) -> String {
    let mut text = String::new();
    let about = command.get_long_about().or_else(|| command.get_about());
    text.push_str(&prose(&about.map(ToString::to_string).unwrap_or_default()));
    let usage = command.clone().render_usage().to_string();
    writeln!(
        text,
        "```text\n{}\n```\n",
        usage.trim_start_matches("Usage: ")
    )
    .unwrap();
    let arguments = command.get_positionals().filter(|arg| !arg.is_hide_set());
    text.push_str(&options(arguments));
    let own = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_global_set() && !arg.is_hide_set())
        .filter(|arg| !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpLong));
    text.push_str(&options(own));
    let after = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    text.push_str(&prose(&after.map(ToString::to_string).unwrap_or_default()));
    text
}

/// Returns a list of arguments, or an empty text if there are none.
fn options<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = String::new();
    for argument in arguments {
        let help = argument.get_long_help().or_else(|| argument.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let help: Vec<String> = help
            .split("\n\n")
            .map(|part| escaped(&line(part)))
            .collect();
        let mut meaning = help.join(". ");
        let values = argument.get_possible_values();
        if argument.get_action().takes_values() && !values.is_empty() {
            let names: Vec<String> = values
                .iter()
                .map(|value| format!("`{}`", value.get_name()))
                .collect();
            write!(meaning, ". One of {}", names.join(", ")).unwrap();
        }
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        if argument.get_action().takes_values() && !defaults.is_empty() {
            write!(meaning, ". Default: {}", defaults.join(", ")).unwrap();
        }
        let meaning = meaning.replace(".. ", ". ");
        let short = argument
            .get_short()
            .map_or(String::new(), |short| format!("-{short}, "));
        writeln!(
            text,
            "* `{short}{argument}`: {}.",
            meaning.trim_end_matches('.')
        )
        .unwrap();
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Returns help as Markdown. Preformatted paragraphs become code blocks.
fn prose(help: &str) -> String {
    let mut text = String::new();
    for paragraph in help.split("\n\n").filter(|part| !part.trim().is_empty()) {
        if paragraph.lines().any(|line| line.starts_with("  ")) {
            writeln!(text, "```text\n{}\n```\n", paragraph.trim_end()).unwrap();
        } else {
            writeln!(text, "{}\n", escaped(&line(paragraph))).unwrap();
        }
    }
    text
}

/// Joins the lines of a paragraph.
fn line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Escapes the characters of a text that Markdown would interpret outside of code.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let mut code = false;
    for character in text.chars() {
        code ^= character == '`';
        if !code && matches!(character, '*' | '<' | '>' | '_' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Returns the table of exit codes.
fn exit_codes() -> String {
    let mut text = String::from("| code | meaning |\n| --- | --- |\n");
    for exit in Exit::value_variants() {
        let value = exit.to_possible_value().unwrap();
        let meaning = value.get_help().unwrap().to_string();
        writeln!(text, "| {} | {} |", *exit as u8, line(&meaning)).unwrap();
    }
    text
}

#[test]
fn the_command_reference_is_up_to_date() {
    assert_section("docs/reference/commands.md", "commands", &commands());
}

#[test]
fn the_table_of_exit_codes_is_up_to_date() {
    assert_section("docs/reference/exit-codes.md", "exit codes", &exit_codes());
}

#[test]
fn every_command_is_described_with_its_own_options_only() {
    let text = format!("\n{}", commands());
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        let mut names: Vec<String> = command
            .get_subcommands()
            .map(|verb| format!("{name} {}", verb.get_name()))
            .collect();
        if names.is_empty() {
            names.push(name.to_owned());
        }
        for name in names {
            let heading = format!("\n## {name}\n");
            assert_eq!(text.matches(&heading).count(), 1, "{heading}");
        }
    }
    let count = |wanted: &str| text.matches(wanted).count();
    assert_eq!(count("* `--profile <NAME>`"), 1);
    assert_eq!(count("* `--restore-previous <SECRET>`"), 1);
    assert_eq!(count("* `-o, --output <DIR>`"), 2);
    assert!(text.contains("keyrota exec [OPTIONS] <SECRET> -- <COMMAND>..."));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
fn the_readme_names_every_command() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (_, rest) = readme.split_once("\n## Commands\n").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    for command in Arguments::command().get_subcommands() {
        let name = format!("`{}", command.get_name());
        let follows = ["`", " "].map(|end| format!("{name}{end}"));
        assert!(follows.iter().any(|it| table.contains(it)), "{name}");
    }
}

#[test]
fn text_outside_of_code_is_escaped() {
    assert_eq!(
        escaped("a * in `a * b <C>` <D>"),
        r"a \* in `a * b <C>` \<D\>"
    );
}
