//! `keyrota schema`.

use clap::{Args, ValueEnum};

use super::Exit;
use super::settings::Settings;
use crate::model::schema::SchemaOf;

/// Print a JSON Schema, for completion and checks in editors
///
/// By default, prints the schema of the manifest. All schemas are also published with the source
/// code. The first line of a manifest that `keyrota init` creates refers to its schema.
#[derive(Args, Debug)]
pub(super) struct SchemaCommand {
    /// What the schema describes: the manifest, the requests and responses of a Lambda adapter,
    /// or the file of an HTTP adapter
    #[arg(value_enum, default_value_t)]
    of: Described,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Described {
    #[default]
    Manifest,
    Adapter,
    HttpAdapter,
}

pub(super) fn run(settings: &Settings, verb: &SchemaCommand) -> Exit {
    let SchemaCommand { of } = verb;
    let of = match of {
        Described::Manifest => SchemaOf::Manifest,
        Described::Adapter => SchemaOf::Adapter,
        Described::HttpAdapter => SchemaOf::HttpAdapter,
    };
    settings.view.text(&of.text());
    Exit::Done
}
