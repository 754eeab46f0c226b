//! The steps of the tour: real commands, and what must hold after each.

use serde_json::Value;

use super::super::failure::Failed;
use super::application::Application;
use super::scene::{Answer, SECRET, STACK, Scene, USER, architecture};
use crate::embedded::Embedded;
use crate::model::{Content, Credential, Names};
use crate::port::{CURRENT, Identity, Keys, PREVIOUS, Secrets, Stacks};
use crate::view::Tour;

const ZIP: &[&str] = &["--function-zip", "function.zip"];

/// Runs the tour.
pub(super) async fn take(
    scene: &Scene,
    tour: &Tour,
    application: &Application<'_>,
    keep: bool,
) -> Result<(), Failed> {
    review(scene, tour).await?;
    let first = bootstrap(scene, tour).await?;
    rotations(scene, tour, first).await?;
    everyday(scene, tour).await?;
    let (calls, retries, refused) = application.record();
    tour.step("The application, during all steps");
    tour.check(
        refused == 0 && calls > 0,
        format!("made {calls} calls with the key in the secret, {refused} of them refused ({retries} retries after reading the secret again)"),
    );
    application.stop();
    if !keep {
        teardown(scene, tour).await?;
    }
    Ok(())
}

async fn review(scene: &Scene, tour: &Tour) -> Result<(), Failed> {
    let answer = scene.run(tour, &["generate"]).await?;
    succeeded(tour, &answer, "rendered the stack for review, offline");
    tour.check(
        scene.has("rendered/stack.yaml"),
        "wrote rendered/stack.yaml, which the AWS CLI can deploy",
    );

    // A program without the function builds it in less time, because it runs on the local AWS
    // only. A debug program shares no dependencies with a release build, and would gain nothing.
    let architecture = architecture();
    let is_embedded = Embedded::of_this_program().has(architecture);
    let quick: &[&str] = match is_embedded || cfg!(debug_assertions) {
        true => &[],
        false => &["--quick"],
    };
    let bundle = ["bundle", "-o", "function.zip", "--architecture"];
    let bundle = [&bundle[..], &[architecture.as_str()], quick].concat();
    let answer = scene.run(tour, &bundle).await?;
    let bytes = answer.json["bytes"].as_u64().unwrap_or_default();
    let source = match is_embedded {
        true => "packaged the rotation function that this program contains",
        false => "built the rotation function",
    };
    succeeded(
        tour,
        &answer,
        &format!("{source}: a zip file of {bytes} bytes"),
    );
    if is_embedded {
        tour.check(answer.json["source"] == "embedded", "compiled nothing");
    }
    if !quick.is_empty() {
        tour.note("a quick build, for the local AWS only: for AWS, keyrota builds a smaller one");
    }

    let plan = [&["plan", "--detailed-exitcode"], ZIP].concat();
    let answer = scene.run(tour, &plan).await?;
    let count = answer.json["changes"].as_array().map_or(0, Vec::len);
    tour.check(
        answer.code == Some(4) && count > 0,
        format!("{count} resources to add"),
    );
    let left = scene.owner.stack(STACK).await?;
    tour.check(left.is_none(), "left nothing behind");
    Ok(())
}

async fn bootstrap(scene: &Scene, tour: &Tour) -> Result<String, Failed> {
    let arguments = [&["bootstrap", "--yes"], ZIP].concat();
    let answer = scene.run(tour, &arguments).await?;
    succeeded(
        tour,
        &answer,
        "deployed, adopted the key, rotated it, and verified the new key",
    );
    let secret = &answer.json["secrets"][0];
    tour.check(
        secret["rotated"] == true && secret["verified"] == true,
        format!("the secret {SECRET} is rotated and verified"),
    );
    let seen = Keyring::look(scene).await?;
    let original = scene.original.id.as_str();
    tour.check(
        seen.current.as_deref() != Some(original),
        format!("AWSCURRENT contains a new key, {}", seen.name()),
    );
    tour.check(
        seen.previous.as_deref() == Some(original),
        format!("AWSPREVIOUS contains {original}"),
    );
    tour.check(
        seen.active.iter().any(|id| id == original),
        format!("{original} stays active until the next rotation"),
    );
    tour.check(
        authenticates(scene, &seen).await,
        format!("{} authenticates as {USER}", seen.name()),
    );

    let answer = scene.run(tour, &arguments).await?;
    succeeded(tour, &answer, "ran a second time");
    let again = Keyring::look(scene).await?;
    tour.check(
        answer.json["changes"] == 0 && again.current == seen.current,
        "changed nothing and rotated nothing",
    );
    Ok(seen.name().to_owned())
}

