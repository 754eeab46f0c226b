//! The page as a whole.

use std::collections::BTreeMap;

use super::{BOTH, DATABASES, ENCRYPT, EVERYTHING, page, rendered, texts, users};
use crate::render::resolve;

#[test]
fn the_same_manifest_gives_the_same_page_in_any_order() {
    assert_eq!(page(EVERYTHING), page(EVERYTHING));
    let (head, entries) = EVERYTHING.split_once("access_keys:\n").unwrap();
    let mut entries: Vec<String> = entries
        .split("  - user: ")
        .skip(1)
        .map(str::to_owned)
        .collect();
    entries.reverse();
    let entries = entries.join("  - user: ");
    let turned = format!("{head}access_keys:\n  - user: {entries}");
    assert_eq!(page(EVERYTHING), page(&turned));
}

/// The page loads nothing, and runs only what its content security policy names.
#[test]
fn the_page_is_one_file_and_its_policy_allows_nothing_else() {
    let page = page(EVERYTHING);
    let (_, policy) = page
        .split_once("Content-Security-Policy\" content=\"")
        .unwrap();
    let (policy, _) = policy.split_once("\">").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for tag in ["style", "script"] {
        let (_, text) = page.split_once(&format!("<{tag}>")).unwrap();
        let (text, _) = text.split_once(&format!("</{tag}>")).unwrap();
        let digest = crate::bundle::sha256_base64(text.as_bytes());
        assert!(
            policy.contains(&format!("{tag}-src 'sha256-{digest}'")),
            "{tag}"
        );
        assert_eq!(page.matches(&format!("<{tag}")).count(), 1);
    }
    for loading in [
        " src=", "<link", "url(", "@import", "http://", "https://", " style=", " on",
    ] {
        let (before, _) = page.split_once("<script>").unwrap();
        let after = before.split_once("</style>").unwrap().1;
        let found = after
            .find(loading)
            .map(|at| &after[at..(at + 40).min(after.len())]);
        // Words may begin like this, but attributes may not.
        let attribute = |text: &str| {
            loading != " on"
                || text[3..].starts_with(|one: char| one.is_ascii_lowercase())
                    && text
                        .split_once('=')
                        .is_some_and(|(name, _)| !name[1..].contains(' '))
        };
        assert!(!found.is_some_and(attribute), "{loading}: {found:?}");
    }
}

/// Every resource has a line in the drawing, in the cards, and in a table. If there are too
/// many, they are counted.
#[test]
fn the_picture_has_every_resource() {
    for (manifest, whole) in [
        (EVERYTHING.to_owned(), true),
        (DATABASES.to_owned(), true),
        (BOTH.to_owned(), true),
        (ENCRYPT.to_owned(), true),
        (users(1), true),
        (users(12), true),
        (users(13), false),
        (users(300), false),
    ] {
        let rendering = rendered(&manifest, None);
        let page = &rendering.files["review.html"];
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for stack in rendering.stacks() {
            let tree = crate::render::tree::read(stack).unwrap();
            for (id, resource) in resolve::resources(&tree) {
                *expected
                    .entry(resolve::type_of(resource).to_owned())
                    .or_insert(0) += 1;
                assert!(page.contains(id), "{id}");
                if whole {
                    assert_eq!(
                        page.matches(&format!(" data-id=\"{id}\"")).count(),
                        2,
                        "{id}"
                    );
                }
            }
        }
        let mut drawn: BTreeMap<String, usize> = BTreeMap::new();
        for part in page.split(" data-type=\"").skip(1) {
            let (kind, rest) = part.split_once("\" data-count=\"").unwrap();
            let (count, _) = rest.split_once('"').unwrap();
            *drawn.entry(kind.to_owned()).or_insert(0) += count.parse::<usize>().unwrap();
        }
        let twice = expected
            .into_iter()
            .map(|(kind, count)| (kind, 2 * count))
            .collect();
        assert_eq!(drawn, twice);
    }
}

/// Arrows and the table of contents have valid targets.
#[test]
fn every_link_has_its_target() {
    for manifest in [
        EVERYTHING.to_owned(),
        DATABASES.to_owned(),
        BOTH.to_owned(),
        ENCRYPT.to_owned(),
        users(1),
        users(150),
    ] {
        let page = page(&manifest);
        let targets = page
            .split(" href=\"#")
            .skip(1)
            .map(|rest| rest.split_once('"').unwrap().0);
        for target in targets {
            let times = page.matches(&format!(" id=\"{target}\"")).count();
            // A stack without readers has no section about them.
            assert!(times == 1 || target == "readers", "{target}: {times}");
        }
    }
}

