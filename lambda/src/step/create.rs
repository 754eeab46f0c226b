//! `createSecret`: creates a new key and stores it as AWSPENDING.
//!
//! `CreateAccessKey` is the one call that cannot be repeated and whose response cannot be
//! requested again. Therefore everything that can be checked is checked first: this version has
//! no value yet, the values are readable and agree with the pins, the caller may list keys, and
//! there is room for a key.

use std::cell::Cell;

use secrecy::SecretString;

use super::advice::advice;
use super::caller::caller;
use super::clearing;
use super::mint;
use super::proof;
use super::room;
use super::{
    Admission, Deadline, SecretVersion, abandon, admit, current_credential, describe, find,
    pending_credential, read,
};
use crate::decide::{
    self, AccessKeyId, Activity, CURRENT, CallerIdentity, KeyInventory, ListedKey, Origin, PENDING,
    PREVIOUS, Proof, Stages, Usage, VersionId,
};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::{self, CLEARING, Record};
use crate::moment::Moment;
use crate::pin::{Pin, RotateAs};
use crate::port::{
    AccessKey, CallError, CallErrorKind, Caller, Clock, Description, Journal, Keys, NewKey, Ports,
    VersionSelector,
};
use crate::retire::OldKeyPolicy;
use crate::secret::{Content, Credential, Partial, Unreadable};

/// What `createSecret` knows after it has read the secret.
pub(super) struct CreateContext<'event> {
    pub(super) event: &'event Event,
    pub(super) pin: Pin,
    pub(super) current: Replaced,
    pub(super) caller: Caller,
    /// The version that `current` was read from.
    pub(super) current_version: VersionId,
    /// When this run read what it decides about. A key that another run creates from then on is
    /// explained by this run's intent, which may replace that of the other run.
    pub(super) began: Moment,
    /// What is recorded on the user.
    pub(super) record: Record,
    /// The version that carried the label `KEYROTA_CLEARING`.
    pub(super) clearing: Option<VersionId>,
    /// Whether the version with AWSCURRENT carries that label.
    pub(super) is_clearing: Cell<bool>,
    /// The content of the versions that this rotation supersedes, as far as it is a credential
    /// of the pinned user. A principal that can write the secret may have forged it.
    pub(super) superseded: Vec<Credential>,
}

/// What the new key replaces in AWSCURRENT.
pub(super) enum Replaced {
    /// A key.
    Key(Credential),
    /// Nothing, because the user gets its first key.
    Nothing(Partial),
}

impl Replaced {
    /// Returns what AWSCURRENT contains, which must be a credential of the pinned user, unless the
    /// pin says that a rotation creates the first key. AWSPREVIOUS shows that another value was
    /// current before: if someone has stored the first value over a key, no rotation may take that
    /// for a new secret.
    fn read(pin: &Pin, stages: &Stages, content: Content) -> Result<Self, Error> {
        let is_new = pin.creates_first && decide::carrier(stages, PREVIOUS).is_none();
        match content {
            Content::Partial(partial) if is_new && !partial.has_a_part() => {
                pin.check_partial(CURRENT, &partial)?;
                Ok(Self::Nothing(partial))
            }
            content => current_credential(pin, content).map(Self::Key),
        }
    }

    /// Returns the ID of the key.
    pub(super) fn access_key(&self) -> Option<&AccessKeyId> {
        match self {
            Self::Key(credential) => Some(&credential.access_key),
            Self::Nothing(_) => None,
        }
    }

    /// Returns AWSCURRENT's value with another key.
    pub(super) fn rekeyed(&self, key: &NewKey, pin: &Pin) -> SecretString {
        match self {
            Self::Key(credential) => credential.rekeyed(key, &pin.names, pin.owner()),
            Self::Nothing(partial) => partial.keyed(key, &pin.names, pin.owner()),
        }
    }
}

