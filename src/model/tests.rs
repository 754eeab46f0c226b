//! Reading manifests: what YAML can do to them, and that nothing makes it panic.

use proptest::prelude::*;

use super::{Entry, Finding, FirstRotation, InitialPassword, Model, RotateAs, decode, load};

const VALID: &str = include_str!("../../examples/everything.yaml");

fn findings(text: &str) -> Vec<Finding> {
    load(text, None).map(|loaded| loaded.model).unwrap_err()
}

/// Returns each finding as `KIND PATH LINE`.
fn short(text: &str) -> Vec<String> {
    let line = |finding: &Finding| finding.line.map_or("-".to_owned(), |line| line.to_string());
    findings(text)
        .iter()
        .map(|finding| format!("{} {} {}", finding.kind, finding.path, line(finding)))
        .collect()
}

fn read(text: &str, environment: Option<&str>) -> Model {
    load(text, environment)
        .unwrap_or_else(|found| panic!("{found:?}"))
        .model
}

#[test]
fn an_error_at_the_end_is_on_the_last_line() {
    for text in ["a: 1\nb", "a: 1\r\nb", "a: 1\rb"] {
        assert_eq!(short(text), ["yaml  2"], "{text:?}");
    }
    assert_eq!(short("a: [1\n"), ["yaml  2"]);
}

#[test]
fn an_environment_is_laid_over_the_rest() {
    let text = "\
version: 1
stack: keys
tags: { team: a, cost: b }
defaults: { schedule: rate(30 days), rotate_as: role }
access_keys: [{ user: ada }, { user: bob }]
environments:
  staging:
    stack: keys-staging
    tags: { team: c }
    defaults: { schedule: rate(7 days) }
    access_keys: [{ user: eve }]
  empty:
";
    let plain = read(text, None);
    assert_eq!(plain.stack.as_str(), "keys");
    assert_eq!(plain.entries.len(), 2);
    let staging = read(text, Some("staging"));
    assert_eq!(staging.stack.as_str(), "keys-staging");
    // Mappings merge key by key, a list is replaced.
    let tags: Vec<&str> = staging.tags.values().map(String::as_str).collect();
    assert_eq!(tags, ["b", "c"]);
    let [eve] = staging.entries.as_slice() else {
        panic!("{:?}", staging.entries);
    };
    assert_eq!(eve.secret.as_str(), "keys-staging/eve");
    assert_eq!(eve.schedule.to_string(), "rate(7 days)");
    assert_eq!(eve.rotate_as, RotateAs::Role);
    assert_eq!(read(text, Some("empty")).stack.as_str(), "keys");
    let unknown = load(text, Some("stagging")).unwrap_err();
    assert_eq!(unknown[0].kind, "unknown-environment");
    assert_eq!(unknown[0].hint.as_deref(), Some("did you mean `staging`?"));
}

#[test]
fn a_fault_in_an_environment_is_found_where_it_stands() {
    let text = "\
version: 1
stack: keys
access_keys: [{ user: ada }]
environments:
  staging:
    stack: 7keys
    stak: keys
";
    let found = load(text, Some("staging")).unwrap_err();
    let lines: Vec<_> = found
        .iter()
        .map(|finding| (finding.kind, finding.line))
        .collect();
    assert_eq!(lines, [("invalid-name", Some(6)), ("unknown-key", Some(7))]);
}

