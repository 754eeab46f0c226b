//! Database servers, and the function that rotates passwords on them. It keeps to
//! the decisions of the real one, in short.

use std::collections::BTreeMap;
use std::time::Duration;

use keyrota_contract::check::{
    CallResult, CheckAnswer, CheckedCall, SEVERAL_ACCOUNTS, Signer, call,
};
use keyrota_contract::tag;
use serde_json::{Value, json};

use super::rotation::{ActiveRotation, STEP, Step};
use super::state::{AwsState, SecretRecord, refused};
use crate::plan::SETTING;
use crate::port::{CURRENT, ErrorKind, Invoked, PENDING, PREVIOUS, Result};

/// A server, by its users' passwords.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pub users: BTreeMap<String, String>,
    /// Nobody listens.
    pub down: bool,
    /// Why one password does not serve all accounts of a name.
    pub accounts: Option<&'static str>,
}

/// Returns the answer to the rehearsal of a key's rotation that nothing refuses.
fn rehearsed(secret: &SecretRecord) -> String {
    let answer = CheckAnswer {
        calls: vec![
            CheckedCall {
                result: CallResult::Allowed,
                ..CheckedCall::untried(call::DESCRIBE_SECRET, Signer::Role)
            },
            CheckedCall::untried(call::PUT_SECRET_VALUE, Signer::Role),
        ],
        rotating: secret.in_rotation(),
        ..CheckAnswer::default()
    };
    serde_json::to_string(&answer).unwrap()
}

/// What a version says of where to log in.
struct Login {
    user: String,
    password: String,
}

impl AwsState {
    /// Starts a server with one user.
    pub fn add_server(&mut self, endpoint: &str, user: &str, password: &str) {
        let server = self.servers.entry(endpoint.to_owned()).or_default();
        server.users.insert(user.to_owned(), password.to_owned());
    }

    /// Makes a secret with an administrator's login in it.
    pub fn add_master(&mut self, name: &str, host: &str, port: u16) {
        self.add_server(&format!("{host}:{port}"), "master", "hush-master");
        self.add_value(
            name,
            &json!({
                "engine": "postgres", "host": host, "port": port,
                "username": "master", "password": "hush-master",
            }),
        );
    }

    /// `lambda:InvokeFunction`.
    pub fn invoke(&mut self, function: &str, payload: &str) -> Result<Invoked> {
        let code = crate::bundle::sha256_base64(b"the function of databases");
        let Some(is_of_databases) = self.functions.get(function).map(|held| *held == code) else {
            return refused(ErrorKind::NotFound, "no such function");
        };
        let event: Value = serde_json::from_str(payload).unwrap();
        assert_eq!(event["keyrota"], "check");
        let text = |key: &str| event[key].as_str().map(str::to_owned);
        let Some(secret) = self.find_secret(&text("secret").unwrap()) else {
            return Ok(Invoked::Failed("no such secret".to_owned()));
        };
        if !is_of_databases {
            assert_eq!(text("version"), None, "a check of a key's version");
            return Ok(Invoked::Answered(rehearsed(secret)));
        }
        let current = secret.labelled(CURRENT).unwrap_or_default().to_owned();
        let version = text("version").unwrap_or(current);
        Ok(match self.login_of(secret, &version) {
            Err(reason) => Invoked::Failed(reason),
            Ok(login) => {
                let mut call = CheckedCall::untried(call::LOG_IN, Signer::User);
                match self.log_in(secret, &login) {
                    Ok(()) => call.result = CallResult::Allowed,
                    Err((code, reason)) => {
                        call.result = CallResult::Failed;
                        (call.code, call.reason) = (Some(code.into()), Some(reason.into()));
                    }
                }
                let endpoint = secret.tag(tag::ENDPOINT);
                let accounts = self.servers.get(endpoint).and_then(|it| it.accounts);
                let accounts = accounts.map(|why| CheckedCall {
                    result: CallResult::Failed,
                    code: Some(SEVERAL_ACCOUNTS.to_owned()),
                    reason: Some(why.to_owned()),
                    ..CheckedCall::untried(call::READ_ACCOUNTS, Signer::User)
                });
                let answer = CheckAnswer {
                    calls: [call].into_iter().chain(accounts).collect(),
                    ..CheckAnswer::default()
                };
                Invoked::Answered(serde_json::to_string(&answer).unwrap())
            }
        })
    }

