//! `keyrota generate`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failed;
use super::fleet::{Overlay, Stacks};
use super::settings::Settings;
use super::{Exit, file};
use crate::render::{Baseline, Fleet, Rendering, STACK_SET_FOLDER, StackSet, parallel};
use crate::system::shown;
use crate::view::{GenerateResult, StackSetSteps, WrittenFile};

/// The number of files per thread. Fewer are not worth another thread.
const CHUNK: usize = 32;

const EXAMPLES: &str = "\
Examples:

  # Render keyrota.yaml to rendered/
  keyrota generate
  # Check in a pipeline that rendered/ matches the manifest
  keyrota generate --check
  # Show reviewers what changed since the last rendering
  keyrota generate --against rendered --output rendered-next
  # Render what AWS needs to deploy the stack to the accounts in `accounts`
  keyrota generate --stack-set";

/// Render the stack and its policies for review, offline
///
/// Writes stack.yaml, the policies, the pins, the deployer's policy, and the review page
/// (review.html) to DIR. A manifest renders to the same bytes on every machine.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Generate {
    /// Directory to write to
    #[arg(short, long, value_name = "DIR", default_value = "rendered")]
    output: PathBuf,
    /// Check whether DIR is up to date and write nothing; exit with 4 if it is not. Line ends do not
    /// count, because Git can change them
    #[arg(long)]
    check: bool,
    /// Show in review.html what changed since the rendering in DIR
    ///
    /// DIR contains the stack.yaml (or stack-000.yaml …) of an earlier `generate`. It can
    /// be the output directory. Pass the same DIR to --check.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Also render a CloudFormation StackSet for the accounts in `accounts`, and show how to deploy it
    ///
    /// Writes to DIR/stack-set the template of each account, the StackSet, the template of the
    /// buckets for the functions, the policy of the administrator, and a review page.
    #[arg(long)]
    stack_set: bool,
    #[command(flatten)]
    overlay: Overlay,
}

pub(super) fn run(settings: &Settings, verb: &Generate) -> Result<Exit, Failed> {
    let stacks = Stacks::load(settings)?;
    let before = verb.against.as_deref().map(earlier).transpose()?;
    let (mut rendering, stack_set) = render(verb, &stacks.fleet, before.as_ref())?;
    if let Some(stack_set) = &stack_set {
        let known = rendering.findings.clone();
        let findings = stack_set.findings.iter();
        rendering
            .findings
            .extend(findings.filter(|one| !known.contains(one)).cloned());
        rendering.files.extend(stack_set.files.clone());
    }
    settings.view.warn(&rendering.findings);
    let mut result = match verb.check {
        true => compare(&verb.output, &rendering),
        false => write(&verb.output, &rendering)?,
    };
    if let Some((_, same)) = stacks.record_text() {
        result.record = Some(WrittenFile {
            path: shown(&stacks.record),
            state: match (same, verb.check) {
                (true, _) => "unchanged",
                (false, true) => "differs",
                (false, false) => "written",
            },
        });
        if !verb.check {
            stacks.keep_record(settings)?;
        }
    }
    result.stack_set = stack_set.map(|stack_set| StackSetSteps {
        first_credentials: stack_set.first_credentials,
        steps: stack_set.steps,
    });
    settings.view.show(&result);
    Ok(match verb.check && !result.is_up_to_date() {
        true => Exit::Different,
        false => Exit::Done,
    })
}

/// Renders the stacks, and the StackSet if it is asked for. All findings are reported together.
fn render(
    verb: &Generate,
    fleet: &Fleet,
    before: Option<&Baseline>,
) -> Result<(Rendering, Option<StackSet>), Failed> {
    let rendering = verb.overlay.render_since(fleet, before);
    if !verb.stack_set {
        return Ok((rendering?, None));
    }
    let directory = verb.output.display().to_string();
    // What cannot work in a StackSet is the better reason, if both are refused.
    let stack_set = verb.overlay.render_stack_set(fleet, &directory)?;
    Ok((rendering?, Some(stack_set)))
}

