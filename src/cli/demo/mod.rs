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

/// Run every command on a local AWS, and check each step
///
/// Creates a user with an access key, adopts the key, deploys, rotates while an
/// application uses the key, shows the status, and deletes everything. Leaves nothing
/// behind. It needs Linux, because the local AWS runs the rotation functions.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Stop before the teardown, and keep the local AWS running until interrupted
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Demo) -> Result<Exit, Failed> {
    let tour = Tour::new(&settings.view);
    let mut sandbox = sandbox::start(&Options::of_this_process()?, &settings.progress).await?;
    settings.progress.finish();
    let scene = Scene::set(&sandbox, settings, &tour).await?;
    let application = Application::new(&scene);
    // The application and the tour share this thread until the tour ends.
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