impl CreateContext<'_> {
    /// Returns whether a version that this rotation supersedes names the key.
    pub(super) fn is_held(&self, key: &AccessKeyId) -> bool {
        self.superseded.iter().any(|held| held.access_key == *key)
    }
}

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, previous, pending) = tokio::join!(
        describe(ports, &event.secret),
        find(ports, &event.secret, VersionSelector::Labelled(CURRENT)),
        read(ports, event, VersionSelector::Labelled(PREVIOUS)),
        read(ports, event, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let SecretVersion {
        version: current_version,
        content: current,
        ..
    } = current?;
    let current = Replaced::read(&pin, &description.stages, current)?;
    // The content that was read has a version. The labels are compared again below.
    let current_version = current_version.ok_or_else(|| labels_moved(&pin))?;
    let pending = pending?;
    let is_clearing = clearing::is_announced(&description);
    if !matches!(pending, Content::Nothing) {
        if is_clearing {
            return Err(clearing::give_up(ports, event).await);
        }
        return already_made(ports, event, &pin, current.access_key(), pending).await;
    }

    let caller = match &current {
        Replaced::Key(current) => caller(ports, &pin, current).await?,
        // A pin that creates the first key says so.
        Replaced::Nothing(_) => Caller::Role,
    };
    let mut superseded = vec![previous?];
    superseded.extend(left_behind(ports, event, &description).await?);
    let superseded = superseded.into_iter().filter_map(|content| match content {
        // A value that names another user says nothing about this user's keys.
        Content::Complete(credential) if credential.may_be_of(&pin.user) => Some(credential),
        _ => None,
    });
    let superseded = superseded.collect();
    let mut context = CreateContext {
        event,
        pin,
        current,
        caller,
        current_version,
        began: ports.clock().moment(),
        record: Record::default(),
        clearing: decide::carrier(&description.stages, CLEARING).cloned(),
        is_clearing: Cell::new(is_clearing),
        superseded,
    };
    let mut inventory = survey(ports, &mut context).await?;
    let recorded = room::make_room(ports, &context, &mut inventory).await?;
    mint::run(ports, &context, recorded, deadline).await
}

/// Ends the step if the version has a value: the version cannot store another one, and a second
/// key would use up the user's last place.
async fn already_made<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    current: Option<&AccessKeyId>,
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
            return Err(abandon(ports, event, None, reason).await.into());
        }
        other => other?,
    };
    if Some(&pending.access_key) == current {
        let key = pending.access_key;
        let reason = format!("its AWSPENDING holds the key {key} that is AWSCURRENT already");
        return Err(abandon(ports, event, Some(&key), reason).await.into());
    }
    let note = Note::new("keep", "this version has its key already");
    ports.journal().note(note.about(&pending.access_key));
    Ok(())
}

/// Returns the content of the versions that earlier rotations left behind: an AWSPENDING on a
/// version other than this rotation's, the version of the key that was created last if its
/// rotation was cancelled, and that of the key that was replaced last if AWSPREVIOUS was moved.
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
    let others = [mark::forgotten(stages), mark::replaced(stages)];
    for version in pending.into_iter().chain(others.into_iter().flatten()) {
        found.push(read(ports, event, VersionSelector::Version(version)).await?);
    }
    Ok(found)
}

/// Lists the user's keys, and collects what is known about them. The labels are read again at
/// the same time, so that what follows is based on where AWSCURRENT is now.
async fn survey<P: Ports>(
    ports: &P,
    context: &mut CreateContext<'_>,
) -> Result<KeyInventory, Error> {
    let (listed, record, unmoved, early) = tokio::join!(
        ports.keys().list(&context.caller, &context.pin.user),
        record(ports, &context.pin),
        unmoved(ports, context),
        prove_early(ports, context),
    );
    let listed = listed.map_err(|source| keys_unread(&context.pin, source))?;
    context.record = record?;
    unmoved?;
    let record = &context.record;
    let known = |key: AccessKey| ListedKey {
        origin: match mark::covers(&record.intents, key.created) {
            true => Origin::Announced,
            false => Origin::Unknown,
        },
        proof: match &early {
            _ if record.keys.contains(&key.id) => Proof::Genuine,
            Some((proven, proof)) if *proven == key.id => *proof,
            _ => Proof::Untried,
        },
        id: key.id,
        activity: key.activity,
        usage: Usage::Unread,
    };
    let mut listed: Vec<ListedKey> = listed.into_iter().map(known).collect();
    if context.current.access_key().is_none() {
        listed.extend(unlisted(ports, context, &listed).await?);
    }
    let held = context.superseded.iter().map(|held| &held.access_key);
    Ok(KeyInventory {
        listed,
        current: context.current.access_key().cloned(),
        pending: None,
        // A key that was created for this secret, and that neither AWSCURRENT nor this
        // rotation's version names, was replaced, even if the version that stored it no longer
        // exists.
        superseded: held.chain(&record.keys).cloned().collect(),
        owns_user: context.pin.owns_user,
        caller_identity: match context.pin.rotate_as {
            RotateAs::Own => CallerIdentity::Own,
            RotateAs::Role | RotateAs::Administrator(_) => CallerIdentity::Another,
        },
    })
}

