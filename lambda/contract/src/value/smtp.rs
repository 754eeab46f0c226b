//! The user name and the passwords for the SMTP interface of Amazon SES, which derive from an
//! access key.
//!
//! Source: "Obtaining Amazon SES SMTP credentials by converting existing AWS credentials"
//! (`smtp-credentials`) in the Amazon SES Developer Guide.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::object::{Object, json};

/// The user name, which is the access key ID.
pub const USERNAME: &str = "smtp_username";
/// The password for the first Region.
pub const PASSWORD: &str = "smtp_password";
/// What the field of a Region's password begins with.
const PASSWORD_IN: &str = "smtp_password_";

/// The first byte of a password: the version of the algorithm.
const VERSION: u8 = 0x04;
/// What the algorithm signs after the Region, one after the other. The date is fixed.
const SIGNED: [&str; 3] = ["ses", "aws4_request", "SendRawEmail"];
const DATE: &str = "11111111";

/// Returns the field with the password for a Region, such as `smtp_password_eu_west_1`.
pub fn field(region: &str) -> String {
    format!("{PASSWORD_IN}{}", region.replace('-', "_"))
}

/// Returns the fields for these Regions.
pub fn fields(regions: &[String]) -> Vec<String> {
    let own = [USERNAME, PASSWORD].map(str::to_owned).into_iter();
    own.chain(regions.iter().map(|region| field(region)))
        .collect()
}

/// Returns whether [`set`] overwrites or removes a field: it holds the user name, or a password for a
/// Region, also for one that is not in the list. Other fields belong to the owner of the secret, also
/// if their names begin in the same way.
pub fn owns(name: &str, regions: &[String]) -> bool {
    let is_wanted = || fields(regions).iter().any(|it| it == name);
    !regions.is_empty() && (is_of_region(name) || is_wanted())
}

/// Returns whether a name is that of a field with the password for a Region, such as
/// `smtp_password_us_gov_west_1`: at least two parts of lower-case letters, and a number.
fn is_of_region(name: &str) -> bool {
    let Some(region) = name.strip_prefix(PASSWORD_IN) else {
        return false;
    };
    let mut parts: Vec<&[u8]> = region.as_bytes().split(|it| *it == b'_').collect();
    let number = parts.pop().unwrap_or_default();
    let is_word = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_lowercase);
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    is_number && parts.len() >= 2 && parts.into_iter().all(is_word)
}

/// Returns the password for a Region.
pub fn password(secret_key: &SecretString, region: &str) -> SecretString {
    let first = format!("AWS4{}", secret_key.expose_secret());
    let mut signature = sign(first.as_bytes(), DATE);
    for message in [region].into_iter().chain(SIGNED) {
        signature = sign(&signature, message);
    }
    let mut password = vec![VERSION];
    password.extend_from_slice(&signature);
    BASE64_STANDARD.encode(password).into()
}

/// Sets the user name and the passwords for the Regions in a value, and removes the passwords for
/// other Regions, which would be those of a former key. Other fields stay, also those of the owner whose
/// names begin in the same way. Changes nothing without Regions.
pub fn set(value: &mut Object, id: &str, secret_key: &SecretString, regions: &[String]) {
    let Some(first) = regions.first() else {
        return;
    };
    let wanted = fields(regions);
    let held: Vec<String> = value.names().map(str::to_owned).collect();
    let is_stale = |name: &&String| owns(name, regions) && !wanted.contains(name);
    for name in held.iter().filter(is_stale) {
        value.remove(name);
    }
    value.set(USERNAME, &json(id));
    let mut set = |name: &str, region: &str| {
        let password = password(secret_key, region);
        value.set(name, &json(password.expose_secret()));
    };
    for region in regions {
        set(&field(region), region);
    }
    set(PASSWORD, first);
}

fn sign(key: &[u8], message: &str) -> Vec<u8> {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `smtp.py` beside this file, which has the algorithm with Python's standard library.
    const KNOWN: &str = include_str!("smtp.txt");

    #[test]
    fn the_passwords_are_those_of_an_independent_implementation() {
        let mut compared = 0;
        for line in KNOWN.lines() {
            let [key, region, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let found = password(&key.into(), region);
            assert_eq!(found.expose_secret(), expected, "{key} {region}");
            compared += 1;
        }
        assert_eq!(compared, 12);
    }

    #[test]
    fn only_the_user_name_and_the_passwords_for_regions_are_its_own() {
        let regions = ["eu-west-1", "eu-west-1a-2"].map(str::to_owned);
        for own in [
            "smtp_username",
            "smtp_password",
            "smtp_password_us_gov_west_1",
            "smtp_password_eu_isoe_west_1",
            "smtp_password_eu_west_1a_2",
        ] {
            assert!(owns(own, &regions) && !owns(own, &[]), "{own}");
        }
        for other in [
            "smtp_password_",
            "smtp_password_relay",
            "smtp_password_raw_1",
            "smtp_password_eu_west_one",
            "smtp_password_eu_west_1a_3",
            "smtp_password_eu-west-1",
            "smtp_password_EU_WEST_1",
            "smtp_user",
            "secretkey",
        ] {
            assert!(!owns(other, &regions), "{other}");
        }
    }

    #[test]
    fn a_value_has_the_passwords_for_its_regions_and_no_others() {
        let mut value = Object::parse(
            r#"{"accesskey":"A","smtp_password_us_east_1":"old","note":1,"smtp_password_note":"x",
                "smtp_password_us_gov_east_1":"old","smtp_password_2":"x","smtp_password_old_2":"x",
                "smtp_password_EU_west_1":"x","smtp_password_eu_west":"x","smtp_password_eu__1":"x"}"#,
        )
        .unwrap_or_else(|error| panic!("{error:?}"));
        let before = value.to_text();
        let key = SecretString::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        set(&mut value, "A", &key, &[]);
        assert_eq!(value.to_text(), before);
        let regions = ["eu-west-1", "us-gov-west-1"].map(str::to_owned);
        set(&mut value, "A", &key, &regions);
        let names: Vec<&str> = value.names().collect();
        assert_eq!(
            names,
            [
                "accesskey",
                "note",
                "smtp_password_note",
                "smtp_password_2",
                "smtp_password_old_2",
                "smtp_password_EU_west_1",
                "smtp_password_eu_west",
                "smtp_password_eu__1",
                "smtp_username",
                "smtp_password_eu_west_1",
                "smtp_password_us_gov_west_1",
                "smtp_password"
            ]
        );
        let first = value.values("smtp_password").next();
        assert_eq!(first, value.values("smtp_password_eu_west_1").next());
        // The same key results in the same bytes.
        let once = value.to_text();
        set(&mut value, "A", &key, &regions);
        assert_eq!(value.to_text(), once);
    }
}
