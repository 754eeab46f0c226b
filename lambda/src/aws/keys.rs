//! IAM's access keys.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::{Builder, Config};
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType, Tag};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use keyrota_function_base::aws::{
    Environment, classify, incomplete_answer, moment, no_retries, retries,
};
use keyrota_function_base::client_config;
use secrecy::{ExposeSecret, SecretString};

use crate::decide::{AccessKeyId, Activity};
use crate::port::{AccessKey, CallError, Caller, Keys, LastUsed, NewKey};

const LIST: &str = "iam:ListAccessKeys";
const USAGE: &str = "iam:GetAccessKeyLastUsed";
const CREATE: &str = "iam:CreateAccessKey";
const UPDATE: &str = "iam:UpdateAccessKey";
const DELETE: &str = "iam:DeleteAccessKey";
const LIST_TAGS: &str = "iam:ListUserTags";
const TAG: &str = "iam:TagUser";
const UNTAG: &str = "iam:UntagUser";

/// What `GetAccessKeyLastUsed` returns as the service of a key that was never used.
const NO_SERVICE: &str = "N/A";

/// IAM. The SDK chooses the endpoint and the signing Region of the Region's partition.
pub struct Iam {
    environment: Environment,
    http: SharedHttpClient,
    client: OnceCell<Client>,
}

impl Iam {
    pub(super) fn new(environment: Environment, http: SharedHttpClient) -> Self {
        Self {
            environment,
            http,
            client: OnceCell::new(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config = client_config!(
                aws_sdk_iam,
                &self.environment,
                self.http,
                self.environment.iam_endpoint,
                retries()
            );
            Client::from_conf(config.build())
        })
    }

    /// Returns the configuration of a call. The client has no credentials of its own, so none
    /// can be used by mistake.
    fn signed_by(&self, caller: &Caller) -> Builder {
        let credentials = match caller {
            Caller::Role => self.environment.role.clone(),
            Caller::Key(key) => {
                Credentials::new(&key.id, key.secret.expose_secret(), None, None, "secret")
            }
        };
        Config::builder().credentials_provider(credentials)
    }
}

impl Keys for Iam {
    async fn list(&self, caller: &Caller, user: &str) -> Result<Vec<AccessKey>, CallError> {
        let mut listed = Vec::new();
        let mut marker = None;
        loop {
            let page = self
                .client()
                .list_access_keys()
                .user_name(user)
                .set_marker(marker)
                .customize()
                .config_override(self.signed_by(caller))
                .send()
                .await
                .map_err(|error| classify(LIST, &error))?;
            for key in &page.access_key_metadata {
                listed.push(listed_key(key).ok_or_else(|| incomplete_answer(LIST))?);
            }
            match page.marker {
                Some(next) if page.is_truncated => marker = Some(next),
                _ => return Ok(listed),
            }
        }
    }

    async fn usage(
        &self,
        caller: &Caller,
        key: &AccessKeyId,
    ) -> Result<Option<LastUsed>, CallError> {
        let answer = self
            .client()
            .get_access_key_last_used()
            .access_key_id(key.as_str())
            .customize()
            .config_override(self.signed_by(caller))
            .send()
            .await
            .map_err(|error| classify(USAGE, &error))?;
        let used = answer
            .access_key_last_used
            .ok_or_else(|| incomplete_answer(USAGE))?;
        match used.last_used_date {
            Some(date) => Ok(Some(LastUsed {
                at: moment(date),
                service: used.service_name,
                region: used.region,
            })),
            None if used.service_name.is_empty() || used.service_name == NO_SERVICE => Ok(None),
            // A use without a time. The caller must ask again.
            None => Err(incomplete_answer(USAGE)),
        }
    }

    async fn create(&self, caller: &Caller, user: &str) -> Result<NewKey, CallError> {
        let answer = self
            .client()
            .create_access_key()
            .user_name(user)
            .customize()
            .config_override(self.signed_by(caller).retry_config(no_retries()))
            .send()
            .await
            .map_err(|error| classify(CREATE, &error))?;
        let key = answer.access_key.ok_or_else(|| incomplete_answer(CREATE))?;
        if key.secret_access_key.is_empty() {
            return Err(incomplete_answer(CREATE));
        }
        Ok(NewKey {
            id: AccessKeyId::parse(&key.access_key_id).ok_or_else(|| incomplete_answer(CREATE))?,
            secret: SecretString::from(key.secret_access_key),
        })
    }

    async fn deactivate(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError> {
        self.client()
            .update_access_key()
            .user_name(user)
            .access_key_id(key.as_str())
            .status(StatusType::Inactive)
            .customize()
            .config_override(self.signed_by(caller))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(UPDATE, &error))
    }

    async fn delete(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError> {
        self.client()
            .delete_access_key()
            .user_name(user)
            .access_key_id(key.as_str())
            .customize()
            .config_override(self.signed_by(caller))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(DELETE, &error))
    }

    async fn tags(&self, user: &str) -> Result<BTreeMap<String, String>, CallError> {
        let mut tags = BTreeMap::new();
        let mut marker = None;
        loop {
            let page = self
                .client()
                .list_user_tags()
                .user_name(user)
                .set_marker(marker)
                .customize()
                .config_override(self.signed_by(&Caller::Role))
                .send()
                .await
                .map_err(|error| classify(LIST_TAGS, &error))?;
            tags.extend(page.tags.into_iter().map(|tag| (tag.key, tag.value)));
            match page.marker {
                Some(next) if page.is_truncated => marker = Some(next),
                _ => return Ok(tags),
            }
        }
    }

    async fn tag(&self, user: &str, key: &'static str, value: &str) -> Result<(), CallError> {
        let tag = Tag::builder().key(key).value(value).build();
        let tag = tag.map_err(|_| incomplete_answer(TAG))?;
        self.client()
            .tag_user()
            .user_name(user)
            .tags(tag)
            .customize()
            .config_override(self.signed_by(&Caller::Role))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(TAG, &error))
    }

    async fn untag(&self, user: &str, key: &'static str) -> Result<(), CallError> {
        self.client()
            .untag_user()
            .user_name(user)
            .tag_keys(key)
            .customize()
            .config_override(self.signed_by(&Caller::Role))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(UNTAG, &error))
    }
}

fn listed_key(key: &AccessKeyMetadata) -> Option<AccessKey> {
    let id = AccessKeyId::parse(key.access_key_id.as_deref()?)?;
    // An unknown status counts as active, since rotation never removes an active key without
    // proof.
    let activity = match &key.status {
        Some(StatusType::Inactive) => Activity::Inactive,
        _ => Activity::Active,
    };
    Some(AccessKey {
        id,
        activity,
        created: key.create_date.map(moment),
    })
}
