//! `createSecret`: makes a new key and stores it as AWSPENDING.
//!
//! `CreateAccessKey` is the one call that cannot be repeated and whose answer
//! cannot be asked for again. So whatever can be found out is found out first:
//! that this version has no value yet, that the values can be read and keep to
//! the pins, that the caller may list keys, that there is room.

use super::abandon::abandon;
use super::caller::caller;
use super::intent::{self, Written};
use super::mint;
use super::{
    Admission, Deadline, admit, current_credential, describe, pending_credential, read,
    read_with_version,
};
use crate::decide::{
    self, Because, CURRENT, Hand, Holdings, ListedKey, Obstacle, Origin, PENDING, PREVIOUS, Room,
    Usage, VersionId,
};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark;
use crate::pin::{Pin, RotateAs};
use crate::port::{AccessKey, CallError, Caller, Description, Fault, Journal, Keys, Ports, Which};
use crate::secret::{Content, Credential, Unreadable};

/// What `createSecret` knows once it has read the secret.
pub(super) struct Scene<'event> {
    pub(super) event: &'event Event,
    pub(super) pin: Pin,
    pub(super) current: Credential,
    pub(super) caller: Caller,
    /// The version that `current` was read from.
    pub(super) current_version: VersionId,
    /// The intents to make a key that runs before this one wrote down.
    pub(super) intents: Vec<mark::Intent>,
}

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, previous, pending) = tokio::join!(
        describe(ports, event),
        read_with_version(ports, event, Which::Labelled(CURRENT)),
        read(ports, event, Which::Labelled(PREVIOUS)),
        read(ports, event, Which::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(&event.secret, &description)?;
    let (current_version, current) = current?;
    let current = current_credential(&pin, current)?;
    // What was read has a version; the labels are compared once more below.
    let current_version = current_version.ok_or_else(|| labels_moved(&pin))?;
    let pending = pending?;
    if !matches!(pending, Content::Nothing) {
        return already_made(ports, event, &pin, &current, pending).await;
    }

    let caller = caller(ports, &pin, &current).await?;
    let scene = Scene {
        event,
        pin,
        current,
        caller,
        current_version,
        intents: mark::intents(&description.stages),
    };
    let mut superseded = vec![previous?];
    superseded.extend(left_behind(ports, event, &description).await?);
    let mut holdings = survey(ports, &scene, &superseded).await?;
    let written = make_room(ports, &scene, &mut holdings).await?;
    mint::run(ports, &scene, written, deadline).await
}

/// Ends the step for a version that has a value: another cannot be stored under
/// the same version, and a second key would use up the user's last place.
async fn already_made<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    current: &Credential,
    pending: Content,
) -> Result<(), Error> {
    let useless = match &pending {
        Content::Unreadable(problem) if *problem != Unreadable::Undecryptable => true,
        Content::Partial(_) => true,
        _ => false,
    };
    let pending = match pending_credential("complete", pin, pending) {
        Err(Error::Pin(error)) => return Err(error.into()),
        Err(_) if useless => {
            let reason = format!(
                "its AWSPENDING is not a complete credential of {}",
                pin.user
            );
            return Err(abandon(ports, event, None, reason).await);
        }
        other => other?,
    };
    if pending.access_key == current.access_key {
        let key = pending.access_key;
        let reason = format!("its AWSPENDING holds the key {key} that is AWSCURRENT already");
        return Err(abandon(ports, event, Some(&key), reason).await);
    }
    let note = Note::new("keep", "this version has its key already");
    ports.journal().note(note.about(&pending.access_key));
    Ok(())
}

/// Returns what the versions hold that rotations before this one left behind:
/// AWSPENDING on another version than this rotation's, and the key made last
/// where its rotation was cancelled. Their keys are ours.
async fn left_behind<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Vec<Content>, Error> {
    let stages = &description.stages;
    let pending = stages
        .iter()
        .find(|(version, labels)| **version != event.token && labels.contains(PENDING))
        .map(|(version, _)| version);
    let mut found = Vec::new();
    for version in pending.into_iter().chain(mark::forgotten(stages)) {
        found.push(read(ports, event, Which::Version(version)).await?);
    }
    Ok(found)
}

/// Lists the user's keys, and says what is known of them. The labels are read
/// again meanwhile, so that what follows rests on where AWSCURRENT is now.
async fn survey<P: Ports>(
    ports: &P,
    scene: &Scene<'_>,
    superseded: &[Content],
) -> Result<Holdings, Error> {
    let (listed, unmoved) = tokio::join!(
        ports.keys().list(&scene.caller, &scene.pin.user),
        unmoved(ports, scene)
    );
    let listed = listed.map_err(|source| keys_unread(&scene.pin, source))?;
    unmoved?;
    let superseded = superseded
        .iter()
        .filter_map(|content| match content {
            // A value that names another user says nothing of this one's keys.
            Content::Complete(credential) if credential.username == scene.pin.user => {
                Some(credential.access_key.clone())
            }
            _ => None,
        })
        .collect();
    let known = |key: AccessKey| ListedKey {
        origin: match mark::covers(&scene.intents, key.created) {
            true => Origin::Announced,
            false => Origin::Unknown,
        },
        id: key.id,
        activity: key.activity,
        usage: Usage::Unread,
    };
    Ok(Holdings {
        listed: listed.into_iter().map(known).collect(),
        current: scene.current.access_key.clone(),
        pending: None,
        superseded,
        owns_user: scene.pin.owns_user,
        hand: match scene.pin.rotate_as {
            RotateAs::Own => Hand::Own,
            RotateAs::Role | RotateAs::Administrator(_) => Hand::Another,
        },
    })
}

