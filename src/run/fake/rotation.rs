//! `RotateSecret` and the rotation function, step by step in virtual time. The
//! function here keeps to the decisions of the real one, in short.

use std::time::Duration;

use jiff::Timestamp;
use keyrota_contract::tag;
use serde_json::json;

use super::state::{AwsState, Origin, refused};
use super::watch::field;
use crate::plan::{MADE, MAKING_TAG, REPLACED};
use crate::port::{CURRENT, ErrorKind, PENDING, PREVIOUS};

/// How long a step takes.
pub const STEP: Duration = Duration::from_millis(300);
/// How long the trial of a new schedule takes.
pub const TRIAL: Duration = Duration::from_secs(3);

/// The steps of a rotation, and the trial of a new schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `RotateSecret`, by somebody else.
    Begin,
    /// `createSecret`.
    Create,
    /// `setSecret`, of a database alone.
    Set,
    /// Within `createSecret`, between making the key and storing it.
    Store,
    /// `testSecret`.
    Test,
    /// `finishSecret`.
    Finish,
    /// `testSecret` alone, of a new schedule.
    Trial,
}

/// A rotation that is under way.
#[derive(Clone, Debug)]
pub struct ActiveRotation {
    pub secret: String,
    pub version: String,
    pub step: Step,
    pub due: Timestamp,
    /// It belongs to an attempt that Secrets Manager no longer waits for.
    pub late: bool,
}

impl AwsState {
    pub fn rotate(&mut self, id: &str, token: &str) -> crate::port::Result<String> {
        let now = self.now;
        let secret = self.live_secret(id)?;
        if secret.rotation.function.is_none() {
            return refused(ErrorKind::Invalid, "no rotation function is set");
        }
        // That enables rotation where it was disabled (`API_RotateSecret`).
        secret.rotates = true;
        let name = secret.name.clone();
        if secret.in_rotation() {
            let version = secret.labelled(PENDING).unwrap_or_default().to_owned();
            // "A previous rotation isn't complete. That rotation will be reattempted."
            if !self
                .rotations
                .iter()
                .any(|process| process.secret == name && !process.late)
            {
                self.start(&name, &version, Step::Create, STEP);
            }
            return refused(ErrorKind::Conflict, "a rotation is not complete");
        }
        // The same token again is the same request.
        if secret
            .versions
            .get(token)
            .is_none_or(|held| held.labels.is_empty())
        {
            secret.begin_version(token, now);
            self.start(&name, token, Step::Create, STEP);
        }
        Ok(token.to_owned())
    }

    /// Begins the trial of a new schedule on a temporary version.
    pub fn begin_trial(&mut self, name: &str) {
        let token = self.token();
        let now = self.now;
        let secret = self.secrets.get_mut(name).unwrap();
        if secret.in_rotation() {
            return;
        }
        secret.begin_version(&token, now);
        self.start(name, &token, Step::Trial, TRIAL);
    }

    /// Has the last step of a pending version happen at a moment, whatever else goes on.
    pub fn finish_late(&mut self, secret: &str, due: Timestamp) {
        let version = self.secrets[secret].labelled(PENDING).unwrap().to_owned();
        self.rotations.push(ActiveRotation {
            secret: secret.to_owned(),
            version,
            step: Step::Finish,
            due,
            late: true,
        });
    }

    /// Has somebody else begin a rotation at a moment.
    pub fn rotate_at(&mut self, secret: &str, due: Timestamp) {
        let version = self.token();
        self.rotations.push(ActiveRotation {
            secret: secret.to_owned(),
            version,
            step: Step::Begin,
            due,
            late: true,
        });
    }

    fn start(&mut self, secret: &str, version: &str, step: Step, after: Duration) {
        self.rotations.push(ActiveRotation {
            secret: secret.to_owned(),
            version: version.to_owned(),
            step,
            due: self.now + after,
            late: false,
        });
    }

    pub fn advance_rotations(&mut self) {
        let due = |process: &ActiveRotation| process.due <= self.now;
        let Some(index) = self.rotations.iter().position(due) else {
            return;
        };
        let process = self.rotations.remove(index);
        let outcome = match self.fails(process.step) {
            true => Err(self.failure.to_owned()),
            false => self.step(&process),
        };
        match outcome {
            Ok(Some((step, after))) => self.start(&process.secret, &process.version, step, after),
            Ok(None) => {}
            Err(reason) => self.report(&process.secret, &reason),
        }
    }

