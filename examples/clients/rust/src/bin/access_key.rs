//! Calls AWS every 100 milliseconds with a rotating access key:
//!
//!     access_key SECRET
//!
//! If AWS refuses the key, it reads the secret again, and makes the call with the new key.

use std::error::Error;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use rotating_clients::RotatingSecret;
use serde::Deserialize;

/// The codes with which AWS refuses a key that does not exist or is inactive. They depend on the service: the
/// first is that of STS, IAM, SNS, and SES, then those of the services with JSON, of S3, and of EC2.
const REFUSED: [&str; 4] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "AuthFailure",
];

/// The waits before a new key is tried again. IAM is eventually consistent: for some seconds, some
/// of its servers do not know a new key. Unlike a database, it does not lock an account.
const WAITS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

#[derive(PartialEq, Deserialize)]
struct Key {
    accesskey: String,
    secretkey: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let id = std::env::args().nth(1).ok_or("usage: access_key SECRET")?;
    let secret = RotatingSecret::new(id).await?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    for number in 1.. {
        let arn = call(&secret, &config).await?;
        println!("request {number}: {arn}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Returns the ARN of the key's user. Any other operation is called in the same way.
async fn call(secret: &RotatingSecret, config: &SdkConfig) -> Result<String, Box<dyn Error>> {
    let key: Key = secret.read().await?;
    let error = match identity(config, &key).await {
        Ok(arn) => return Ok(arn),
        Err(error) => error,
    };
    if !was_refused(&error) {
        return Err(error.into());
    }
    let Some(newer) = secret.newer(&key).await? else {
        return Err(error.into());
    };
    println!("refreshed: {} was refused", key.accesskey);
    for wait in WAITS {
        match identity(config, &newer).await {
            Err(error) if was_refused(&error) => {}
            result => return Ok(result?),
        }
        println!("again: {} is not known everywhere yet", newer.accesskey);
        tokio::time::sleep(wait).await;
    }
    Ok(identity(config, &newer).await?)
}

fn was_refused(error: &impl ProvideErrorMetadata) -> bool {
    error.code().is_some_and(|code| REFUSED.contains(&code))
}

async fn identity(
    config: &SdkConfig,
    key: &Key,
) -> Result<String, aws_sdk_sts::error::SdkError<GetCallerIdentityError>> {
    let credentials = Credentials::new(&key.accesskey, &key.secretkey, None, None, "secret");
    let config = config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let request = aws_sdk_sts::Client::new(&config).get_caller_identity();
    Ok(request.send().await?.arn.unwrap_or_default())
}
