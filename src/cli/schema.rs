//! `keyrota schema`.

use clap::Args;

use super::Exit;
use super::settings::Settings;
use crate::model::schema;

/// Print the manifest's JSON Schema, by which editors complete and check it
///
/// It is published with the source; `keyrota init` writes its address into the
/// manifest's first line.
#[derive(Args, Debug)]
pub(super) struct SchemaCommand {}

pub(super) fn run(settings: &Settings, verb: &SchemaCommand) -> Exit {
    let SchemaCommand {} = verb;
    settings.view.text(&schema::text());
    Exit::Done
}
