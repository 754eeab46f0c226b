//! The ways of logging in, and what a server keeps of a password in each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use mysql_common::auth::plugins::{ChallengeResponsePlugin as _, Context};
use mysql_common::packets::AuthPlugin;

/// The name of [`AuthPlugin::Ed25519`] at the server's side.
const ED25519: &str = "ed25519";

/// What a login is made with. It goes through TLS, whoever is at the other end.
#[derive(Clone, Copy)]
pub struct Proof<'login> {
    pub password: &'login [u8],
    /// What the server's greeting asks to be hashed.
    pub challenge: &'login [u8],
}

impl Context for Proof<'_> {
    fn pass(&self) -> &[u8] {
        self.password
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        true
    }

    fn scramble(&self) -> &[u8] {
        self.challenge
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

/// Says whether a plugin is one of a password that the server itself keeps.
pub fn is_known(plugin: &AuthPlugin<'_>) -> bool {
    shows_password(plugin)
        || matches!(
            plugin,
            AuthPlugin::MysqlNativePassword | AuthPlugin::Ed25519
        )
}

/// Says whether the server may come to see the password itself.
pub fn shows_password(plugin: &AuthPlugin<'_>) -> bool {
    matches!(
        plugin,
        AuthPlugin::CachingSha2Password | AuthPlugin::Sha256Password
    )
}

/// Returns the plugin that an account of MariaDB's names.
pub fn named(name: &str) -> Option<AuthPlugin<'static>> {
    let plugin = match name {
        ED25519 => AuthPlugin::Ed25519,
        name => AuthPlugin::from_bytes(name.as_bytes()).into_owned(),
    };
    is_known(&plugin).then_some(plugin)
}

/// Returns a plugin's name in an account of MariaDB's.
pub fn name(plugin: &AuthPlugin<'_>) -> String {
    match plugin {
        AuthPlugin::Ed25519 => ED25519.to_owned(),
        plugin => String::from_utf8_lossy(plugin.as_bytes()).into_owned(),
    }
}

/// Returns what MariaDB keeps of a password, in the form that `USING` and
/// `SET PASSWORD` take; none where it has to be made by the server.
pub fn verifier(plugin: &AuthPlugin<'_>, password: &[u8]) -> Option<String> {
    let proof = Proof {
        password,
        challenge: &[],
    };
    let hash = plugin.init().ok()?.password_hash(proof)?;
    match plugin {
        AuthPlugin::MysqlNativePassword => {
            let digits = hash.iter().map(|byte| format!("{byte:02X}"));
            Some(digits.fold("*".to_owned(), |text, digits| text + &digits))
        }
        // The public key.
        AuthPlugin::Ed25519 => Some(STANDARD_NO_PAD.encode(hash)),
        _ => None,
    }
}
