//! `keyrota man`.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::failure::Failed;
use super::settings::Settings;
use super::{Arguments, Exit};
use crate::system::shown;
use crate::view::{ManualResult, WrittenFile};

/// Print the manual page, or write a page for each command
///
/// `keyrota man | man -l -` shows the page. `keyrota man -o ~/.local/share/man/man1`
/// installs all pages, so that `man keyrota-bootstrap` finds them.
#[derive(Args, Debug)]
pub(super) struct Manual {
    /// Write keyrota.1 and a page for each command to DIR
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn run(settings: &Settings, verb: &Manual) -> Result<Exit, Failed> {
    let pages = pages()?;
    match &verb.output {
        Some(directory) => settings.view.show(&write(directory, &pages)?),
        None => settings
            .view
            .text(pages.first().map_or("", |page| page.text.as_str())),
    }
    Ok(Exit::Done)
}

/// A manual page.
struct Page {
    /// Such as `keyrota-bootstrap.1`.
    file: String,
    text: String,
}

/// Returns the program's page, then one for each command.
fn pages() -> Result<Vec<Page>, Failed> {
    // `help` explains what the pages themselves do.
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let commands = program.get_subcommands().cloned();
    std::iter::once(program.clone())
        .chain(commands)
        .map(page)
        .collect()
}

fn page(command: Command) -> Result<Page, Failed> {
    let man = Man::new(command);
    let file = man.get_filename();
    let mut text = Vec::new();
    man.render(&mut text)
        .map_err(|error| Failed::new("man", format!("cannot render {file}: {error}")))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Page { file, text })
}

fn write(directory: &Path, pages: &[Page]) -> Result<ManualResult, Failed> {
    std::fs::create_dir_all(directory)
        .map_err(|error| Failed::file("create", directory, &error))?;
    let files = pages.iter().map(|page| write_page(directory, page));
    Ok(ManualResult {
        directory: shown(directory),
        files: files.collect::<Result<_, _>>()?,
    })
}

/// Writes a page, unless it is up to date.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where files are written"
)]
fn write_page(directory: &Path, page: &Page) -> Result<WrittenFile, Failed> {
    let file = directory.join(&page.file);
    let unchanged = std::fs::read(&file).is_ok_and(|held| held == page.text.as_bytes());
    if !unchanged {
        std::fs::write(&file, &page.text).map_err(|error| Failed::file("write", &file, &error))?;
    }
    Ok(WrittenFile {
        path: page.file.clone(),
        state: if unchanged { "unchanged" } else { "written" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_the_program_and_for_each_command() {
        let pages = pages().unwrap();
        let mut expected = vec!["keyrota.1".to_owned()];
        let commands = Arguments::command();
        let names = commands.get_subcommands().map(Command::get_name);
        expected.extend(names.map(|name| format!("keyrota-{name}.1")));
        let files: Vec<&str> = pages.iter().map(|page| page.file.as_str()).collect();
        assert_eq!(files, expected);
        for page in &pages {
            assert!(page.text.contains(".SH SYNOPSIS"), "{}", page.file);
        }
    }
}