#[test]
fn an_environment_that_is_not_selected_is_checked_too() {
    let text = "\
version: 1
stack: keys
access_keys: [{ user: ada }]
environments:
  staging:
    stack: 7keys
    access_keys: [{ user: ada, shedule: rate(7 days) }]
  production: { regoin: eu-west-1 }
  dev:
  other: 5
";
    let (stack, key) = ("stack 6", "access_keys[0].shedule 7");
    let (production, other) = ("environments.production.regoin 8", "environments.other 10");
    let under = |path: &str| format!("environments.staging.{path}");
    let found = |environment: Option<&str>| {
        let found = load(text, environment).unwrap_err();
        let shown = found
            .iter()
            .map(|finding| format!("{} {}", finding.path, finding.line.unwrap_or_default()));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(found(Some("staging")), [stack, key, production, other]);
    for environment in [None, Some("dev")] {
        assert_eq!(
            found(environment),
            [&under(stack), &under(key), production, other]
        );
    }
}

/// An environment may complete a manifest that is refused without it.
#[test]
fn an_error_of_the_whole_manifest_is_reported_once() {
    let text = "\
version: 1
stack: keys
regoin: eu-west-1
environments:
  staging: { access_keys: [{ user: ada }] }
  dev: { access_keys: [{ user: bob }] }
";
    assert_eq!(short(text), ["missing  1", "unknown-key regoin 3"]);
    let complete = text.replace("regoin", "region");
    assert_eq!(read(&complete, Some("dev")).entries.len(), 1);
    assert_eq!(short(&complete), ["missing  1"]);
}

#[test]
fn a_manifest_that_is_not_utf_8_is_refused_with_its_position() {
    assert_eq!(decode("ä: 1\n".as_bytes()), Ok("ä: 1\n"));
    let position = |bytes: &[u8]| {
        let finding = decode(bytes).unwrap_err();
        assert!(finding.is_error());
        (finding.line, finding.message)
    };
    let message = "the manifest is not UTF-8: there is a byte";
    assert_eq!(
        position(b"version: 1\n\xc3\xa4\xe4: 1\n"),
        (Some(2), format!("{message} 0xe4 at column 2"))
    );
    assert_eq!(
        position(b"\xff\xfe"),
        (Some(1), format!("{message} 0xff at column 1"))
    );
    assert_eq!(
        position(b"a\n\xc3"),
        (Some(2), format!("{message} 0xc3 at column 1"))
    );
}

#[test]
fn an_entry_goes_before_the_defaults_and_null_is_absent() {
    let text = "\
version: 1
stack: keys
account: ~
region: null
defaults: { rotate_as: role, readers: ['arn:aws:iam::111122223333:root'] }
access_keys:
  - { user: ada, rotate_as: self, readers: [] }
  - { user: bob, rotate_as: ~, secret: }
alarms:
function:
";
    let model = read(text, None);
    assert!(model.account.is_none() && model.region.is_none());
    let [ada, bob] = model.entries.as_slice() else {
        panic!("{:?}", model.entries);
    };
    assert_eq!(ada.rotate_as, RotateAs::Itself);
    assert!(ada.readers.is_empty());
    assert_eq!(bob.rotate_as, RotateAs::Role);
    assert_eq!(bob.readers.len(), 1);
    assert_eq!(bob.secret.as_str(), "keys/bob");
    let required = short("version: ~\nstack:\naccess_keys: ~\n");
    assert_eq!(
        required,
        ["missing version 1", "missing stack 1", "missing  1"]
    );
}

#[test]
fn faults_in_the_defaults_are_told_once() {
    let text = "\
version: 1
stack: keys
defaults: { schedule: rate(1 hour) }
access_keys: [{ user: ada }, { user: bob }]
";
    assert_eq!(short(text).len(), 1, "{:?}", short(text));
}

#[test]
fn exceptions_are_read_with_their_lines() {
    let text = "\
version: 1
stack: keys
access_keys: [{ user: ada }]
exceptions:
  - { rule: a-rule, reason: \"  because  of\\n this  \" }
  - rule: a-rule
    resource: Function
    reason: because of that
";
    let exceptions = read(text, None).exceptions;
    let places: Vec<_> = exceptions
        .iter()
        .map(|one| (one.reason.as_str(), one.resource.as_deref(), one.line))
        .collect();
    assert_eq!(
        places,
        [
            ("because of this", None, 5),
            ("because of that", Some("Function"), 6)
        ]
    );
    let head = "version: 1\nstack: keys\naccess_keys: [{ user: ada }]\nexceptions: ";
    let refused = |list: &str| short(&format!("{head}{list}\n"));
    assert_eq!(
        refused("[{ rule: a-rule, reason: as it is }]"),
        ["invalid-value exceptions[0].reason 4"]
    );
    assert_eq!(
        refused("[{ rule: a-rule }, { reason: because of this }]"),
        [
            "missing exceptions[0].reason 4",
            "missing exceptions[1].rule 4"
        ]
    );
    assert_eq!(refused("{}"), ["wrong-type exceptions 4"]);
    let one = "{ rule: a-rule, reason: because of this }";
    assert_eq!(
        refused(&format!("[{one}, {one}]")),
        ["contradiction exceptions[1] 4"]
    );
}

#[test]
fn texts_that_are_not_one_mapping() {
    assert_eq!(short(""), ["yaml  1"]);
    assert_eq!(short("# nothing\n"), ["yaml  1"]);
    assert_eq!(short("just text"), ["wrong-type  1"]);
    assert_eq!(short("- version: 1"), ["wrong-type  1"]);
    assert_eq!(short("version: 1\n---\nversion: 1\n"), ["yaml  2"]);
    assert_eq!(
        short("version: [1\nstack: keys\n")[0].split(' ').next(),
        Some("yaml")
    );
    assert_eq!(short("version: 1\nstack: !Ref keys\n"), ["yaml  2"]);
    assert_eq!(short("? [a]\n: b\n"), ["yaml  1"]);
    assert_eq!(
        short("version: *nothing\n")[0].split(' ').next(),
        Some("yaml")
    );
}

#[test]
fn a_key_stands_once() {
    let text = "version: 1\nstack: keys\nstack: other\n";
    assert_eq!(short(text), ["duplicate-key stack 3"]);
}

#[test]
fn anchors_serve_and_do_not_multiply() {
    let text = "\
version: 1
stack: keys
access_keys:
  - { user: ada, readers: &readers ['arn:aws:iam::111122223333:root'] }
  - { user: bob, readers: *readers }
";
    assert_eq!(read(text, None).entries[1].readers.len(), 1);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let found = findings(&bomb);
    assert!(found[0].message.contains("check the aliases"), "{found:?}");
}

#[test]
fn nesting_has_an_end() {
    for open in ["[", "{a: "] {
        let deep = format!("version: {}", open.repeat(10_000));
        assert_eq!(short(&deep), ["yaml  1"]);
    }
}

#[test]
fn aliases_cannot_nest_without_end() {
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..5_000 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(!findings(&chain).is_empty());
}

#[test]
fn numbers_keep_their_text() {
    let text = "version: 1\nstack: keys\naccount: 012345678901\naccess_keys: [{ user: 0x1F }]\n";
    let model = read(text, None);
    assert_eq!(model.account.unwrap().as_str(), "012345678901");
    assert_eq!(model.entries[0].user_name(), "0x1F");
    let number = |memory: &str| {
        short(&format!(
            "version: 1\nstack: keys\nfunction: {{ memory: {memory} }}\naccess_keys: [{{ user: ada }}]\n"
        ))
    };
    for wrong in [
        "99999999999999999999999",
        "-1",
        "1e3",
        "128.0",
        "127",
        "'１２８'",
    ] {
        assert_eq!(
            number(wrong),
            ["invalid-number function.memory 3"],
            "{wrong}"
        );
    }
    let huge = "version: 1\nstack: keys\ndefaults: { schedule: rate(99999999999999999999 days), window: 99999999999999999999h }\naccess_keys: [{ user: ada }]\n";
    assert!(!findings(huge).is_empty());
}

#[test]
fn names_that_iam_takes_for_one_are_one() {
    let text = "version: 1\nstack: keys\naccess_keys: [{ user: ada }, { user: ADA }]\n";
    assert_eq!(short(text), ["duplicate-user access_keys[1].user 3"]);
}

/// Returns the warnings of a manifest as `KIND PATH LINE`.
fn warned(text: &str) -> Vec<String> {
    let loaded = load(text, None).unwrap_or_else(|found| panic!("{found:?}"));
    let warnings = loaded.warnings.iter();
    warnings
        .map(|finding| {
            let line = finding.line.unwrap_or_default();
            format!("{} {} {line}", finding.kind, finding.path)
        })
        .collect()
}

#[test]
fn an_old_key_with_too_little_or_too_much_time_is_warned_of() {
    let text = |old_key: &str, schedule: &str| {
        format!(
            "version: 1\nstack: keys\naccess_keys:\n  - user: ada\n    schedule: {schedule}\n    old_key: {old_key}\n"
        )
    };
    let found = |old_key: &str, schedule: &str| warned(&text(old_key, schedule));
    let fine = "{ deactivate_after: 1h, delete_after: 7d }";
    assert_eq!(found(fine, "rate(8 days)"), [""; 0]);
    assert_eq!(found("until_next_rotation", "rate(4 hours)"), [""; 0]);
    let path = "access_keys[0].old_key";
    assert_eq!(
        found(
            "{ deactivate_after: 59m, delete_after: 7d }",
            "rate(8 days)"
        ),
        [format!("short-grace {path}.deactivate_after 6")]
    );
    assert_eq!(
        found("{ delete_after: 0 }", "rate(8 days)"),
        ["short-grace", "unmeasured-use"].map(|kind| format!("{kind} {path}.delete_after 6"))
    );
    let measured = |deactivate: &str, hold: &str| {
        let old_key = format!(
            "{{ deactivate_after: {deactivate}, delete_after: 7d, hold_if_used_within: {hold} }}"
        );
        let found = found(&old_key, "rate(8 days)");
        let unmeasured = found
            .into_iter()
            .filter(|one| one.starts_with("unmeasured-use"));
        unmeasured.collect::<Vec<_>>()
    };
    assert_eq!(
        measured("15m", "1d"),
        [format!("unmeasured-use {path}.deactivate_after 6")]
    );
    assert_eq!(measured("16m", "16m"), [""; 0]);
    assert_eq!(
        measured("1d", "15m"),
        [format!("unmeasured-use {path}.hold_if_used_within 6")]
    );
    assert_eq!(
        found(fine, "rate(7 days)"),
        [format!("old-key-outlived {path}.delete_after 6")]
    );
    assert_eq!(
        found("{ deactivate_after: 4h }", "rate(4 hours)"),
        [format!("old-key-outlived {path}.deactivate_after 6")]
    );
    // When the next one comes cannot be said in general.
    assert_eq!(found(fine, "cron(0 /8 * * ? *)"), [""; 0]);
}

#[test]
fn old_keys_of_the_defaults_are_warned_of_once_and_by_the_entries_schedules() {
    let text = "\
version: 1
stack: keys
defaults: { old_key: { deactivate_after: 30m, delete_after: 45d } }
access_keys:
  - { user: ada, schedule: rate(60 days) }
  - { user: bob, schedule: rate(60 days) }
";
    let path = "defaults.old_key";
    let short = format!("short-grace {path}.deactivate_after 3");
    assert_eq!(warned(text), std::slice::from_ref(&short));
    let often = text.replace("rate(60 days)", "rate(45 days)");
    let outlived = format!("old-key-outlived {path}.delete_after 3");
    assert_eq!(warned(&often), [short, outlived]);
}

#[test]
fn what_a_database_cannot_use_is_warned_of() {
    let text = |more: &str, top: &str| {
        format!(
            "version: 1\nstack: keys\n{top}databases:\n  - secret: a\n    engine: ENGINE\n    host: db\n    username: app\n{more}"
        )
    };
    let found =
        |engine: &str, more: &str, top: &str| warned(&text(more, top).replace("ENGINE", engine));
    assert_eq!(found("postgres", "", ""), [""; 0]);
    let old_key = "    old_key: { deactivate_after: 1d }\n";
    assert_eq!(
        found("mariadb", old_key, ""),
        ["unused-old-key databases[0].old_key 8"]
    );
    assert_eq!(found("mysql", old_key, ""), [""; 0]);
    let often = format!("{old_key}    schedule: rate(1 day)\n");
    assert_eq!(
        found("mysql", &often, ""),
        ["old-key-outlived databases[0].old_key 8"]
    );
    // The defaults may be there for others.
    let defaults = "defaults: { old_key: { deactivate_after: 1d }, rotate_as: role }\n";
    assert_eq!(found("postgres", "", defaults), [""; 0]);
    let require = "    tls: require\n    tls_ca: a.pem\n";
    assert_eq!(
        found("postgres", require, ""),
        ["unused-authority databases[0].tls_ca 9"]
    );
    let network = "version: 1\nstack: keys\naccess_keys: [{ user: ada }]\nnetwork: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }\n";
    assert_eq!(warned(network), ["unused-network network 4"]);
}

/// What somebody put where a password's source belongs is not repeated.
#[test]
fn a_password_in_a_manifest_is_not_told() {
    for field in ["initial_password", "password", "secret_password"] {
        let text = format!(
            "version: 1\nstack: keys\ndatabases: [{{ secret: a, engine: mysql, host: db, username: app, {field}: 'hunter2 ist geheim' }}]\n"
        );
        let found = findings(&text);
        assert!(!found.is_empty());
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
}

#[test]
fn a_mapping_in_place_of_a_password_source_shows_the_valid_ones() {
    const ADAPTER: &str = "arn:aws:lambda:eu-west-1:111122223333:function:portal";
    let database = "databases: [{ secret: a, engine: mysql, host: db, username: app";
    let service =
        format!("services: [{{ secret: a, username: app, adapter: {{ function: '{ADAPTER}' }}");
    for (entry, expected) in [
        (database, "expected prompt, set, env:NAME, or the name"),
        (service.as_str(), "expected prompt, env:NAME, or the name"),
    ] {
        let text =
            format!("version: 1\nstack: keys\n{entry}, initial_password: {{ env: FIRST }} }}]\n");
        let found = findings(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, "wrong-type");
        assert!(found[0].message.starts_with(expected), "{found:?}");
    }
}

#[test]
fn a_database_takes_what_it_can_from_the_defaults() {
    let text = "\
version: 1
stack: keys
defaults: { rotate_as: role, schedule: rate(7 days), probe: none }
databases:
  - { secret: a, engine: mariadb, host: db, username: app }
  - { secret: b, engine: mysql, host: db, username: app, rotate_as: ops/admin }
";
    let model = read(text, None);
    let [own, other] = model.entries.as_slice() else {
        panic!("{:?}", model.entries);
    };
    assert_eq!(
        (own.as_database().unwrap().kind.port, own.rotate_as.as_str()),
        (3306, "self")
    );
    assert_eq!(other.rotate_as.as_str(), "ops/admin");
    assert_eq!(own.schedule.to_string(), "rate(7 days)");
    let shared = text.replace("role", "ops/shared");
    assert_eq!(
        read(&shared, None).entries[0].rotate_as.as_str(),
        "ops/shared"
    );
}

#[test]
fn a_password_waits_for_its_first_rotation_unless_the_manifest_says_otherwise() {
    let first = |defaults: &str, own: &str| {
        let text = format!(
            "version: 1\nstack: keys\ndefaults: {{ {defaults} }}\naccess_keys: [{{ user: ada{own} }}]\n\
             databases: [{{ secret: a, engine: mysql, host: db, username: app{own} }}]\n"
        );
        let entries = read(&text, None).entries;
        let names = entries.iter().map(|entry| entry.first_rotation.name());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(first("", ""), "now scheduled");
    assert_eq!(first("first_rotation: now", ""), "now now");
    assert_eq!(
        first("first_rotation: on_request", ""),
        "on_request on_request"
    );
    let own = ", first_rotation: scheduled";
    assert_eq!(first("first_rotation: now", own), "scheduled scheduled");
    let text = "version: 1\nstack: keys\naccess_keys: [{ user: ada, first_rotation: later }]\n";
    assert_eq!(
        short(text),
        ["invalid-value access_keys[0].first_rotation 3"]
    );
}

#[test]
fn a_password_that_nobody_knows_is_set_by_a_rotation() {
    let entry = |own: &str| {
        let text = format!(
            "version: 1\nstack: keys\ndatabases: [{{ secret: a, engine: mysql, host: db, username: app, \
             rotate_as: ops{own} }}]\n"
        );
        read(&text, None).entries.remove(0)
    };
    let password = |entry: &Entry| entry.as_database().unwrap().kind.initial_password.clone();
    let prompted = entry("");
    assert_eq!(password(&prompted), InitialPassword::Prompt);
    for own in [
        ", initial_password: set",
        ", create_user: true, roles: [readers]",
        ", create_user: true, roles: [readers], initial_password: set, first_rotation: now",
    ] {
        let set = entry(own);
        assert_eq!(password(&set), InitialPassword::Set, "{own}");
        assert_eq!(set.first_rotation, FirstRotation::Now, "{own}");
    }
    let created = entry(", create_user: true, grants: [SELECT ON shop.*], roles: [readers]");
    let rights = created.as_database().unwrap().kind.create_user.clone();
    let rights = rights.unwrap();
    assert_eq!(rights.grants, ["SELECT ON shop.*"]);
    assert_eq!(rights.roles, ["readers"]);
    // A default that is meant for others has to be changed on the entry.
    let text = "version: 1\nstack: keys\ndefaults: { first_rotation: on_request }\ndatabases:\n\
                \x20 - { secret: a, engine: mysql, host: db, username: app, rotate_as: ops, initial_password: set }\n";
    assert_eq!(short(text), ["contradiction databases[0].first_rotation 5"]);
}

/// Cuts, doubles or replaces a piece of a text.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "",
        "~",
        "null",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "&a ",
        "*a",
        "!x ",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "\t",
        "\n",
        "\u{feff}",
        "é",
        "\0",
        "999999999999999999999",
        "${AWS::Region}",
        "{{",
        "---\n",
    ]);
    let cut = (any::<prop::sample::Index>(), 0usize..40, piece);
    prop::collection::vec(cut, 1..6).prop_map(|cuts| {
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, length, piece) in cuts {
            let from = at.index(text.len().max(1)).min(text.len());
            let to = (from + length).min(text.len());
            text.splice(from..to, piece.chars());
        }
        text.into_iter().collect()
    })
}

