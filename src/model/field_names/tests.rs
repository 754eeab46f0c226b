use crate::model::{Entry, Finding, load};

fn entries(text: &str) -> Vec<Entry> {
    let text = format!("version: 1\nstack: keys\n{text}");
    let loaded = load(&text, None).unwrap_or_else(|found| panic!("{found:?}\n{text}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.model.entries
}

fn refused(fields: &str) -> Vec<Finding> {
    let text = format!("version: 1\nstack: keys\naccess_keys: [{{ user: ada, fields: {fields} }}]");
    load(&text, None).unwrap_err()
}

#[test]
fn an_entrys_names_come_before_those_of_the_defaults() {
    let text = r#"
defaults: { fields: { accesskey: ID, username: USER, password: PASS } }
access_keys:
  - user: ada
    fields: { accesskey: [KEY, ID, accesskey], secretkey: secretkey }
  - user: bob
databases:
  - { secret: db, engine: postgres, host: h, username: u, fields: { username: username } }
"#;
    let all = entries(text);
    let names = |index: usize, field: &str| all[index].fields.all(field).join(" ");
    assert_eq!(names(0, "accesskey"), "KEY ID accesskey");
    assert_eq!(names(0, "username"), "USER username");
    assert_eq!(names(1, "accesskey"), "ID accesskey");
    assert_eq!(names(1, "secretkey"), "secretkey");
    assert_eq!(names(2, "username"), "username");
    assert_eq!(names(2, "password"), "PASS password");
    for entry in entries("access_keys: [{ user: ada, fields: { accesskey: accesskey } }]") {
        assert!(entry.fields.are_default());
    }
}

#[test]
fn a_list_has_all_names() {
    let all = entries("access_keys: [{ user: ada, fields: { username: [iam_user] } }]");
    assert_eq!(all[0].fields.all("username"), ["iam_user"]);
}

#[test]
fn a_name_may_be_as_long_as_a_template_allows() {
    let longest = "é".repeat(256);
    entries(&format!(
        "access_keys: [{{ user: ada, fields: {{ accesskey: {longest} }} }}]"
    ));
    let found = refused(&format!("{{ accesskey: x{longest} }}"));
    assert_eq!(found[0].kind, "invalid-name");
    assert!(found[0].message.contains("257"), "{}", found[0].message);
}

#[test]
fn each_collision_is_named() {
    for (fields, message) in [
        (
            "{ accesskey: A, secretkey: [S, A] }",
            "`A` is a name of `accesskey` too",
        ),
        (
            "{ accesskey: username }",
            "`username` is the default name of another field",
        ),
        (
            "{ username: U, accesskey: username }",
            "`username` is the default name of another field",
        ),
        ("{ accesskey: [A, A] }", "`A` is in the list twice"),
    ] {
        let found = refused(fields);
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.kind, it.message.as_str()))
            .collect();
        assert_eq!(found, [("duplicate-field", message)], "{fields}");
    }
}
