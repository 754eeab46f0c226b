//! The scene of the tour: a folder with a manifest, an operator with the permissions of the
//! rendered deployer's policy, a user with a key, and an application.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::process::Command;

use super::super::failure::Failed;
use super::super::settings::Settings;
use crate::aws::{self, Aws};
use crate::model::{self, Architecture};
use crate::port::{Identity, KeyPair};
use crate::render::{self, Fleet, Record, Templates};
use crate::sandbox::Sandbox;
use crate::system;
use crate::view::Tour;

/// The IAM user whose key rotates.
pub(super) const USER: &str = "ci-deployer";
/// The secret with its key.
pub(super) const SECRET: &str = "prod/ci-deployer";
/// The stack.
pub(super) const STACK: &str = "keyrota-demo";

/// Everything that the tour uses. Dropping it deletes the folder.
pub(super) struct Scene {
    /// AWS as root of the account sees it, only to set the scene and to check it.
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

/// The result of a command.
pub(super) struct Answer {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// Its JSON output.
    pub(super) json: Value,
}

impl Scene {
    /// Creates the users, the folder, and the manifest.
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

    /// Runs the program as the operator would, and returns its result.
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

    /// Returns whether a file or folder exists in the tour's folder.
    pub(super) fn has(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }

    /// Returns the commands that continue where the tour stopped.
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
        "version: 1\nstack: {STACK}\naccount: \"{account}\"\nregion: {region}\nfunction: {{ architecture: {} }}\naccess_keys:\n  - user: {USER}\n    secret: {SECRET}\n    initial_key: profile:{USER}   # adopt its existing key\n    schedule: rate(30 days)\n",
        architecture().as_str()
    )
}

/// Returns this machine's architecture, with which the local AWS runs the function.
pub(super) fn architecture() -> Architecture {
    match cfg!(target_arch = "aarch64") {
        true => Architecture::Arm64,
        false => Architecture::X86_64,
    }
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

/// Returns whether the build needs this variable. AWS's variables are dropped: the tour uses the
/// account of the local AWS, whatever account the caller is signed in to.
fn kept(name: &str) -> bool {
    !name.starts_with("AWS_") && !name.starts_with("KEYROTA_") || name == "KEYROTA_SOURCE"
}

/// A private folder that is deleted when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("keyrota-demo-{}", uuid::Uuid::new_v4()));
        system::private_folder()
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
        // If this fails, the folder remains in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