fn compare(directory: &Path, rendering: &Rendering) -> GenerateResult {
    let all: Vec<(&String, &String)> = rendering.files.iter().collect();
    let chunks: Vec<_> = all.chunks(CHUNK).collect();
    let compare = |(path, text): &(&String, &String)| WrittenFile {
        path: (*path).clone(),
        state: match held(&directory.join(path)) {
            Some(held) if is_same_text(&held, text) => "unchanged",
            Some(_) => "differs",
            None => "missing",
        },
    };
    let compared = parallel(&chunks, |chunk| {
        chunk.iter().map(compare).collect::<Vec<_>>()
    });
    let stale = stale(directory, rendering)
        .into_iter()
        .map(|path| WrittenFile {
            path,
            state: "stale",
        });
    GenerateResult {
        directory: shown(directory),
        checked: true,
        record: None,
        stack_set: None,
        files: compared.into_iter().flatten().chain(stale).collect(),
        findings: rendering.findings.clone(),
    }
}

/// Returns whether a file has a rendered text. Git may have checked it out with other line ends
/// (`core.autocrlf`), which mean the same in YAML, JSON, and HTML.
fn is_same_text(held: &[u8], text: &str) -> bool {
    held == text.as_bytes()
        || std::str::from_utf8(held).is_ok_and(|held| held.replace("\r\n", "\n") == text)
}

fn write(directory: &Path, rendering: &Rendering) -> Result<GenerateResult, Failed> {
    if let Some(path) = foreign(directory, rendering) {
        let file = directory.join(path);
        let message = format!("{} exists, and keyrota did not write it", shown(&file));
        return Err(Failed::new("file", message)
            .hint("choose another directory with -o, or remove the file"));
    }
    let mut files = Vec::new();
    // Policies of removed entries would look as if they were in effect.
    for path in stale(directory, rendering) {
        let file = directory.join(&path);
        std::fs::remove_file(&file).map_err(|error| Failed::file("remove", &file, &error))?;
        files.push(WrittenFile {
            path,
            state: "removed",
        });
    }
    let paths = rendering.files.keys().map(|path| directory.join(path));
    let parents: BTreeSet<PathBuf> = paths
        .filter_map(|path| path.parent().map(Path::to_owned))
        .collect();
    for parent in &parents {
        std::fs::create_dir_all(parent).map_err(|error| Failed::file("create", parent, &error))?;
    }
    let all: Vec<(&String, &String)> = rendering.files.iter().collect();
    let chunks: Vec<_> = all.chunks(CHUNK).collect();
    let write = |(path, text): &(&String, &String)| write_file(directory, path, text);
    for written in parallel(&chunks, |chunk| chunk.iter().map(write).collect::<Vec<_>>()) {
        for file in written {
            files.push(file?);
        }
    }
    Ok(GenerateResult {
        directory: shown(directory),
        checked: false,
        record: None,
        stack_set: None,
        files,
        findings: rendering.findings.clone(),
    })
}

/// Writes a file, unless it is up to date.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where files are written"
)]
fn write_file(directory: &Path, path: &str, text: &str) -> Result<WrittenFile, Failed> {
    let file = directory.join(path);
    let unchanged = held(&file).is_some_and(|held| held == text.as_bytes());
    if !unchanged {
        std::fs::write(&file, text).map_err(|error| Failed::file("write", &file, &error))?;
    }
    Ok(WrittenFile {
        path: path.to_owned(),
        state: if unchanged { "unchanged" } else { "written" },
    })
}

/// Reads the templates of an earlier rendering.
fn earlier(directory: &Path) -> Result<Baseline, Failed> {
    let failed =
        |error: &std::io::Error| Failed::file("read the earlier rendering in", directory, error);
    std::fs::read_dir(directory).map_err(|error| {
        failed(&error).hint("specify a directory that `keyrota generate` wrote with --against")
    })?;
    let mut stacks = BTreeMap::new();
    for name in names_in(directory)
        .into_iter()
        .filter(|name| is_stack(name))
    {
        let path = directory.join(&name);
        let unreadable = || {
            Failed::new(
                "file",
                format!("cannot read {}: it is not a text file", shown(&path)),
            )
        };
        let text = held(&path).and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.map(file::with_line_feeds);
        stacks.insert(name, text.ok_or_else(unreadable)?);
    }
    if stacks.is_empty() {
        let message = format!(
            "{} contains neither stack.yaml nor stack-000.yaml",
            shown(directory)
        );
        return Err(Failed::new("against", message)
            .hint("specify a directory that an earlier `keyrota generate` wrote"));
    }
    Ok(Baseline {
        // Without the path, the same two renderings give the same page everywhere.
        what: "an earlier rendering".to_owned(),
        stacks,
    })
}

