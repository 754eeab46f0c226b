//! The authentication plugins, and the form in which a server stores a password for each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::client_ed25519::ClientEd25519;
use mysql_common::auth::plugins::mysql_native_password::{MysqlNativePassword, scramble_native};
use mysql_common::auth::plugins::{ChallengeResponsePlugin as _, Context};
use mysql_common::packets::AuthPlugin;

/// The server's name for [`AuthPlugin::Ed25519`].
const ED25519: &str = "ed25519";

/// A password for the plugins. Each plugin is called by itself, since a common function would
/// link RSA and regular expressions for logins without TLS.
#[derive(Clone, Copy)]
struct Password<'login>(&'login [u8]);

impl Context for Password<'_> {
    fn pass(&self) -> &[u8] {
        self.0
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        true
    }

    fn scramble(&self) -> &[u8] {
        &[]
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

/// Returns the response to a server's challenge, if the plugin supports the challenge.
pub fn answer(plugin: &AuthPlugin<'_>, password: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
    match plugin {
        AuthPlugin::MysqlNativePassword => {
            let answer = scramble_native(challenge, password);
            Some(answer.map(Vec::from).unwrap_or_default())
        }
        AuthPlugin::CachingSha2Password => {
            let answer = scramble_sha256(challenge.try_into().ok()?, password);
            Some(answer.map(Vec::from).unwrap_or_default())
        }
        AuthPlugin::Sha256Password => Some(clear(password)),
        AuthPlugin::Ed25519 => {
            let answer = ClientEd25519::default().run(Password(password), challenge);
            Some(answer.ok()?.data()?.to_vec())
        }
        _ => None,
    }
}

/// Returns a password in the form for transmission in clear text, inside TLS.
pub fn clear(password: &[u8]) -> Vec<u8> {
    [password, &[0]].concat()
}

/// Returns whether a plugin uses a password that the server itself stores.
pub fn is_known(plugin: &AuthPlugin<'_>) -> bool {
    shows_password(plugin)
        || matches!(
            plugin,
            AuthPlugin::MysqlNativePassword | AuthPlugin::Ed25519
        )
}

/// Returns whether the plugin may reveal the password to the server.
pub fn shows_password(plugin: &AuthPlugin<'_>) -> bool {
    matches!(
        plugin,
        AuthPlugin::CachingSha2Password | AuthPlugin::Sha256Password
    )
}

/// Returns the plugin that an account in MariaDB names.
pub fn named(name: &str) -> Option<AuthPlugin<'static>> {
    let plugin = match name {
        ED25519 => AuthPlugin::Ed25519,
        name => AuthPlugin::from_bytes(name.as_bytes()).into_owned(),
    };
    is_known(&plugin).then_some(plugin)
}

/// Plugins that accounts may have and this function does not support.
const OTHERS: [&str; 22] = [
    "AWSAuthenticationPlugin",
    "auth_gssapi_client",
    "auth_socket",
    "authentication_fido",
    "authentication_fido_client",
    "authentication_kerberos",
    "authentication_kerberos_client",
    "authentication_ldap_sasl",
    "authentication_ldap_sasl_client",
    "authentication_ldap_simple",
    "authentication_oci",
    "authentication_openid_connect",
    "authentication_pam",
    "authentication_webauthn",
    "authentication_windows",
    "dialog",
    "gssapi",
    "mysql_clear_password",
    "mysql_old_password",
    "pam",
    "parsec",
    "unix_socket",
];

/// Returns what an error calls a plugin that a server names. Other text of a server is not repeated,
/// because it could be anything, and even the password.
pub fn shown(name: &str) -> &'static str {
    let known = [
        "caching_sha2_password",
        "client_ed25519",
        "mysql_native_password",
        "sha256_password",
    ];
    let mut all = OTHERS.iter().chain(&known);
    let is_named = |other: &&&str| other.eq_ignore_ascii_case(name);
    all.find(is_named).copied().unwrap_or("another plugin")
}

/// Returns a plugin's name in MariaDB accounts.
pub fn name(plugin: &AuthPlugin<'_>) -> String {
    match plugin {
        AuthPlugin::Ed25519 => ED25519.to_owned(),
        plugin => String::from_utf8_lossy(plugin.as_bytes()).into_owned(),
    }
}

/// Returns the stored form of a password in MariaDB, as `USING` and `SET PASSWORD` accept it.
/// Returns `None` if the server must compute it.
pub fn verifier(plugin: &AuthPlugin<'_>, password: &[u8]) -> Option<String> {
    let password = Password(password);
    match plugin {
        AuthPlugin::MysqlNativePassword => {
            let hash = MysqlNativePassword::default().password_hash(password)?;
            let digits = hash.iter().map(|byte| format!("{byte:02X}"));
            Some(digits.fold("*".to_owned(), |text, digits| text + &digits))
        }
        // The public key.
        AuthPlugin::Ed25519 => {
            let hash = ClientEd25519::default().password_hash(password)?;
            Some(STANDARD_NO_PAD.encode(hash))
        }
        _ => None,
    }
}
