//! The stacks of a manifest, the record beside it, and the templates that render them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failed;
use super::file;
use super::settings::Settings;
use crate::model::{Finding, Model};
use crate::port::{Event, Listener as _};
use crate::render::{self, Baseline, Fleet, Record, Rendering, StackSet, Templates};
use crate::run::{self, Cleared, Context};
use crate::system::shown;
use crate::{plan, port};

/// The stacks of a manifest, and the path of their record.
pub(super) struct Stacks {
    pub(super) fleet: Fleet,
    pub(super) record: PathBuf,
    held: Option<String>,
}

impl Stacks {
    /// Reads the manifest and the record, and assigns each entry to a stack.
    pub(super) fn load(settings: &Settings) -> Result<Self, Failed> {
        let path = record_path(&settings.manifest);
        let (record, model) = render::both(|| read_record(&path), || settings.load());
        let model = model?;
        let (record, held) = record?;
        let manifest = shown(&settings.manifest);
        let fleet = Fleet::of(model, record)
            .map_err(|finding| Failed::refused(&manifest, vec![finding]))?;
        Ok(Self {
            fleet,
            record: path,
            held,
        })
    }

    /// Returns one model, for settings that all stacks share.
    pub(super) fn model(&self) -> Option<&Model> {
        self.fleet.models().next()
    }

    /// Finds the stack that a StackSet has created, for a manifest with `accounts`. From then on,
    /// commands observe that stack.
    pub(super) async fn locate(&mut self, context: &Context<'_>) -> Result<(), Failed> {
        for shard in &mut self.fleet.shards {
            shard.model.deployed_as = run::locate(context, &shard.model).await?;
        }
        Ok(())
    }

    /// Returns the record's text and whether the file is up to date, or `None` if there
    /// is only one stack.
    pub(super) fn record_text(&self) -> Option<(String, bool)> {
        let text = self.fleet.record.as_ref()?.text();
        let same = self.held.as_ref() == Some(&text);
        Some((text, same))
    }

    /// Writes the record if it changed, before anything is deployed, because a later run
    /// could not reconstruct it.
    pub(super) fn keep_record(&self, settings: &Settings) -> Result<(), Failed> {
        let Some((text, false)) = self.record_text() else {
            return Ok(());
        };
        file::replace(&self.record, &text)?;
        let message = format!(
            "wrote {}; commit it together with the manifest",
            shown(&self.record)
        );
        settings.progress.on(Event::Done(message));
        Ok(())
    }

    /// Checks the account for every stack, and refuses with all findings.
    pub(super) async fn clear(
        &self,
        context: &Context<'_>,
        intent: plan::Preflight,
    ) -> Result<Vec<Cleared<'_>>, Failed> {
        self.check_placement(context).await?;
        let mut cleared = Vec::new();
        let mut refused = Vec::new();
        for shard in &self.fleet.shards {
            match run::preflight(context, &shard.model, intent).await {
                Ok(one) => cleared.push(one),
                Err(run::Error::Refused(findings)) => refused.extend(findings),
                Err(error) => return Err(error.into()),
            }
        }
        if !refused.is_empty() {
            return Err(run::Error::Refused(refused).into());
        }
        self.warn_of_empty_stacks(context).await?;
        Ok(cleared)
    }

    /// Refuses to move a secret from one stack to another. This check comes first,
    /// because a later one would refuse the secret with a less helpful message.
    async fn check_placement(&self, context: &Context<'_>) -> Result<(), Failed> {
        if self.fleet.record.is_none() {
            return Ok(());
        }
        let mut stacks = Vec::new();
        for model in self.fleet.models() {
            run::guard_account(context, model).await?;
            let resources = context.cloud.resources(model.deployed_name()).await?;
            stacks.push((model, resources));
        }
        let stacks = stacks.iter();
        let stacks: Vec<_> = stacks
            .map(|(model, resources)| (*model, resources.as_slice()))
            .collect();
        match plan::check_placement(&stacks) {
            findings if findings.is_empty() => Ok(()),
            findings => Err(run::Error::Refused(findings).into()),
        }
    }

    async fn warn_of_empty_stacks(&self, context: &Context<'_>) -> Result<(), port::Error> {
        for model in &self.fleet.emptied {
            let name = model.stack.as_str();
            if context.cloud.stack(name).await?.is_some() {
                context.listener.on(Event::Warning(format!(
                    "the deployed stack {name} has no entries in the manifest any more; to delete it and keep its secrets: aws cloudformation delete-stack --stack-name {name}"
                )));
            }
        }
        Ok(())
    }
}

/// Reads the record and its text, if it exists.
fn read_record(path: &Path) -> Result<(Record, Option<String>), Failed> {
    let text = match file::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(Failed::file("read the record of the stacks", path, &error)),
    };
    let record = Record::parse(&text).map_err(|why| {
        let name = shown(path);
        let finding = Finding::error("record", name.clone(), why).hint(
            "restore the file from version control, because it records the stack of each deployed secret; if nothing was deployed yet, delete it",
        );
        Failed::refused(&name, vec![finding])
    })?;
    Ok((record, Some(text)))
}

/// An organisation's own templates
#[derive(Args, Debug)]
pub(super) struct Overlay {
    /// Override built-in templates with the files NAME.yaml.hbs in DIR
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

impl Overlay {
    /// Renders every stack.
    pub(super) fn render(&self, fleet: &Fleet) -> Result<Rendering, Failed> {
        self.render_since(fleet, None)
    }

    /// Renders every stack; the review says what changed since `before`.
    pub(super) fn render_since(
        &self,
        fleet: &Fleet,
        before: Option<&Baseline>,
    ) -> Result<Rendering, Failed> {
        let templates = self.templates()?;
        Ok(render::render_since(&fleet.shards, &templates, before)?)
    }

    /// Renders the StackSet. Its commands name files in `directory`.
    pub(super) fn render_stack_set(
        &self,
        fleet: &Fleet,
        directory: &str,
    ) -> Result<StackSet, Failed> {
        let templates = self.templates()?;
        Ok(render::render_stack_set(fleet, &templates, directory)?)
    }

    fn templates(&self) -> Result<Templates, Failed> {
        let overlay = match &self.templates {
            Some(directory) => templates_in(directory)?,
            None => BTreeMap::new(),
        };
        Ok(Templates::overlaid(overlay).map_err(render::Error::from)?)
    }
}

const TEMPLATE: &str = ".yaml.hbs";

/// Returns the templates of a directory by name. Ignores other files, but refuses other
/// names that end with `.hbs`.
fn templates_in(directory: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let failed = |error: &std::io::Error| Failed::file("read the templates in", directory, error);
    let mut templates = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(name) = name.strip_suffix(TEMPLATE) {
            let text =
                file::read_text(&path).map_err(|error| Failed::file("read", &path, &error))?;
            templates.insert(name.to_owned(), text);
        } else if name.ends_with(".hbs") {
            let message = format!("the name of {} is not NAME{TEMPLATE}", shown(&path));
            return Err(Failed::new("template", message).hint("rename or remove the file"));
        }
    }
    if templates.is_empty() {
        let message = format!("{} contains no template NAME{TEMPLATE}", shown(directory));
        return Err(Failed::new("template", message)
            .hint("docs/reference/templates.md lists the templates that can be overridden"));
    }
    Ok(templates)
}

/// `keyrota.yaml` has `keyrota.stacks.yaml` beside it.
fn record_path(manifest: &Path) -> PathBuf {
    manifest.with_extension("stacks.yaml")
}