fn holds(text: &str, environment: Option<&str>) {
    match load(text, environment) {
        Ok(loaded) => assert!(!loaded.warnings.iter().any(Finding::is_error)),
        Err(found) => assert!(found.iter().any(Finding::is_error), "{text}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), environment in any::<Option<String>>()) {
        holds(&text, environment.as_deref());
    }

    #[test]
    fn any_mutation_is_read_or_refused(text in mutated()) {
        holds(&text, None);
        holds(&text, Some("staging"));
    }
}

#[test]
fn a_key_that_can_be_older_than_the_limit_is_refused_with_a_schedule_that_is_not() {
    let refused = |defaults: &str, entry: &str| {
        let text = format!(
            "version: 1\nstack: keys\ndefaults: {{ {defaults} }}\naccess_keys: [{{ user: ada{entry} }}]\n"
        );
        let findings = load(&text, None).err().unwrap_or_default();
        let of_age = findings.into_iter().filter(|one| one.kind == "key-age");
        of_age
            .map(|one| (one.path, one.message, one.hint.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(refused("max_key_age: 90d", ""), []);
    assert_eq!(refused("schedule: rate(44 days), max_key_age: 90d", ""), []);
    assert_eq!(
        refused("schedule: rate(90 days)", ", max_key_age: 90d"),
        [(
            "access_keys[0].max_key_age".to_owned(),
            "a key can be active for 180 days and 3 hours under this schedule and old_key, which is more than 90d".to_owned(),
            "use `schedule: rate(44 days)`, or rotate more often".to_owned(),
        )]
    );
    // The same schedule is enough if the old key is deactivated at once.
    let at_once = "old_key: { deactivate_after: 0, delete_after: 7d }";
    let defaults = format!("schedule: rate(89 days), max_key_age: 90d, {at_once}");
    assert_eq!(refused(&defaults, ""), []);
    let found = refused("schedule: rate(45 days), max_key_age: 90d", "");
    assert_eq!(found[0].0, "defaults.max_key_age");
    let found = refused("max_key_age: 4h", "");
    assert_eq!(found[0].2, "no schedule satisfies this; raise max_key_age");
}
