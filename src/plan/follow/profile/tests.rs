//! The text of a credentials file, by example and by property.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const NEW: (&str, &str) = ("AKIANEWNEWNEWNEWNEW1", "new/secret+key");

fn new_key() -> KeyPair {
    KeyPair {
        id: NEW.0.to_owned(),
        secret: NEW.1.into(),
    }
}

fn changed(text: &str, profile: &str) -> Result<String, String> {
    let changed = with_profile_key(text.as_bytes(), profile, &new_key());
    let changed = changed.map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8(changed).unwrap())
}

fn held(text: &str, profile: &str) -> Result<(String, String), String> {
    let key = profile_key(text.as_bytes(), profile).map_err(|fault| fault.to_string())?;
    Ok((key.id, key.secret.expose_secret().to_owned()))
}

#[test]
fn two_values_change_and_nothing_else() {
    let text = "# Managed by hand\r\n\
                [default]\r\naws_access_key_id = AKIAOTHER\r\naws_secret_access_key = other\r\n\r\n\
                [ host ] ; the plant\r\n  \r\n; id first\r\n\
                AWS_Secret_Access_Key\t=old/secret\t# expires\r\n\
                region = eu-west-1\r\ns3 =\r\n  aws_access_key_id = nested\r\n\
                aws_access_key_id:AKIAOLDOLDOLDOLDOLD1\r\n\
                [host2]\r\naws_access_key_id=AKIAOTHEROTHEROTHER2\r\naws_secret_access_key=other2";
    let expected = text
        .replace("=old/secret\t#", "=new/secret+key\t#")
        .replace(":AKIAOLDOLDOLDOLDOLD1\r", ":AKIANEWNEWNEWNEWNEW1\r");
    assert_eq!(changed(text, "host"), Ok(expected.clone()));
    let old = ("AKIAOLDOLDOLDOLDOLD1".to_owned(), "old/secret".to_owned());
    assert_eq!(held(text, "host"), Ok(old));
    let new = (NEW.0.to_owned(), NEW.1.to_owned());
    assert_eq!(held(&expected, "host"), Ok(new));
    assert_eq!(held(&expected, "host2").unwrap().0, "AKIAOTHEROTHEROTHER2");
}

#[test]
fn other_bytes_stay_even_if_they_are_no_text() {
    let text = b"\xef\xbb\xbf[host]\n# caf\xe9\naws_access_key_id = AKIAOLDOLDOLDOLDOLD1\naws_secret_access_key = s";
    let changed = with_profile_key(text, "host", &new_key()).unwrap();
    let expected = b"\xef\xbb\xbf[host]\n# caf\xe9\naws_access_key_id = AKIANEWNEWNEWNEWNEW1\naws_secret_access_key = new/secret+key";
    assert_eq!(changed, expected);
}

#[test]
fn what_programs_read_differently_is_refused() {
    let complete = "aws_access_key_id = A\naws_secret_access_key = s\n";
    for (text, expected) in [
        (String::new(), "there is no profile `host`"),
        (
            format!("[profile host]\n{complete}"),
            "there is no profile `host`",
        ),
        (format!("[hosts]\n{complete}"), "there is no profile `host`"),
        (
            format!("[host]\n{complete}[other]\n[host]\n{complete}"),
            "there are two profiles `host`, on the lines 1 and 5",
        ),
        (
            "[host]\naws_access_key_id = A\n".to_owned(),
            "the profile `host` has no aws_secret_access_key",
        ),
        (
            "[host]\naws_secret_access_key = s\n".to_owned(),
            "the profile `host` has no aws_access_key_id",
        ),
        (
            format!("[host]\n{complete}aws_access_key_id = B\n"),
            "the profile `host` has aws_access_key_id twice, on the lines 2 and 4",
        ),
        (
            "[host]\naws_access_key_id =\n".to_owned(),
            "line 2, with aws_access_key_id, does not have exactly one value",
        ),
        (
            "[host]\naws_access_key_id = # A\n".to_owned(),
            "line 2, with aws_access_key_id, does not have exactly one value",
        ),
        (
            "[host]\naws_access_key_id = A B\n".to_owned(),
            "line 2, with aws_access_key_id, does not have exactly one value",
        ),
        (
            "[host]\naws_access_key_id = A\n  B\n".to_owned(),
            "line 2, with aws_access_key_id, does not have exactly one value",
        ),
        (
            format!("[host]\n{complete}aws_session_token = t\n"),
            "the profile `host` has an aws_session_token, so it holds temporary credentials",
        ),
    ] {
        assert_eq!(changed(&text, "host"), Err(expected.to_owned()), "{text}");
        assert_eq!(held(&text, "host"), Err(expected.to_owned()), "{text}");
    }
}

/// The two lines are swapped, or one has something else.
#[test]
fn a_value_that_is_not_an_id_is_refused_and_not_shown() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    for id in [secret, "AKIA", "AKIAOLDOLDOLDOLDOLD\u{e9}"] {
        let text = format!(
            "[host]\naws_access_key_id = {id}\naws_secret_access_key = {}\n",
            NEW.0
        );
        let refused = "aws_access_key_id of the profile `host` is not an access key ID: 16 to 128 upper-case letters and digits";
        assert_eq!(held(&text, "host"), Err(refused.to_owned()));
        assert_eq!(changed(&text, "host"), Err(refused.to_owned()));
    }
}

#[test]
fn a_value_that_would_be_read_as_more_than_one_is_not_written() {
    let text = b"[host]\naws_access_key_id = A\naws_secret_access_key = s\n";
    for secret in ["", "a b", "a\nb = c", "a\r", "# a", ";a", "caf\u{e9}"] {
        let key = KeyPair {
            id: "A".to_owned(),
            secret: secret.into(),
        };
        let refused = with_profile_key(text, "host", &key).unwrap_err();
        assert_eq!(refused, ProfileFault::Unwritable, "{secret:?}");
        assert!(secret.len() < 4 || !refused.to_string().contains(secret));
    }
}

/// A line of a file: of a section, a setting, a comment, or anything.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[host]".to_owned()),
        Just("[other]".to_owned()),
        Just("aws_access_key_id = AKIAOLDOLDOLDOLDOLD1".to_owned()),
        Just("aws_secret_access_key=old".to_owned()),
        Just("region = eu-west-1".to_owned()),
        Just(" continued".to_owned()),
        Just("# aws_access_key_id = X".to_owned()),
        "[ -~\t]{0,30}",
    ]
}

proptest! {
    #[test]
    fn only_the_values_change(lines in proptest::collection::vec((line(), "\r?\n"), 0..14)) {
        let text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
        let Ok(changed) = with_profile_key(text.as_bytes(), "host", &new_key()) else {
            // What cannot be changed cannot be read either.
            prop_assert!(profile_key(text.as_bytes(), "host").is_err());
            return Ok(());
        };
        let old = profile_key(text.as_bytes(), "host").unwrap();
        let new = profile_key(&changed, "host").unwrap();
        prop_assert_eq!(new.id.as_str(), NEW.0);
        prop_assert_eq!(new.secret.expose_secret(), NEW.1);
        // With the old key again, it is the same text.
        let back = with_profile_key(&changed, "host", &old).unwrap();
        prop_assert_eq!(back, text.as_bytes());
        let grown = NEW.0.len() + NEW.1.len() - old.id.len() - old.secret.expose_secret().len();
        prop_assert_eq!(changed.len(), text.len() + grown);
    }

    #[test]
    fn no_bytes_are_too_much(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = with_profile_key(&text, "host", &new_key());
    }
}
