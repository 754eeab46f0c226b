//! Room for another key: which key of the user is deleted, if both places are taken.

use super::clearing;
use super::create::{CreateContext, keys_unread, not_removed, remove, unmoved};
use super::intent::{self, RecordedIntent};
use super::proof;
use crate::decide::{
    self, AccessKeyId, KeyInventory, Obstacle, Proof, RemovalReason, SlotDecision, Usage,
};
use crate::error::Error;
use crate::log::Note;
use crate::port::{Journal, Keys, Ports};

/// Makes sure that the user may have another key, and that the intent to create one is
/// recorded.
pub(super) async fn make_room<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    inventory: &mut KeyInventory,
) -> Result<RecordedIntent, Error> {
    let (secret, user) = (
        || context.pin.secret.name().to_owned(),
        || context.pin.user.clone(),
    );
    let mut recorded = None;
    loop {
        match decide::decide_slot(inventory) {
            SlotDecision::Free => {
                return match recorded {
                    Some(recorded) => Ok(recorded),
                    None => intent::record(ports, context).await,
                };
            }
            SlotDecision::Remove { key, because } => {
                let is_held = because == RemovalReason::Superseded && context.is_held(&key);
                let reason = match because {
                    RemovalReason::Superseded if is_held => {
                        "a superseded version of the secret holds it"
                    }
                    RemovalReason::Superseded => {
                        "it was recorded as this secret's, and AWSCURRENT holds another one"
                    }
                    RemovalReason::Inactive => "it is inactive and nothing names it",
                    RemovalReason::Announced => {
                        "a run of this rotation said that it would make it, and its secret was lost"
                    }
                    RemovalReason::OrphanOfOurUser => {
                        "it was never used and the user is the stack's own"
                    }
                };
                ports
                    .journal()
                    .note(Note::new("delete", reason).about(&key));
                if is_held {
                    // According to the intent, the only keys are AWSCURRENT's and those that
                    // versions contain. This key is one of them, so the intent need not wait
                    // for its deletion.
                    let (removed, intent) =
                        tokio::join!(remove(ports, context, &key), intent::record(ports, context));
                    removed?;
                    recorded = Some(intent?);
                } else {
                    // A run records its key before it stores it, so a record does not show that
                    // a version contained the key. Nobody stores an inactive key.
                    if because != RemovalReason::Inactive {
                        clearing::announce(ports, context).await?;
                    }
                    remove(ports, context, &key).await?;
                }
                inventory.listed.retain(|listed| listed.id != key);
            }
            SlotDecision::ReadUsage { key } => {
                let (usage, unmoved) = tokio::join!(
                    ports.keys().usage(&context.caller, &key),
                    unmoved(ports, context)
                );
                let usage = usage.map_err(|source| keys_unread(&context.pin, source))?;
                unmoved?;
                for listed in inventory
                    .listed
                    .iter_mut()
                    .filter(|listed| listed.id == key)
                {
                    listed.usage = usage.as_ref().map_or(Usage::Never, |_| Usage::Used);
                }
            }
            SlotDecision::Prove { key } => {
                let proof = prove(ports, context, &key).await?;
                unmoved(ports, context).await?;
                for listed in inventory
                    .listed
                    .iter_mut()
                    .filter(|listed| listed.id == key)
                {
                    listed.proof = proof;
                }
            }
            SlotDecision::Stop(Obstacle::CurrentMissing { key }) => {
                return Err(Error::CurrentKeyMissing {
                    secret: secret(),
                    user: user(),
                    key,
                });
            }
            SlotDecision::Stop(Obstacle::CurrentInactive { key }) => {
                return Err(Error::CurrentKeyInactive { user: user(), key });
            }
            SlotDecision::Stop(Obstacle::NotTheFirst { key }) => {
                return Err(Error::NotTheFirstKey {
                    secret: secret(),
                    user: user(),
                    key,
                });
            }
            SlotDecision::Stop(Obstacle::Foreign { key })
                if inventory.superseded.contains(&key) =>
            {
                return Err(Error::UnprovenKey {
                    secret: secret(),
                    user: user(),
                    key,
                });
            }
            SlotDecision::Stop(Obstacle::Foreign { key }) => {
                return Err(Error::ForeignKey {
                    secret: secret(),
                    user: user(),
                    key,
                });
            }
            SlotDecision::Stop(Obstacle::AllProtected) => {
                return Err(Error::NoKeyToRemove { user: user() });
            }
        }
    }
}

/// Tests whether a superseded version really contains a key that it names.
async fn prove<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    key: &AccessKeyId,
) -> Result<Proof, Error> {
    let naming = context.superseded.iter().filter(|it| it.access_key == *key);
    for held in naming {
        let proof = proof::authenticates(ports, &context.pin, held).await;
        if proof.map_err(|source| not_removed(&context.pin, key, source))? {
            return Ok(Proof::Genuine);
        }
    }
    Ok(Proof::Refuted)
}
