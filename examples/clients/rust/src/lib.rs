//! The value of a secret that rotates, from the cache of AWS's library.

use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_secretsmanager_caching::SecretsManagerCachingClient;
use serde::de::DeserializeOwned;

/// How long the cache serves a value without asking Secrets Manager.
const TIME_TO_LIVE: Duration = Duration::from_secs(3600);

/// The waits before each look for a newer value.
const WAITS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

/// A secret that rotates.
pub struct RotatingSecret {
    cache: SecretsManagerCachingClient,
    id: String,
}

impl RotatingSecret {
    /// Returns a secret, which is not read yet.
    pub async fn new(id: String) -> Result<Self, Box<dyn Error>> {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let cache = SecretsManagerCachingClient::from_builder(
            aws_sdk_secretsmanager::config::Builder::from(&config),
            NonZeroUsize::MIN,
            TIME_TO_LIVE,
            true,
        )
        .await?;
        Ok(Self { cache, id })
    }

    /// Returns the value from the cache.
    pub async fn read<T: DeserializeOwned>(&self) -> Result<T, Box<dyn Error>> {
        self.get(false).await
    }

    /// Returns a value that differs from one that was refused, or nothing if there is none.
    ///
    /// A password works on the server some time before it is in AWSCURRENT, so the first look can come
    /// too early. This asks Secrets Manager again, and never the server, which may lock an account
    /// after a few refused logins.
    pub async fn newer<T: DeserializeOwned + PartialEq>(
        &self,
        refused: &T,
    ) -> Result<Option<T>, Box<dyn Error>> {
        for wait in WAITS {
            tokio::time::sleep(wait).await;
            let value = self.get(true).await?;
            if value != *refused {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    async fn get<T: DeserializeOwned>(&self, refresh: bool) -> Result<T, Box<dyn Error>> {
        let output = self.cache.get_secret_value(&self.id, None, None, refresh);
        let text = output
            .await?
            .secret_string
            .ok_or("the secret has no text")?;
        Ok(serde_json::from_str(&text)?)
    }
}
