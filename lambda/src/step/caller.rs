//! Determines whose credentials make the IAM calls.

use keyrota_function_base::step::unread;

use crate::decide::CURRENT;
use crate::error::Error;
use crate::pin::{Pin, RotateAs};
use crate::port::{Caller, Ports, SecretsManager, VersionSelector};
use crate::secret::{Credential, administrator_key};

/// Returns the credentials that make the IAM calls. `current` is the content of AWSCURRENT,
/// which was found to agree with the pin.
pub(crate) async fn caller<P: Ports>(
    ports: &P,
    pin: &Pin,
    current: &Credential,
) -> Result<Caller, Error> {
    match &pin.rotate_as {
        RotateAs::Own => Ok(Caller::Key(current.key_pair())),
        RotateAs::Role => Ok(Caller::Role),
        RotateAs::Administrator(_) => {
            let unreadable = |administrator: &str| Error::AdministratorUnreadable {
                secret: pin.secret.name().to_owned(),
                administrator: administrator.to_owned(),
            };
            let administrator = pin
                .administrator()
                .ok_or_else(|| unreadable("that `rotate_as` names"))?;
            let version = ports
                .secrets_manager()
                .read(&administrator, VersionSelector::Labelled(CURRENT))
                .await
                .map_err(|source| unread(&administrator, source))?;
            administrator_key(&version.stored, &pin.administrator_names)
                .map(Caller::Key)
                .ok_or_else(|| unreadable(administrator.name()))
        }
    }
}
