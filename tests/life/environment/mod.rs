//! A test's own AWS account, and the program that runs in it.

mod account;
mod command;
mod everything;
mod function;
mod function_process;
mod home;
mod network;
mod part;
mod policy;
mod proxy;
mod request;
mod rule;
mod secret_values;
mod shared;
mod signed;
mod time;
mod topic;

use std::cell::RefCell;
use std::collections::BTreeSet;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use keyrota::port::{Event, Listener};
use keyrota::sandbox::{self, Options, RootKey, Sandbox, Strictness};
use secrecy::ExposeSecret;

pub use command::CommandOutput;
pub use function::STEPS;
pub use home::Home;
pub use part::is_in_part;
pub use policy::{ADMINISTRATOR, KEY_ADMINISTRATOR, LIST_ARTIFACTS};
pub use proxy::{Call, Cut, Fault, ObservedCalls, Proxy, Stop, Watch};
pub use shared::{function_zip, options, tools};
pub use signed::Signed;
pub use time::TimePassing;

/// The account of every local AWS.
pub const ACCOUNT: &str = "000000000000";

/// The Region of these tests.
pub const REGION: &str = "us-east-1";

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl From<&RootKey> for Key {
    fn from(root: &RootKey) -> Self {
        Self {
            id: root.id.clone(),
            secret: root.secret.expose_secret().to_owned(),
        }
    }
}

/// A local AWS, and a working folder.
pub struct TestEnvironment {
    sandbox: Sandbox,
    pub home: Home,
    /// The key that the program gets.
    caller: RefCell<Key>,
    /// Every secret that was ever seen. None may be printed.
    concealed: RefCell<BTreeSet<String>>,
    /// What lets virtual time pass, for as long as the account is there.
    time: Option<TimePassing>,
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub iam: aws_sdk_iam::Client,
    pub kms: aws_sdk_kms::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub s3: aws_sdk_s3::Client,
    pub secretsmanager: aws_sdk_secretsmanager::Client,
    sts: aws_sdk_sts::Client,
}

/// Ignores events.
pub struct SilentListener;

impl Listener for SilentListener {
    fn on(&self, _: Event) {}
}

impl TestEnvironment {
    /// Starts an empty account, with the access key function for deployment.
    pub async fn new() -> Self {
        // First of all, because the build can take long.
        function_zip();
        Self::without_function().await.with_function()
    }

    /// Adds the access key function for deployment.
    pub fn with_function(self) -> Self {
        std::os::unix::fs::symlink(function_zip(), self.home.file("function.zip"))
            .expect("a link to the function's zip");
        self
    }

    /// Starts an empty account. If its answers depend on time, its virtual time passes as real
    /// time does.
    pub async fn without_function() -> Self {
        let mut test = Self::start(&options()).await;
        if shared::depends_on_time() {
            test.time = Some(test.let_time_pass(1.0));
        }
        test
    }

    /// Starts an empty account in which some of what makes AWS harder to use than a local
    /// AWS is on, in virtual time: `all`, or items of the emulator's README. The seed
    /// decides the lags.
    pub async fn strict(items: &str, seed: u32) -> Self {
        let strictness = Strictness::Virtual {
            items: items.to_owned(),
            seed,
        };
        Self::start(&Options {
            strictness,
            ..options()
        })
        .await
    }

    async fn start(options: &Options) -> Self {
        let sandbox = sandbox::start(options, &SilentListener)
            .await
            .expect("the local AWS starts");
        let home = Home::new();
        let root = Key::from(&sandbox.root);
        let config = config(&sandbox.endpoint, &root);
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(true)
            .build();
        Self {
            home,
            concealed: RefCell::new(BTreeSet::from([root.secret.clone()])),
            caller: RefCell::new(root),
            time: None,
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            secretsmanager: aws_sdk_secretsmanager::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            sandbox,
        }
    }

    /// Returns the endpoint of AWS.
    pub fn endpoint(&self) -> &str {
        &self.sandbox.endpoint
    }

    /// Returns the local AWS's log: warnings and errors.
    pub fn emulator_log(&self) -> String {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::read_to_string(self.sandbox.log()).expect("the emulator's log")
    }

    /// Returns the emulator's root, which no policy restricts.
    pub fn root(&self) -> Key {
        Key::from(&self.sandbox.root)
    }

    /// Empties the account.
    pub async fn reset(&self) {
        let path = "/_ministack/reset";
        let request = Signed::new("keyrota", "POST", path);
        request.send(self.endpoint(), &self.root(), "").await;
    }

    /// Lets virtual time pass at once.
    pub async fn advance(&self, seconds: f64) {
        time::advance(self.endpoint(), &self.root(), seconds).await;
    }

    /// Lets virtual time pass beside real time, until the value is dropped: this many
    /// seconds in each real one.
    pub fn let_time_pass(&self, factor: f64) -> TimePassing {
        TimePassing::start(self.endpoint(), self.root(), factor)
    }

    /// Gives the program another caller's key.
    pub fn act_as(&self, key: &Key) {
        self.conceal(&key.secret);
        *self.caller.borrow_mut() = key.clone();
    }

    /// Writes the manifest.
    pub fn manifest(&self, text: &str) {
        self.home.write("keyrota.yaml", text);
    }

    /// Searches every command's output for a secret from now on.
    pub fn conceal(&self, secret: &str) {
        self.concealed.borrow_mut().insert(secret.to_owned());
    }

    /// Returns every secret that was ever seen.
    pub fn concealed(&self) -> BTreeSet<String> {
        self.concealed.borrow().clone()
    }

    /// Returns the ARN of a key's user from AWS, or AWS's error code.
    pub async fn holder(&self, key: &Key) -> Result<String, String> {
        holder_by(&self.sts, key).await
    }
}

/// Returns the ARN of a key's user from an AWS, or its error code.
pub async fn holder(endpoint: &str, key: &Key) -> Result<String, String> {
    holder_by(&aws_sdk_sts::Client::new(&config(endpoint, key)), key).await
}

async fn holder_by(client: &aws_sdk_sts::Client, key: &Key) -> Result<String, String> {
    use aws_smithy_types::error::metadata::ProvideErrorMetadata;
    let config = aws_sdk_sts::config::Builder::new().credentials_provider(credentials(key));
    let request = client.get_caller_identity().customize();
    match request.config_override(config).send().await {
        Ok(answer) => Ok(answer.arn.expect("an ARN")),
        Err(error) => Err(error.code().unwrap_or("no answer").to_owned()),
    }
}

/// Returns a client configuration for a key. It has no TLS, for which each client would read
/// the machine's certificates.
pub fn config(endpoint: &str, key: &Key) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials(key)))
        .build()
}

fn credentials(key: &Key) -> Credentials {
    Credentials::new(&key.id, &key.secret, None, None, "test")
}