    fn fails(&mut self, step: Step) -> bool {
        match self.failing.get_mut(&step) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn report(&mut self, secret: &str, reason: &str) {
        // Lambda has ended the function before it wrote a line.
        if reason.is_empty() {
            return;
        }
        let held = &self.secrets[secret];
        let below = match held.tag(tag::KIND) {
            "database" => "/database",
            _ => "",
        };
        let stack = format!("{}{below}", held.tag(tag::STACK));
        let line = json!({ "level": "ERROR", "secret": secret, "errorMessage": reason });
        let group = self.logs.entry(format!("/keyrota/{stack}")).or_default();
        group.push((self.now, line.to_string()));
    }

    fn step(&mut self, process: &ActiveRotation) -> Result<Option<(Step, Duration)>, String> {
        let ActiveRotation {
            secret, version, ..
        } = process;
        let database = self.secrets[secret].tag(tag::KIND) == "database";
        match process.step {
            Step::Create | Step::Set | Step::Test | Step::Finish if database => {
                self.database_step(process)
            }
            Step::Begin => {
                // The other principal waits for nothing: the previous key is deleted immediately.
                if self.rotate(secret, version).is_ok() {
                    let begun = self.rotations.pop();
                    return Ok(begun.map(|begun| (begun.step, Duration::ZERO)));
                }
                Ok(None)
            }
            Step::Trial => {
                let held = self.secrets.get_mut(secret).unwrap();
                if held.labelled(PENDING) == Some(version) {
                    held.put_label(PENDING, None);
                }
                Ok(None)
            }
            Step::Create | Step::Set | Step::Store => {
                self.create(secret, version)?;
                Ok(Some((Step::Test, STEP)))
            }
            Step::Test => {
                let value = self.secrets[secret].versions[version].value.as_ref();
                let id = field(value, "accesskey").ok_or("nothing to test")?;
                let now = self.now;
                if !self.keys.contains_key(&id) {
                    return Err(format!("the key {id} is gone"));
                }
                if !self.has_spread(&id) {
                    return Ok(Some((Step::Test, STEP)));
                }
                self.keys.get_mut(&id).unwrap().last_used = Some(now);
                Ok(Some((Step::Finish, STEP)))
            }
            Step::Finish => {
                let now = self.now;
                let held = self.secrets.get_mut(secret).unwrap();
                if held.labelled(PENDING) != Some(version) {
                    return Err("the version is not pending".to_owned());
                }
                let replaced = held.labelled(CURRENT).map(str::to_owned);
                held.put_label(REPLACED, replaced.as_deref());
                held.put_label(CURRENT, Some(version));
                held.put_label(PENDING, None);
                held.last_rotated = Some(now);
                Ok(None)
            }
        }
    }

    fn create(&mut self, secret: &str, version: &str) -> Result<(), String> {
        let held = self.secrets[secret].clone();
        if held.labelled(PENDING) != Some(version) {
            return Err("the version is not pending".to_owned());
        }
        if held.versions[version].value.is_some() {
            return Ok(());
        }
        let current = held
            .field(CURRENT, "accesskey")
            .ok_or("AWSCURRENT is incomplete")?;
        let origin = held
            .field(CURRENT, "secretarn")
            .ok_or("AWSCURRENT is incomplete")?;
        let user = held.tag(tag::USER).to_owned();
        let hand = match held.tag(tag::ROTATE_AS) {
            "self" => Some(current.clone()),
            "role" => None,
            _ => {
                let administrator = self.find_secret(&origin).ok_or("no administrator")?;
                let id = administrator.field(CURRENT, "accesskey");
                Some(id.ok_or("the administrator has no key")?)
            }
        };
        for id in [Some(current.clone()), hand.clone()].into_iter().flatten() {
            if !self.keys.get(&id).is_some_and(|key| key.active) {
                return Err(format!("the key {id} is dead"));
            }
        }
        if let Some(hand) = &hand
            && !self.has_spread(hand)
        {
            return Err(format!("the key {hand} is not known yet"));
        }
        self.make_room(&held, &user, &current)?;
        self.announce(secret);
        let id = self.add_key(&user, Origin::Function);
        if self.fails(Step::Store) {
            return Err(self.failure.to_owned());
        }
        self.record(secret, &id);
        let text = json!({
            "accesskey": id, "secretkey": self.keys[&id].secret,
            "username": user, "secretarn": origin,
        });
        let held = self.secrets.get_mut(secret).unwrap();
        held.versions.get_mut(version).unwrap().value = Some(text.to_string());
        held.put_label(MADE, Some(version));
        Ok(())
    }

    /// Writes down that a key is made now; earlier intents go.
    fn announce(&mut self, secret: &str) {
        let held = &self.secrets[secret];
        if held.tag(tag::OWNS_USER) == "true" {
            return;
        }
        let user = held.tag(tag::USER).to_owned();
        let tags = self.user_tags.entry(user).or_default();
        tags.insert(MAKING_TAG.to_owned(), self.now.as_second().to_string());
    }

    /// Records that a key is keyrota's, with those that IAM still has.
    fn record(&mut self, secret: &str, id: &str) {
        let held = &self.secrets[secret];
        if held.tag(tag::OWNS_USER) == "true" {
            return;
        }
        let user = held.tag(tag::USER).to_owned();
        let tags = self.user_tags.entry(user).or_default();
        let keys = tags.get(tag::KEYS).cloned().unwrap_or_default();
        let keys = keys.split(' ').filter(|held| self.keys.contains_key(*held));
        let keys: Vec<&str> = keys.chain([id]).collect();
        let keys = keys.join(" ");
        tags.insert(tag::KEYS.to_owned(), keys);
    }

    fn make_room(
        &mut self,
        held: &super::state::SecretRecord,
        user: &str,
        current: &str,
    ) -> Result<(), String> {
        let keys = self.keys_of(user);
        if keys.len() < 2 {
            return Ok(());
        }
        let other = keys.into_iter().find(|id| id != current).unwrap();
        let named = |label: &str| held.field(label, "accesskey").as_deref() == Some(&other);
        let owns = held.tag(tag::OWNS_USER) == "true";
        let key = &self.keys[&other];
        let tags = self.user_tags.get(user);
        let moments = tags.and_then(|tags| tags.get(MAKING_TAG));
        let mut moments = moments.into_iter().filter_map(|at| at.parse().ok());
        let made = key.created.as_second();
        let announced = moments.any(|at: i64| (at - 5..=at + 60).contains(&made));
        let lost = key.last_used.is_none() && (owns || announced);
        let ours = named(PREVIOUS) || named(MADE) || named(REPLACED) || self.is_recorded(&other);
        if ours || !key.active || lost {
            self.keys.remove(&other);
            return Ok(());
        }
        Err(format!("the key {other} is somebody's"))
    }
}
