//! Which secrets hold a key.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::port::ListedSecret;
use keyrota_contract::tag;

/// How a secret was matched with a key. The first of these that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretMatch {
    /// Its value contains the access key ID.
    KeyId,
    /// It has keyrota's tags, with the name of the key's user.
    Tags,
    /// A part of its name is the name of the key's user. That proves nothing.
    Name,
}

/// A secret, and what its value says.
#[derive(Clone, Debug, Default)]
pub struct InspectedSecret {
    /// The secret.
    pub listed: ListedSecret,
    /// The access key IDs of the account in its value, or `None` if the value was not read.
    pub key_ids: Option<BTreeSet<String>>,
}

/// The secrets that hold a key, or may hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The best match.
    pub secret: &'a ListedSecret,
    /// How it was matched.
    pub matched: SecretMatch,
    /// The names of the others that were matched in any way.
    pub others: Vec<String>,
}

/// Returns the secrets that hold a key. `key` is absent if its ID is not known.
pub fn holder<'a>(
    secrets: &'a [InspectedSecret],
    user: &str,
    key: Option<&str>,
) -> Option<Holder<'a>> {
    let mut matches: Vec<(SecretMatch, &ListedSecret)> = secrets
        .iter()
        .filter_map(|secret| Some((matched(secret, user, key)?, &secret.listed)))
        .collect();
    // A secret that is scheduled for deletion is not the one that clients read.
    matches.sort_by_key(|(matched, secret)| (secret.deleted, *matched, &secret.name));
    let (matched, secret) = *matches.first()?;
    let others = matches[1..].iter().map(|(_, other)| other.name.clone());
    Some(Holder {
        secret,
        matched,
        others: others.collect(),
    })
}

fn matched(secret: &InspectedSecret, user: &str, key: Option<&str>) -> Option<SecretMatch> {
    let held = secret.key_ids.as_ref();
    if key.is_some_and(|key| held.is_some_and(|held| held.contains(key))) {
        return Some(SecretMatch::KeyId);
    }
    let tags = &secret.listed.tags;
    let is = |text: &str| text.eq_ignore_ascii_case(user);
    let named = tags.get(tag::USER).is_some_and(|name| is(name));
    let of_database = tags
        .get(tag::KIND)
        .is_some_and(|kind| kind == tag::DATABASE);
    if tags.contains_key(tag::STACK) && named && !of_database {
        return Some(SecretMatch::Tags);
    }
    let part = secret.listed.name.split('/').any(is);
    // A value without the key refutes the name.
    let refuted = key.is_some() && held.is_some();
    (part && !of_database && !refuted).then_some(SecretMatch::Name)
}

/// Returns which of the known access key IDs a value contains, whatever its format is.
pub fn key_ids_in(value: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    value
        .split(|one: char| !one.is_ascii_alphanumeric() && one != '_')
        .filter_map(|word| known.get(word).cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, tags: &[(&str, &str)], held: Option<&[&str]>) -> InspectedSecret {
        let tags = tags.iter();
        InspectedSecret {
            listed: ListedSecret {
                name: name.to_owned(),
                tags: tags
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
                ..ListedSecret::default()
            },
            key_ids: held.map(|held| held.iter().map(|id| (*id).to_owned()).collect()),
        }
    }

    fn found(secrets: &[InspectedSecret]) -> Option<(String, SecretMatch)> {
        let holder = holder(secrets, "ada", Some("AKIA1"))?;
        Some((holder.secret.name.clone(), holder.matched))
    }

    const TAGS: &[(&str, &str)] = &[(tag::STACK, "keys"), (tag::USER, "ada")];

    #[test]
    fn a_value_decides_before_tags_and_tags_before_a_name() {
        let by_name = secret("prod/ada", &[], None);
        let by_tags = secret("keys/x", TAGS, None);
        let by_value = secret("any", &[], Some(&["AKIA1"]));
        let all = [by_name.clone(), by_tags.clone(), by_value];
        assert_eq!(found(&all), Some(("any".to_owned(), SecretMatch::KeyId)));
        let whole = holder(&all, "ada", Some("AKIA1")).unwrap();
        assert_eq!(whole.others, ["keys/x", "prod/ada"]);
        assert_eq!(
            found(&all[..2]),
            Some(("keys/x".to_owned(), SecretMatch::Tags))
        );
        assert_eq!(
            found(&[by_name]),
            Some(("prod/ada".to_owned(), SecretMatch::Name))
        );
    }

    #[test]
    fn a_value_with_another_key_refutes_a_name_and_not_the_tags() {
        assert_eq!(found(&[secret("prod/ada", &[], Some(&["AKIA2"]))]), None);
        assert_eq!(found(&[secret("prod/ada", &[], Some(&[]))]), None);
        // The stack may hold the user's old key until the next rotation.
        let tagged = [secret("prod/ada", TAGS, Some(&["AKIA2"]))];
        assert_eq!(
            found(&tagged),
            Some(("prod/ada".to_owned(), SecretMatch::Tags))
        );
    }

    #[test]
    fn only_whole_parts_of_a_name_match() {
        for (name, matches) in [
            ("ada", true),
            ("Prod/ADA", true),
            ("ada/key", true),
            ("prod/adam", false),
            ("prod-ada", false),
            ("", false),
        ] {
            assert_eq!(
                found(&[secret(name, &[], None)]).is_some(),
                matches,
                "{name}"
            );
        }
    }

    #[test]
    fn a_database_users_secret_is_not_that_of_an_iam_user() {
        let tags = [TAGS, &[(tag::KIND, tag::DATABASE)]].concat();
        assert_eq!(found(&[secret("prod/ada", &tags, None)]), None);
        let foreign = [(tag::USER, "ada")];
        assert_eq!(found(&[secret("x", &foreign, None)]), None);
    }

    #[test]
    fn a_secret_that_is_being_deleted_comes_last() {
        let mut deleted = secret("a", TAGS, None);
        deleted.listed.deleted = true;
        let name = secret("b/ada", &[], None);
        assert_eq!(
            found(&[deleted, name]),
            Some(("b/ada".to_owned(), SecretMatch::Name))
        );
    }

    #[test]
    fn a_key_id_is_found_in_any_format_and_only_whole() {
        let known = BTreeSet::from(["AKIA1".to_owned(), "AKIA2".to_owned()]);
        let found = |text: &str| key_ids_in(text, &known).into_iter().collect::<Vec<_>>();
        assert_eq!(
            found(r#"{"accesskey":"AKIA1","x":["AKIA2"]}"#),
            ["AKIA1", "AKIA2"]
        );
        assert_eq!(found("[default]\naws_access_key_id=AKIA1\n"), ["AKIA1"]);
        assert_eq!(found("AKIA12 xAKIA1 AKIA1_"), Vec::<String>::new());
    }
}
