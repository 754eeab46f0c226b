//! What the page says about two users that alternate.

use super::{ALTERNATING, DATABASES, page};

const GAP: &str = "a client with the old password is refused until the staging label moves";
const NO_GAP: &str = "so no client is refused. A client must read the user name and the password";
const REFUSES: &str = "In between, the server refuses the old password";
const REMAINS: &str = "remains valid until the rotation after the next";

#[test]
fn the_page_claims_a_gap_only_where_there_is_one() {
    let two = page(ALTERNATING);
    for text in [
        NO_GAP,
        REMAINS,
        "The user that clients log in as is not changed",
        "The current user is not changed",
        "two alternate: each rotation gives the one that is not current the rights",
        "shop_a or shop_b at shop.internal:3306",
    ] {
        assert!(two.contains(text), "{text}");
    }
    assert!(!two.contains(GAP) && !two.contains(REFUSES));
    let one = page(DATABASES);
    assert!(one.contains(GAP) && one.contains(REFUSES));
    assert!(!one.contains(NO_GAP) && !one.contains(REMAINS));
    // With both kinds of entries, it says both.
    let both = page(&ALTERNATING.replace("    users: alternate\n", ""));
    assert!(both.contains(GAP) && both.contains(NO_GAP));
}
