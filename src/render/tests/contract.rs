//! The templates contain tags and events as text. They must match the contract with the
//! functions.

use keyrota_contract::tag;

use super::super::template::TEMPLATES;

#[test]
fn templates_name_only_tags_of_the_contract() {
    let mut named = 0;
    for (template, text) in TEMPLATES {
        for (place, _) in text.match_indices(tag::PREFIX) {
            let rest = &text[place + tag::PREFIX.len()..];
            let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let key = &text[place..place + tag::PREFIX.len() + length];
            let mut known = tag::OF_SECRETS.into_iter().chain(tag::OF_USERS);
            assert!(known.any(|known| known == key), "{template} names {key}");
            named += 1;
        }
    }
    assert!(named > 0);
}
