//! `keyrota demo`.

mod application;
mod scene;
mod tour;

use clap::Args;

use self::application::Application;
use self::scene::Scene;
use super::Exit;
use super::failure::Failed;
use super::settings::Settings;
use crate::sandbox::{self, Options};
use crate::view::Tour;

/// Take the tour on a local AWS: every command for real, each step checked
///
/// A user with a key, its adoption, bootstrap, rotations under a running
/// application, status, teardown. Leaves nothing behind.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Stop before the teardown and leave the local AWS running until interrupted
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Demo) -> Result<Exit, Failed> {
    let tour = Tour::new(&settings.view);
    let mut sandbox = sandbox::start(&Options::of_this_process()?, &settings.progress).await?;
    settings.progress.finish();
    let scene = Scene::set(&sandbox, settings, &tour).await?;
    let application = Application::new(&scene);
    // The application runs beside the tour in this one thread, until the tour ends.
    let outcome = tokio::select! {
        outcome = tour::take(&scene, &tour, &application, verb.keep) => outcome,
        never = application.run() => match never {},
    };
    outcome?;
    settings.view.show(&tour);
    if verb.keep {
        tour.note(&scene.how_to_go_on());
        return Err(sandbox.wait().await.into());
    }
    sandbox.stop().await?;
    Ok(match tour.count() {
        (_, 0) => Exit::Done,
        _ => Exit::Failed,
    })
}