async fn rotations(scene: &Scene, tour: &Tour, mut held: String) -> Result<(), Failed> {
    let mut gone = scene.original.id.clone();
    for _ in 0..2 {
        let answer = scene.run(tour, &["rotate", SECRET]).await?;
        let secret = &answer.json["secrets"][0];
        succeeded(
            tour,
            &answer,
            &format!(
                "replaced {} with {}",
                text(secret, "old_access_key_id"),
                text(secret, "new_access_key_id")
            ),
        );
        let seen = Keyring::look(scene).await?;
        tour.check(
            secret["verified"] == true && authenticates(scene, &seen).await,
            "the new key authenticates",
        );
        tour.check(
            seen.previous.as_deref() == Some(held.as_str()),
            format!("{held} is the previous key, and still active"),
        );
        tour.check(
            !seen.all.contains(&gone),
            format!("{gone} was deleted to free its key slot"),
        );
        gone = std::mem::replace(&mut held, seen.name().to_owned());
    }
    Ok(())
}

async fn everyday(scene: &Scene, tour: &Tour) -> Result<(), Failed> {
    let answer = scene.run(tour, &["status", "--check"]).await?;
    succeeded(tour, &answer, "reported that everything is ok");
    let secret = &answer.json["secrets"][0];
    tour.check(
        secret["state"] == "ok",
        format!("next rotation by {}", text(secret, "next_rotation")),
    );

    let answer = scene.run(tour, &["credentials", SECRET]).await?;
    let seen = Keyring::look(scene).await?;
    tour.check(
        answer.code == Some(0) && text(&answer.json, "AccessKeyId") == seen.name(),
        "printed the current key for the credential_process of any SDK",
    );
    Ok(())
}

async fn teardown(scene: &Scene, tour: &Tour) -> Result<(), Failed> {
    let before = Keyring::look(scene).await?;
    let key = before.name();
    let answer = scene.run(tour, &["teardown", "--yes"]).await?;
    succeeded(tour, &answer, "deleted the stack and its resources");
    tour.check(
        scene
            .owner
            .stack(STACK)
            .await?
            .is_none_or(|stack| stack.status.is_deleted()),
        "the stack is deleted",
    );
    let secret = scene.owner.secret(SECRET).await?;
    tour.check(
        secret.is_some_and(|secret| secret.deleted.is_some()),
        "the secret can be restored for 30 days",
    );
    let keys = scene.owner.keys(USER).await?;
    let kept = keys.iter().any(|held| held.id == key && held.active);
    tour.check(
        kept,
        format!("{USER} existed before, so its current key {key} stays active"),
    );
    // The application may have used the key shortly after it was replaced. A teardown then keeps
    // the key and reports it.
    let left_over = answer.json["left_over"].to_string();
    let others = keys.iter().filter(|held| held.id != key);
    tour.check(
        others.clone().all(|held| left_over.contains(&held.id)),
        match others.count() {
            0 => "the key that rotation replaced is deleted",
            _ => "the previous key was used after it was replaced, so it is listed as left over",
        },
    );
    let told = answer.json["retained"].to_string();
    tour.check(
        told.contains(key) && told.contains(SECRET),
        "the result names the key that stays, and the secret that contains it",
    );

    let answer = scene.run(tour, &["teardown", "--yes"]).await?;
    succeeded(
        tour,
        &answer,
        "ran a second time, with nothing left to delete",
    );
    Ok(())
}

fn succeeded(tour: &Tour, answer: &Answer, what: &str) {
    match answer.code {
        Some(0) => tour.check(true, what),
        code => {
            tour.note(&format!("{:#}", answer.json));
            tour.check(false, format!("{what} (exit code {code:?})"));
        }
    }
}

fn text<'json>(value: &'json Value, name: &str) -> &'json str {
    value[name].as_str().unwrap_or_default()
}

/// The user's keys and the secret's labels, as the account's owner sees them.
struct Keyring {
    all: Vec<String>,
    active: Vec<String>,
    current: Option<String>,
    previous: Option<String>,
    held: Option<Credential>,
}

impl Keyring {
    async fn look(scene: &Scene) -> Result<Self, Failed> {
        let keys = scene.owner.keys(USER).await?;
        let active = keys.iter().filter(|key| key.active);
        let held = read(scene, CURRENT).await?;
        Ok(Self {
            active: active.map(|key| key.id.clone()).collect(),
            all: keys.into_iter().map(|key| key.id).collect(),
            current: held.as_ref().map(|held| held.accesskey.to_string()),
            previous: read(scene, PREVIOUS)
                .await?
                .map(|held| held.accesskey.into()),
            held,
        })
    }

    fn name(&self) -> &str {
        self.current.as_deref().unwrap_or("no key")
    }
}

async fn read(scene: &Scene, label: &str) -> Result<Option<Credential>, Failed> {
    let value = scene.owner.value(SECRET, label).await?;
    Ok(value.and_then(
        |value| match Credential::read(&value.text, Names::default_names()) {
            Content::Complete(credential) => Some(credential),
            _ => None,
        },
    ))
}

async fn authenticates(scene: &Scene, seen: &Keyring) -> bool {
    let Some(held) = &seen.held else { return false };
    let key = crate::run::key_pair(held);
    let caller = scene.owner.holder(&key).await;
    caller.is_ok_and(|caller| caller.arn.ends_with(&format!(":user/{USER}")))
}