/// Returns the keys that versions contain and that the list lacks although they work, because it is out
/// of date. Before the first key, nothing else would show that the user has a key.
async fn unlisted<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    listed: &[ListedKey],
) -> Result<Vec<ListedKey>, Error> {
    let mut found = Vec::new();
    for held in &context.superseded {
        if listed.iter().any(|key| key.id == held.access_key) {
            continue;
        }
        let proof = proof::authenticates(ports, &context.pin, held).await;
        if proof.map_err(|source| keys_unread(&context.pin, source))? {
            found.push(ListedKey {
                id: held.access_key.clone(),
                activity: Activity::Active,
                origin: Origin::Unknown,
                usage: Usage::Used,
                proof: Proof::Genuine,
            });
        }
    }
    Ok(found)
}

/// Returns the records on the user. They are empty for a user that the stack created.
async fn record<P: Ports>(ports: &P, pin: &Pin) -> Result<Record, Error> {
    if pin.owns_user {
        return Ok(Record::default());
    }
    let tags = ports.keys().tags(&pin.user).await;
    let tags = tags.map_err(|source| keys_unread(pin, source))?;
    Ok(Record::read(&tags))
}

/// Tests the previous key while the user's keys are listed, if nothing is recorded on the user.
/// This avoids a later call that would have to wait for the list.
async fn prove_early<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
) -> Option<(AccessKeyId, Proof)> {
    let previous = context.superseded.first()?;
    let current = context.current.access_key()?;
    if previous.access_key == *current
        || !context.pin.owns_user
        || context.pin.old_key != OldKeyPolicy::UntilNextRotation
    {
        return None;
    }
    // If there is no answer, the call is repeated later, if it matters.
    let genuine = proof::authenticates(ports, &context.pin, previous)
        .await
        .ok()?;
    let proof = match genuine {
        true => Proof::Genuine,
        // Another version may hold the same key.
        false if context.superseded.len() > 1 => Proof::Untried,
        false => Proof::Refuted,
    };
    Some((previous.access_key.clone(), proof))
}

/// Checks that AWSCURRENT and AWSPENDING have not moved.
pub(super) async fn unmoved<P: Ports>(ports: &P, context: &CreateContext<'_>) -> Result<(), Error> {
    let stages = describe(ports, &context.event.secret).await?.stages;
    let pending =
        decide::version_state(&stages, &context.event.token) == decide::VersionState::Pending;
    if pending && decide::carrier(&stages, CURRENT) == Some(&context.current_version) {
        return Ok(());
    }
    Err(labels_moved(&context.pin))
}

pub(super) fn labels_moved(pin: &Pin) -> Error {
    Error::LabelsMoved {
        secret: pin.secret.name().to_owned(),
        user: pin.user.clone(),
    }
}

/// Deletes a key. A key that no longer exists counts as deleted.
pub(super) async fn remove<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    key: &decide::AccessKeyId,
) -> Result<(), Error> {
    match ports
        .keys()
        .delete(&context.caller, &context.pin.user, key)
        .await
    {
        Ok(())
        | Err(CallError {
            kind: CallErrorKind::NotFound,
            ..
        }) => Ok(()),
        Err(source) => Err(not_removed(&context.pin, key, source)),
    }
}

pub(super) fn keys_unread(pin: &Pin, source: CallError) -> Error {
    let advice = advice(&pin.rotate_as, &source);
    Error::KeysUnread {
        user: pin.user.clone(),
        source,
        advice,
    }
}

pub(super) fn not_removed(pin: &Pin, key: &decide::AccessKeyId, source: CallError) -> Error {
    let advice = advice(&pin.rotate_as, &source);
    Error::KeyNotRemoved {
        user: pin.user.clone(),
        key: key.clone(),
        source,
        advice,
    }
}
