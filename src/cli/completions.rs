//! `keyrota completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::settings::Settings;
use super::{Arguments, Exit};

/// Print a shell completion script
///
/// Save the script where the shell looks for it:
///
///   bash   keyrota completions bash > ~/.local/share/bash-completion/completions/keyrota
///   zsh    keyrota completions zsh > DIR/_keyrota, where DIR is in fpath
///   fish   keyrota completions fish > ~/.config/fish/completions/keyrota.fish
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct Completions {
    /// Shell to generate the script for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

pub(super) fn run(settings: &Settings, verb: &Completions) -> Exit {
    settings.view.text(&script(verb.shell));
    Exit::Done
}

fn script(shell: Shell) -> String {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;

    #[test]
    fn each_shell_completes_every_command() {
        let commands = Arguments::command();
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in commands.get_subcommands() {
                let name = command.get_name();
                assert!(script.contains(name), "{shell}: {name}");
            }
            assert!(script.contains("recovery-window"), "{shell}");
        }
    }
}