/// Returns the files of an earlier rendering that this one does not contain.
fn stale(directory: &Path, rendering: &Rendering) -> BTreeSet<String> {
    // keyrota deletes files only from a folder that it has rendered to before. Another
    // `stack.yaml`, `policies`, or `pins` may belong to someone else.
    let above = names_in(directory);
    if !is_rendering(&above) {
        return BTreeSet::new();
    }
    let above = above
        .into_iter()
        .filter(|name| is_stack(name) || is_deployers(name));
    above
        .chain(json_in(directory, "policies"))
        .chain(json_in(directory, "pins"))
        .chain(stack_set_in(directory))
        .filter(|path| !rendering.files.contains_key(path))
        .collect()
}

/// Returns a file that keyrota did not write, in a directory without an earlier
/// rendering, that this rendering would overwrite, or that the next one would delete as
/// stale.
fn foreign(directory: &Path, rendering: &Rendering) -> Option<String> {
    let above = names_in(directory);
    if is_rendering(&above) {
        return None;
    }
    // An interrupted rendering may have left some of its files.
    let ours = |path: &String| {
        held(&directory.join(path)).is_some_and(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            text.contains("keyrota")
        })
    };
    let mut stacks = above.into_iter().filter(|name| is_stack(name));
    let folders = ["policies", "pins"];
    let mut files = folders.iter().flat_map(|folder| json_in(directory, folder));
    stacks
        .find(|name| directory.join(name).is_file() && !ours(name))
        .or_else(|| files.find(|path| !rendering.files.contains_key(path)))
}

fn is_rendering(above: &[String]) -> bool {
    above.iter().any(|name| is_stack(name)) && above.iter().any(|name| is_deployers(name))
}

/// `deployer-policy.json`, one of its parts, or that of one of several stacks.
fn is_deployers(name: &str) -> bool {
    name.starts_with("deployer-policy") && name.ends_with(".json")
}

/// Returns the JSON files in a directory of a rendering.
fn json_in(directory: &Path, folder: &str) -> impl Iterator<Item = String> + use<> {
    let names = names_in(&directory.join(folder)).into_iter();
    let folder = folder.to_owned();
    names
        .filter(|name| name.ends_with(".json"))
        .map(move |name| format!("{folder}/{name}"))
}

/// Returns the files of a StackSet in a directory of a rendering.
fn stack_set_in(directory: &Path) -> impl Iterator<Item = String> {
    let folder = Path::new(STACK_SET_FOLDER);
    let of = |folder: PathBuf| {
        let names = names_in(&directory.join(&folder)).into_iter();
        names
            .filter(|name| {
                [".json", ".yaml", ".html"]
                    .iter()
                    .any(|end| name.ends_with(end))
            })
            .map(move |name| format!("{}/{name}", folder.display()))
            .collect::<Vec<_>>()
    };
    let folders = [
        folder.to_owned(),
        folder.join("policies"),
        folder.join("pins"),
    ];
    folders
        .into_iter()
        .flat_map(of)
        .collect::<Vec<_>>()
        .into_iter()
}

/// `stack.yaml`, or `stack-000.yaml`.
fn is_stack(name: &str) -> bool {
    let number = name
        .strip_prefix("stack")
        .and_then(|rest| rest.strip_suffix(".yaml"));
    number.is_some_and(|number| {
        number.is_empty()
            || number.strip_prefix('-').is_some_and(|digits| {
                digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
    })
}

fn names_in(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).into_iter().flatten();
    names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where files come in"
)]
fn held(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_count() {
        let text = "one\n\ttwo\n";
        for same in ["one\n\ttwo\n", "one\r\n\ttwo\r\n", "one\n\ttwo\r\n"] {
            assert!(is_same_text(same.as_bytes(), text), "{same:?}");
        }
        for other in [
            "one\r\ttwo\r",
            "one\n\ttwo",
            "one\n\n\ttwo\n",
            "one\n\rtwo\n",
        ] {
            assert!(!is_same_text(other.as_bytes(), text), "{other:?}");
        }
        // Not UTF-8, and so not what was rendered.
        assert!(!is_same_text(b"one\n\ttwo\n\xff", text));
    }
}