/// Checks that AWSCURRENT and AWSPENDING are where they were.
async fn unmoved<P: Ports>(ports: &P, scene: &Scene<'_>) -> Result<(), Error> {
    let stages = describe(ports, scene.event).await?.stages;
    let pending = decide::standing(&stages, &scene.event.token) == decide::Standing::Pending;
    if pending && decide::carrier(&stages, CURRENT) == Some(&scene.current_version) {
        return Ok(());
    }
    Err(labels_moved(&scene.pin))
}

fn labels_moved(pin: &Pin) -> Error {
    Error::LabelsMoved {
        secret: pin.secret.name().to_owned(),
        user: pin.user.clone(),
    }
}

/// Sees to it that the user may have another key, and that it is written down
/// that one is about to be made.
async fn make_room<P: Ports>(
    ports: &P,
    scene: &Scene<'_>,
    holdings: &mut Holdings,
) -> Result<Written, Error> {
    let (secret, user) = (
        || scene.pin.secret.name().to_owned(),
        || scene.pin.user.clone(),
    );
    let current = || scene.current.access_key.clone();
    let mut written = None;
    loop {
        match decide::room(holdings) {
            Room::Free => {
                return match written {
                    Some(written) => Ok(written),
                    None => intent::write(ports, scene).await,
                };
            }
            Room::Remove { key, because } => {
                let reason = match because {
                    Because::Superseded => "a superseded version of the secret names it",
                    Because::Inactive => "it is inactive and nothing names it",
                    Because::Announced => {
                        "a run of this rotation said that it would make it, and its secret was lost"
                    }
                    Because::OrphanOfOurUser => "it was never used and the user is the stack's own",
                };
                ports
                    .journal()
                    .note(Note::new("delete", reason).about(&key));
                if because == Because::Superseded {
                    // The intent says that there is no key but AWSCURRENT's and
                    // such as versions name, and this is one: so it need not
                    // wait for the key to be gone.
                    let (removed, intent) =
                        tokio::join!(remove(ports, scene, &key), intent::write(ports, scene));
                    removed?;
                    written = Some(intent?);
                } else {
                    remove(ports, scene, &key).await?;
                }
                holdings.listed.retain(|listed| listed.id != key);
            }
            Room::ReadUsage { key } => {
                let (usage, unmoved) = tokio::join!(
                    ports.keys().usage(&scene.caller, &key),
                    unmoved(ports, scene)
                );
                let usage = usage.map_err(|source| keys_unread(&scene.pin, source))?;
                unmoved?;
                for listed in holdings.listed.iter_mut().filter(|listed| listed.id == key) {
                    listed.usage = usage.as_ref().map_or(Usage::Never, |_| Usage::Used);
                }
            }
            Room::Stop(Obstacle::CurrentMissing) => {
                return Err(Error::CurrentKeyMissing {
                    secret: secret(),
                    user: user(),
                    key: current(),
                });
            }
            Room::Stop(Obstacle::CurrentInactive) => {
                return Err(Error::CurrentKeyInactive {
                    user: user(),
                    key: current(),
                });
            }
            Room::Stop(Obstacle::Foreign { key }) => {
                return Err(Error::ForeignKey {
                    secret: secret(),
                    user: user(),
                    key,
                });
            }
            Room::Stop(Obstacle::AllProtected) => {
                return Err(Error::NoKeyToRemove { user: user() });
            }
        }
    }
}

/// Deletes a key; one that is gone already is as good.
pub(super) async fn remove<P: Ports>(
    ports: &P,
    scene: &Scene<'_>,
    key: &decide::AccessKeyId,
) -> Result<(), Error> {
    match ports
        .keys()
        .delete(&scene.caller, &scene.pin.user, key)
        .await
    {
        Ok(())
        | Err(CallError {
            fault: Fault::NotFound,
            ..
        }) => Ok(()),
        Err(source) => Err(not_removed(&scene.pin, key, source)),
    }
}

fn keys_unread(pin: &Pin, source: CallError) -> Error {
    let advice = advice(pin, source.fault);
    Error::KeysUnread {
        user: pin.user.clone(),
        source,
        advice,
    }
}

fn not_removed(pin: &Pin, key: &decide::AccessKeyId, source: CallError) -> Error {
    let advice = advice(pin, source.fault);
    Error::KeyNotRemoved {
        user: pin.user.clone(),
        key: key.clone(),
        source,
        advice,
    }
}

/// Returns the next step after an IAM call that failed.
pub(crate) fn advice(pin: &Pin, fault: Fault) -> &'static str {
    match (fault, &pin.rotate_as) {
        (Fault::NotAuthenticated, RotateAs::Own) => {
            "the key in AWSCURRENT is dead; store an active key of the user in the secret, or set \
             `rotate_as: role` in the manifest, then rotate again"
        }
        (Fault::NotAuthenticated, RotateAs::Administrator(_)) => {
            "the key in the administrator's secret is dead; store an active one there, then rotate \
             again"
        }
        (Fault::NotAuthorised, RotateAs::Own) => {
            "allow it in the user's policy ManageOwnAccessKeys, which `keyrota generate` renders, \
             then rotate again"
        }
        (Fault::NotAuthorised, RotateAs::Role) => {
            "allow it in the function role's policy, which `keyrota generate` renders, then rotate \
             again"
        }
        (Fault::NotAuthorised, RotateAs::Administrator(_)) => {
            "allow it to the administrator, then rotate again"
        }
        (Fault::NotFound, _) => "check that the user exists, then rotate again",
        (Fault::Throttled | Fault::Unsent | Fault::Unclear, _) => "Secrets Manager tries again",
        _ => "look the code up in the IAM API reference, then rotate again",
    }
}