/// All characters that AWS allows and that a person can write in a manifest.
#[test]
fn a_hostile_name_stays_text() {
    let mut shown = 0;
    for hostile in [
        "</title><script>alert(1)</script>",
        "\"><img/src=x/onerror=alert(1)>",
        "'/onmouseover='alert(1)",
        "{{{raw}}}{{>prose}}",
        "&lt;b&gt;&#39;",
        "\u{202e}evil\u{200b}",
        "--></style><svg/onload=alert(1)>",
        "]]>\\u003cscript\\u003e",
    ] {
        for field in ["username", "dbname", "tls_ca"] {
            let mut database = serde_json::json!({
                "secret": "a", "engine": "postgres", "host": "db.example.com", "username": "a",
            });
            database[field] = hostile.into();
            let manifest = serde_json::json!({
                "version": 1, "stack": "hostile", "databases": [database],
            });
            if crate::model::load(&manifest.to_string(), None).is_ok() {
                shown += 1;
                check_markup(&page(&manifest.to_string()), hostile);
            }
        }
        for entry in [
            serde_json::json!({ "user": "a", "initial_key": format!("profile:{hostile}") }),
            serde_json::json!({ "user": "a", "readers": [format!("arn:aws:iam::111122223333:role/{hostile}")] }),
            serde_json::json!({ "user": "a", "kms_key": format!("arn:aws:kms:eu-west-1:111122223333:key/{hostile}") }),
        ] {
            for email in ["a@example.com".to_owned(), format!("{hostile}@example.com")] {
                let manifest = serde_json::json!({
                    "version": 1,
                    "stack": "hostile",
                    "region": "eu-west-1",
                    "alarms": { "email": [email] },
                    "access_keys": [entry],
                });
                // A value that the manifest refuses cannot reach the page.
                if crate::model::load(&manifest.to_string(), None).is_err() {
                    continue;
                }
                shown += 1;
                check_markup(&page(&manifest.to_string()), hostile);
            }
        }
    }
    assert!(shown > 40, "{shown} of them reach the page");
}

/// Checks that no part of a name has become markup.
fn check_markup(page: &str, hostile: &str) {
    for markup in [
        "<script>alert",
        "<img",
        "<svg/",
        "{202e}evil<",
        "\u{202e}",
        "\u{200b}",
    ] {
        assert!(!page.contains(markup), "{hostile}: {markup}");
    }
    for once in ["<script>", "</script>", "</style>", "</title>\n<style>"] {
        assert_eq!(page.matches(once).count(), 1, "{hostile}: {once}");
    }
}

/// An arrow links to the permission that allows it, and does not exist without one.
#[test]
fn arrows_lead_to_what_allows_them() {
    let arrows = |page: &str| -> BTreeMap<String, String> {
        let rows = page.split("<tr><th scope=\"row\">").skip(1);
        let read = |row: &str| {
            let (from, rest) = row.split_once("</th><td>")?;
            let (verb, rest) = rest.split_once("</td><td>")?;
            let (to, rest) = rest.split_once("</td><td><a href=\"#")?;
            let (href, _) = rest.split_once('"')?;
            Some((format!("{from} {verb} {to}"), href.to_owned()))
        };
        rows.filter_map(read).collect()
    };
    let whole = arrows(&page(EVERYTHING));
    for (arrow, href) in [
        (
            "Secrets Manager invokes Rotation function",
            "started-SecretsManagerPermission",
        ),
        (
            "EventBridge invokes hourly Rotation function",
            "started-SweepPermission",
        ),
        (
            "Rotation function assumes Execution role",
            "trust-LambdaMayAssume",
        ),
        (
            "Rotation function acts as IAM users",
            "users-ManageOwnAccessKeys",
        ),
        (
            "Execution role manages keys IAM users",
            "function-ManageAccessKeys",
        ),
        (
            "Execution role reads, writes Secrets",
            "function-RotateTheSecrets",
        ),
        (
            "Execution role reads Administrators",
            "function-ReadAdministrators",
        ),
        ("Execution role decrypts KMS keys", "function-UseTheKey"),
        ("Named readers read Secrets", "readers-Readers"),
        (
            "Named readers decrypt KMS keys",
            "key-ReadersProdCiDeployer6eee908a",
        ),
    ] {
        assert_eq!(whole.get(arrow).map(String::as_str), Some(href), "{arrow}");
    }
    let both = arrows(&page(BOTH));
    for (arrow, href) in [
        (
            "Secrets Manager invokes Database function",
            "started-DatabaseSecretsManagerPermission",
        ),
        (
            "EventBridge invokes hourly Database function",
            "started-DatabaseSweepPermission",
        ),
        (
            "Role for databases writes Log for databases",
            "database-function-WriteItsLog",
        ),
        (
            "Role for databases reads, writes Secrets",
            "database-function-RotateTheSecrets",
        ),
        (
            "Role for databases decrypts KMS keys",
            "database-function-UseTheKey",
        ),
        ("Database function changes Database servers", "databases"),
        (
            "Execution role manages keys IAM users",
            "function-ManageAndRecordKeys",
        ),
    ] {
        assert_eq!(both.get(arrow).map(String::as_str), Some(href), "{arrow}");
    }
    assert!(!whole.keys().any(|arrow| arrow.contains("atabase")));
    let encrypted = arrows(&page(ENCRYPT));
    for (arrow, href) in [
        ("Log encrypted with KMS keys", "key-LogsMayEncrypt"),
        (
            "Alarm topic encrypted with KMS keys",
            "key-AlarmsMayEncrypt",
        ),
    ] {
        assert_eq!(
            encrypted.get(arrow).map(String::as_str),
            Some(href),
            "{arrow}"
        );
    }
    assert!(
        !encrypted
            .keys()
            .any(|arrow| arrow.starts_with("Named readers"))
    );
    let least = arrows(&page(&users(1)));
    for arrow in [
        "Execution role manages keys IAM users",
        "Execution role decrypts KMS keys",
        "Named readers read Secrets",
    ] {
        assert!(!least.contains_key(arrow), "{arrow}");
    }
}

