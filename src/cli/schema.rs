//! `keyrota schema`.

use clap::Args;

use super::Exit;
use super::settings::Settings;
use crate::model::schema;

/// Print the JSON Schema of the manifest, for completion and checks in editors
///
/// The schema is also published with the source code. The first line of a manifest that
/// `keyrota init` creates refers to it.
#[derive(Args, Debug)]
pub(super) struct SchemaCommand {}

pub(super) fn run(settings: &Settings, verb: &SchemaCommand) -> Exit {
    let SchemaCommand {} = verb;
    settings.view.text(&schema::text());
    Exit::Done
}
