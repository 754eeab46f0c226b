//! The scene of the tour: a folder with a manifest, an operator who may do what
//! the rendered deployer's policy allows, a user with a key, and an application.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::process::Command;

use super::super::failure::Failed;
use super::super::settings::Settings;
use crate::aws::{self, Aws};
use crate::model;
use crate::port::{Identity, KeyPair};
use crate::render::{self, Fleet, Record, Templates};
use crate::sandbox::Sandbox;
use crate::view::Tour;

/// The IAM user whose key rotates.
pub(super) const USER: &str = "ci-deployer";
/// The secret that holds its key.
pub(super) const SECRET: &str = "prod/ci-deployer";
/// The stack.
pub(super) const STACK: &str = "keyrota-demo";

/// Everything that the tour works with. The folder goes when it is dropped.
pub(super) struct Scene {
    /// AWS as the account's owner sees it; it only sets the scene and looks.
    pub(super) owner: Aws,
    /// AWS as the application sees it.
    pub(super) application: Aws,
    /// The key that the user had before.
    pub(super) original: KeyPair,
    folder: Folder,
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    verbose: bool,
}

/// What a command answered.
pub(super) struct Answer {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// Its document.
    pub(super) json: Value,
}

impl Scene {
    /// Makes the users, the folder and the manifest.
    pub(super) async fn set(
        sandbox: &Sandbox,
        settings: &Settings,
        tour: &Tour,
    ) -> Result<Self, Failed> {
        let root = KeyPair {
            id: sandbox.root.id.clone(),
            secret: sandbox.root.secret.clone(),
        };
        let owner = client(sandbox, root).await;
        let account = owner.caller().await?.account;
        let text = manifest(&account, &sandbox.region);
        let model = model::load(&text, None)
            .map_err(|findings| Failed::refused("the tour's manifest", findings))?
            .model;
        let manifest = |finding| Failed::refused("the tour's manifest", vec![finding]);
        let fleet = Fleet::of(model, Record::default()).map_err(manifest)?;
        let templates = Templates::built_in().map_err(render::Error::from)?;
        let rendering = render::render(&fleet.shards, &templates)?;
        let deployer = rendering
            .files
            .get("deployer-policy.json")
            .cloned()
            .unwrap_or_default();

        tour.step("Set-up: an account on the local AWS");
        let original = owner.make_user(USER, None).await?;
        tour.note(&format!("user {USER} has the access key {}", original.id));
        let operator = owner.make_user("operator", None).await?;
        owner
            .attach_policy("operator", "keyrota-deployer", &deployer)
            .await?;
        tour.note("user operator runs keyrota, with only the permissions in deployer-policy.json");
        let reader = owner
            .make_user("payments-app", Some(&reader_policy(&account, sandbox)))
            .await?;
        let application = client(sandbox, reader).await;
        tour.note("an application reads the key from the secret, and calls AWS continuously");

        let folder = Folder::make()?;
        folder.write("keyrota.yaml", &text)?;
        folder.write("credentials", &profile(&original))?;
        Ok(Self {
            environment: environment(sandbox, &operator, folder.path()),
            program: std::env::current_exe().map_err(|error| {
                Failed::new(
                    "demo",
                    format!("cannot find the path of this program: {error}"),
                )
            })?,
            owner,
            application,
            original,
            folder,
            verbose: settings.verbose,
        })
    }

    /// Runs the real program as the operator would and returns what it answered.
    pub(super) async fn run(&self, tour: &Tour, arguments: &[&str]) -> Result<Answer, Failed> {
        tour.step(format!("$ keyrota {}", arguments.join(" ")));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .args(["--format", "json"])
            .arg(if self.verbose { "--verbose" } else { "--quiet" })
            .current_dir(self.folder.path())
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| kept(&name.to_string_lossy())))
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true);
        let failed = |error| Failed::new("demo", format!("cannot run keyrota: {error}"));
        let child = command.spawn().map_err(failed)?;
        let output = child.wait_with_output().await.map_err(failed)?;
        Ok(Answer {
            code: output.status.code(),
            json: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        })
    }

    /// Returns whether a file or folder is there, below the tour's folder.
    pub(super) fn has(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }

    /// Returns what to type to go on where the tour stopped.
    pub(super) fn how_to_go_on(&self) -> String {
        let exports = self
            .environment
            .iter()
            .map(|(name, value)| format!("export {name}={value}"));
        let exports: Vec<String> = exports.collect();
        format!(
            "The local AWS runs until you interrupt it. In another terminal, run:\n\n  cd {}\n  {}\n  keyrota status",
            self.folder.path().display(),
            exports.join("\n  ")
        )
    }
}

async fn client(sandbox: &Sandbox, key: KeyPair) -> Aws {
    Aws::new(&aws::Settings {
        profile: None,
        region: Some(sandbox.region.clone()),
        endpoint_url: Some(sandbox.endpoint.clone()),
        key: Some(key),
    })
    .await
}

fn manifest(account: &str, region: &str) -> String {
    format!(
        "version: 1\nstack: {STACK}\naccount: \"{account}\"\nregion: {region}\naccess_keys:\n  - user: {USER}\n    secret: {SECRET}\n    initial_key: profile:{USER}   # adopt its existing key\n    schedule: rate(30 days)\n"
    )
}

fn reader_policy(account: &str, sandbox: &Sandbox) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": format!(
                "arn:aws:secretsmanager:{}:{account}:secret:{SECRET}-??????", sandbox.region
            ),
        }],
    })
    .to_string()
}

fn profile(key: &KeyPair) -> String {
    format!(
        "[{USER}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id,
        key.secret.expose_secret()
    )
}

fn environment(
    sandbox: &Sandbox,
    operator: &KeyPair,
    folder: &Path,
) -> Vec<(&'static str, String)> {
    let files = folder.join("credentials").display().to_string();
    vec![
        ("AWS_ENDPOINT_URL", sandbox.endpoint.clone()),
        ("AWS_ACCESS_KEY_ID", operator.id.clone()),
        (
            "AWS_SECRET_ACCESS_KEY",
            operator.secret.expose_secret().to_owned(),
        ),
        ("AWS_REGION", sandbox.region.clone()),
        ("AWS_DEFAULT_REGION", sandbox.region.clone()),
        ("AWS_SHARED_CREDENTIALS_FILE", files),
    ]
}

/// The variables that a build needs. None of AWS's: the tour's account is the
/// one on this machine, whatever else the caller is signed in to.
fn kept(name: &str) -> bool {
    !name.starts_with("AWS_") && !name.starts_with("KEYROTA_") || name == "KEYROTA_SOURCE"
}

/// A folder of one's own that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("keyrota-demo-{}", uuid::Uuid::new_v4()));
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
            .create(&path)
            .map_err(|error| Failed::file("create", &path, &error))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    #[expect(clippy::disallowed_methods, reason = "the scene is made of files")]
    fn write(&self, name: &str, text: &str) -> Result<(), Failed> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|error| Failed::file("write", &path, &error))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is a folder in the system's temporary one.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
