//! `createSecret`: makes a new key and stores it as AWSPENDING.
//!
//! `CreateAccessKey` is the one call that cannot be repeated and whose answer
//! cannot be asked for again. So whatever can be found out is found out first:
//! that this version has no value yet, that the values can be read and keep to
//! the pins, that the caller may list keys, that there is room.

use super::mint;
use super::{
    Admission, Deadline, admit, current_credential, describe, pending_credential, read,
    read_with_version, unread,
};
use crate::arn::SecretArn;
use crate::decide::{
    self, Because, CURRENT, Hand, Holdings, Obstacle, PENDING, PREVIOUS, Room, Usage, VersionId,
};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::{Pin, RotateAs};
use crate::port::{CallError, Caller, Description, Fault, Journal, Keys, Ports, Vault, Which};
use crate::secret::{Content, Credential, administrator_key};

/// What `createSecret` knows once it has read the secret.
pub(super) struct Scene<'event> {
    pub(super) event: &'event Event,
    pub(super) pin: Pin,
    pub(super) current: Credential,
    pub(super) caller: Caller,
    /// The version that `current` was read from.
    current_version: Option<VersionId>,
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
    let pending = pending?;
    if !matches!(pending, Content::Nothing) {
        return already_made(ports, &pin, &current, pending);
    }

    let caller = caller(ports, &pin, &current).await?;
    let scene = Scene {
        event,
        pin,
        current,
        caller,
        current_version,
    };
    let superseded = [
        Some(previous?),
        abandoned(ports, event, &description).await?,
    ];
    let mut holdings = survey(ports, &scene, &superseded).await?;
    make_room(ports, &scene, &mut holdings).await?;
    mint::run(ports, &scene, &holdings.listed, deadline).await
}

/// Ends the step for a version that has a value: another cannot be stored under
/// the same version, and a second key would use up the user's last place.
fn already_made<P: Ports>(
    ports: &P,
    pin: &Pin,
    current: &Credential,
    pending: Content,
) -> Result<(), Error> {
    let pending = pending_credential("complete", pin, pending)?;
    if pending.access_key == current.access_key {
        let secret = pin.secret.name().to_owned();
        return Err(Error::PendingIsCurrent {
            secret,
            key: pending.access_key,
        });
    }
    let note = Note::new("keep", "this version has its key already");
    ports.journal().note(note.about(&pending.access_key));
    Ok(())
}

/// Returns whose credentials make the IAM calls.
pub(crate) async fn caller<P: Ports>(
    ports: &P,
    pin: &Pin,
    current: &Credential,
) -> Result<Caller, Error> {
    match &pin.rotate_as {
        RotateAs::Own => Ok(Caller::Key(current.key_pair())),
        RotateAs::Role => Ok(Caller::Role),
        RotateAs::Administrator(_) => {
            // The current credential kept to the pin, so this is what it names.
            let unreadable = |administrator: &str| Error::AdministratorUnreadable {
                secret: pin.secret.name().to_owned(),
                administrator: administrator.to_owned(),
            };
            let administrator = SecretArn::parse(&current.secret_arn)
                .ok_or_else(|| unreadable("that `secretarn` names"))?;
            let version = ports
                .vault()
                .read(&administrator, Which::Labelled(CURRENT))
                .await
                .map_err(|source| unread(&administrator, source))?;
            administrator_key(&version.stored)
                .map(Caller::Key)
                .ok_or_else(|| unreadable(administrator.name()))
        }
    }
}

/// Returns what a version holds that another rotation left AWSPENDING. A label
/// sits on one version and this rotation's own carries it, so there should be
/// none; if there is, its key is ours.
async fn abandoned<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Option<Content>, Error> {
    let left = description
        .stages
        .iter()
        .find(|(version, labels)| **version != event.token && labels.contains(PENDING));
    match left {
        Some((version, _)) => read(ports, event, Which::Version(version)).await.map(Some),
        None => Ok(None),
    }
}

/// Lists the user's keys, and says what is known of them. The labels are read
/// again meanwhile, so that what follows rests on where AWSCURRENT is now.
async fn survey<P: Ports>(
    ports: &P,
    scene: &Scene<'_>,
    superseded: &[Option<Content>],
) -> Result<Holdings, Error> {
    let (listed, unmoved) = tokio::join!(
        ports.keys().list(&scene.caller, &scene.pin.user),
        unmoved(ports, scene)
    );
    let listed = listed.map_err(|source| keys_unread(&scene.pin, source))?;
    unmoved?;
    let superseded = superseded
        .iter()
        .flatten()
        .filter_map(|content| match content {
            // A value that names another user says nothing of this one's keys.
            Content::Complete(credential) if credential.username == scene.pin.user => {
                Some(credential.access_key.clone())
            }
            _ => None,
        })
        .collect();
    Ok(Holdings {
        listed,
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
    if pending && decide::carrier(&stages, CURRENT) == scene.current_version.as_ref() {
        return Ok(());
    }
    let secret = scene.pin.secret.name().to_owned();
    Err(Error::LabelsMoved {
        secret,
        user: scene.pin.user.clone(),
    })
}

/// Sees to it that the user may have another key.
async fn make_room<P: Ports>(
    ports: &P,
    scene: &Scene<'_>,
    holdings: &mut Holdings,
) -> Result<(), Error> {
    let (secret, user) = (
        || scene.pin.secret.name().to_owned(),
        || scene.pin.user.clone(),
    );
    let current = || scene.current.access_key.clone();
    loop {
        match decide::room(holdings) {
            Room::Free => return Ok(()),
            Room::Remove { key, because } => {
                let reason = match because {
                    Because::Superseded => "a superseded version of the secret names it",
                    Because::Inactive => "it is inactive and nothing names it",
                    Because::OrphanOfOurUser => "it was never used and the user is the stack's own",
                };
                ports
                    .journal()
                    .note(Note::new("delete", reason).about(&key));
                remove(ports, scene, &key).await?;
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
            Room::Deactivate { key } => {
                let reason = "nothing names it, it was never used, and the user is not ours alone";
                ports
                    .journal()
                    .note(Note::new("deactivate", reason).about(&key));
                let done = ports.keys().deactivate(&scene.caller, &user(), &key).await;
                done.map_err(|source| not_removed(&scene.pin, &key, source))?;
                return Err(Error::OrphanDeactivated {
                    secret: secret(),
                    user: user(),
                    key,
                });
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
            Room::Stop(Obstacle::ForeignInUse { key }) => {
                return Err(Error::ForeignKeyInUse {
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