    /// Returns the login that a version holds, which has to be where the tag says.
    fn login_of(&self, secret: &SecretRecord, version: &str) -> std::result::Result<Login, String> {
        let held = secret.versions.get(version).ok_or("no such version")?;
        let value = held.value.as_deref().ok_or("the version has no value")?;
        let value: Value = serde_json::from_str(value).map_err(|_| "it is not JSON")?;
        let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let lacks = || "the value is not complete".to_owned();
        let endpoint = format!("{}:{}", text("host").ok_or_else(lacks)?, value["port"]);
        if endpoint != secret.tag(tag::ENDPOINT) {
            return Err(format!("the value names {endpoint}, and the tag another"));
        }
        Ok(Login {
            user: text("username").ok_or_else(lacks)?,
            password: text("password").ok_or_else(lacks)?,
        })
    }

    fn log_in(
        &self,
        secret: &SecretRecord,
        login: &Login,
    ) -> std::result::Result<(), (&'static str, &'static str)> {
        match self.servers.get(secret.tag(tag::ENDPOINT)) {
            Some(server) if !server.down => match server.users.get(&login.user) {
                Some(password) if *password == login.password => Ok(()),
                _ => Err((
                    "wrong_credentials",
                    "the user name or the password is wrong",
                )),
            },
            _ => Err(("unreachable", "nothing listens on the port")),
        }
    }

    /// Carries a step of a database's rotation out.
    pub(super) fn database_step(
        &mut self,
        process: &ActiveRotation,
    ) -> std::result::Result<Option<(Step, Duration)>, String> {
        let ActiveRotation {
            secret, version, ..
        } = process;
        let held = self.secrets[secret].clone();
        if held.labelled(PENDING) != Some(version) {
            return Err("the version is not pending".to_owned());
        }
        match process.step {
            Step::Create => {
                if held.versions[version].value.is_none() {
                    let current = held.labelled(CURRENT).unwrap_or_default();
                    self.login_of(&held, current)?;
                    let text = held.versions[current].value.as_ref().unwrap();
                    let mut value: Value = serde_json::from_str(text).unwrap();
                    value["password"] = self.unique("hush-").into();
                    let held = self.secrets.get_mut(secret).unwrap();
                    held.versions.get_mut(version).unwrap().value = Some(value.to_string());
                }
                Ok(Some((Step::Set, STEP)))
            }
            Step::Set => {
                self.change_password(&held, version)?;
                Ok(Some((Step::Test, STEP)))
            }
            Step::Test => {
                let login = self.login_of(&held, version)?;
                self.log_in(&held, &login).map_err(|(_, why)| why)?;
                Ok(Some((Step::Finish, STEP)))
            }
            _ => {
                let now = self.now;
                let held = self.secrets.get_mut(secret).unwrap();
                held.put_label(CURRENT, Some(version));
                held.put_label(PENDING, None);
                held.put_label(SETTING, None);
                held.last_rotated = Some(now);
                Ok(None)
            }
        }
    }

    fn change_password(
        &mut self,
        held: &SecretRecord,
        version: &str,
    ) -> std::result::Result<(), String> {
        let pending = self.login_of(held, version)?;
        if self.log_in(held, &pending).is_ok() {
            return Ok(());
        }
        let tries = [CURRENT, SETTING, PREVIOUS];
        let tries = tries.into_iter().filter_map(|label| held.labelled(label));
        let logins: Vec<Login> = tries
            .filter_map(|version| self.login_of(held, version).ok())
            .collect();
        let mut outcome = Err("there is no login to try");
        for login in &logins {
            outcome = self.log_in(held, login).map_err(|(_, why)| why);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
        let record = self.secrets.get_mut(&held.name).unwrap();
        record.put_label(SETTING, Some(version));
        let endpoint = held.tag(tag::ENDPOINT).to_owned();
        let server = self.servers.get_mut(&endpoint).unwrap();
        server.users.insert(pending.user, pending.password);
        Ok(())
    }

    /// A password that is there works, or one that a rotation is about to put in
    /// its place.
    pub(super) fn watch_login(&self, secret: &SecretRecord, call: &str) {
        let labels = [CURRENT, PENDING, PREVIOUS, SETTING];
        let works = |label: &str| {
            let version = secret.labelled(label)?;
            let value: Value =
                serde_json::from_str(secret.versions[version].value.as_ref()?).ok()?;
            let text = |key: &str| value.get(key).and_then(Value::as_str);
            let endpoint = format!("{}:{}", text("host")?, value["port"]);
            let server = self.servers.get(&endpoint)?;
            Some(server.users.get(text("username")?).map(String::as_str) == text("password"))
        };
        if self.watch.meanwhile || secret.field(CURRENT, "password").is_none() {
            return;
        }
        let name = &secret.name;
        let any = labels.iter().any(|label| works(label) == Some(true));
        assert!(any, "after {call}: no version of {name} works");
        let current = works(CURRENT) == Some(true);
        let under_way = secret.in_rotation() || secret.labelled(SETTING).is_some();
        assert!(current || under_way, "after {call}: {name} does not work");
    }
}