#[test]
fn escapes_what_html_reads_as_markup() {
    let escaped = super::super::template::escaped;
    assert_eq!(
        escaped("<a b=\"c\" d='e'>&amp;"),
        "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;"
    );
    assert_eq!(escaped("가\u{202e}x\0\r\n"), "가\\u{202e}x\\u{0}\\u{d}\n");
}

/// The digests on the page are those of the files beside it.
#[test]
fn the_digests_are_those_of_the_files() {
    let rendering = rendered(EVERYTHING, None);
    let page = &rendering.files["review.html"];
    for (path, text) in rendering
        .files
        .iter()
        .filter(|(path, _)| *path != "review.html")
    {
        let digest = crate::bundle::sha256_hex(text.as_bytes());
        assert!(page.contains(path) && page.contains(&digest), "{path}");
    }
}

/// A page for thousands of secrets stays small enough for a browser, because similar ones share
/// their text.
#[test]
fn the_page_grows_by_a_row_a_secret() {
    let sizes = [200, 700].map(|count| page(&users(count)).len());
    let each = (sizes[1] - sizes[0]) / 500;
    assert!(each <= 300, "{each} bytes a secret");
    let page = page(&users(700));
    // The deployer's policies of the other stacks are not parsed again, and the page says so.
    assert!(page.contains("This is the policy of the first stack. 4 others have the same"));
    assert!(page.contains("700 secrets, all with the same settings"));
    assert_eq!(texts(&page, "<span class=\"letter\">"), ["A"]);
    assert!(page.contains("each of 700 users may") || page.contains("Each of 700 users may"));
}

/// The page contains neither the value of a secret nor a path on this machine.
#[test]
fn nothing_is_told_that_nobody_should_read() {
    let page = page(EVERYTHING);
    for word in ["AKIA", "/home/", "/tmp/", env!("CARGO_MANIFEST_DIR")] {
        assert!(!page.contains(word), "{word}");
    }
}

/// The first text on the page must not promise too much: a server accepts a new password before
/// it is tested, and an old key may be retired while a client still uses it.
#[test]
fn the_head_promises_what_is_kept() {
    for (manifest, promised) in [
        (
            EVERYTHING,
            "The current key is never deleted or deactivated",
        ),
        (BOTH, "The current key is never deleted or deactivated"),
        (DATABASES, "the server refuses the old password"),
    ] {
        let page = page(manifest);
        assert!(page.contains(promised), "{promised}");
        assert!(!page.contains("the key in use is never"));
        let tried_first = page.contains("verified before it replaces the old one");
        assert_eq!(tried_first, manifest == EVERYTHING);
        assert!(page.contains(
            "Give this part only to principals that are allowed to have all these permissions"
        ));
    }
}
