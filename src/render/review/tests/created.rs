//! What the page says about users that the function creates.

use super::{CREATED, page};

/// Returns the facts about each group of entries: terms and what they say, without markup.
fn facts(page: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for part in page.split("<dt>").skip(1) {
        let Some((term, rest)) = part.split_once("</dt>") else {
            continue;
        };
        let (said, _) = rest.split_once("</dd>").unwrap();
        let mut plain = String::new();
        let mut in_tag = false;
        for one in said.chars() {
            match one {
                '<' => in_tag = true,
                '>' => in_tag = false,
                _ if !in_tag => plain.push(one),
                _ => {}
            }
        }
        let plain: Vec<&str> = plain.split_whitespace().collect();
        writeln!(text, "{term}: {}", plain.join(" ")).unwrap();
    }
    text
}

/// A security team learns who creates a user, what the user may do, and what is left of it.
#[test]
fn the_page_says_who_creates_a_user_and_with_which_rights() {
    insta::assert_snapshot!(facts(&page(CREATED)));
}
