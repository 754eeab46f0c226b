//! Tests functions in a program that are as they were built, and functions that are not.

use super::*;

const CODE: FunctionCode = FunctionCode::Databases;

/// The executables, in the order in which they were compressed.
const EXECUTABLES: [(&str, &str); 3] = [
    ("access_key", "one"),
    ("database", "the second"),
    ("service", "3"),
];

/// Returns a Zstandard frame with the content as it is ("raw blocks", RFC 8878).
fn frame(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length];
    let block = (u32::from(length) << 3) | 1;
    frame.extend(&block.to_le_bytes()[..3]);
    frame.extend(content);
    frame
}

/// Returns a program with these bytes for x86_64, and what its record says.
fn program(archive: Vec<u8>, change: impl FnOnce(&mut serde_json::Value)) -> Embedded {
    let mut functions = Vec::new();
    let mut offset = 0;
    for (kind, executable) in EXECUTABLES {
        functions.push(serde_json::json!({
            "kind": kind,
            "architecture": "x86_64",
            "offset": offset,
            "size": executable.len(),
            "file": "a.zip",
            "bytes": 4_711,
            "sha256": "5ba9",
            "executable_sha256": sha256_hex(executable.as_bytes()),
            "toolchain": "rustc 1.2.3 (c0ffee), linked by cargo build",
        }));
        offset += executable.len();
    }
    let mut record = serde_json::json!({ "commit": "0123456", "functions": functions });
    change(&mut record);
    let archive = EmbeddedArchive {
        architecture: Architecture::X86_64,
        bytes: archive.leak(),
    };
    Embedded {
        record: record.to_string().leak(),
        archives: vec![archive].leak(),
    }
}

fn content() -> Vec<u8> {
    EXECUTABLES
        .map(|(_, executable)| executable)
        .concat()
        .into()
}

#[test]
fn a_program_from_a_checkout_contains_nothing() {
    let embedded = Embedded {
        record: "",
        archives: &[],
    };
    assert!(embedded.record().unwrap().functions.is_empty());
    assert_eq!(
        embedded.executable(CODE, Architecture::X86_64).unwrap(),
        None
    );
    assert_eq!(embedded.architectures().count(), 0);
    let own = Embedded::of_this_program();
    assert_eq!(own.architectures().count(), own.archives.len());
    own.record().unwrap();
}

#[test]
fn each_function_is_given_as_it_was_built() {
    let embedded = program(frame(&content()), |_| {});
    for (code, (kind, executable)) in FunctionCode::ALL.into_iter().zip(EXECUTABLES) {
        assert_eq!(code.kind(), kind);
        let given = embedded.executable(code, Architecture::X86_64).unwrap();
        assert_eq!(given.unwrap(), executable.as_bytes());
        let digest = embedded.executable_sha256(code, Architecture::X86_64);
        assert_eq!(digest, Some(sha256_hex(executable.as_bytes())));
    }
    assert!(embedded.has(Architecture::X86_64));
}

#[test]
fn another_architecture_is_not_contained() {
    let embedded = program(frame(&content()), |_| {});
    assert!(!embedded.has(Architecture::Arm64));
    assert_eq!(
        embedded.executable(CODE, Architecture::Arm64).unwrap(),
        None
    );
    assert_eq!(embedded.executable_sha256(CODE, Architecture::Arm64), None);
}

#[test]
fn a_damaged_archive_is_refused() {
    let mut other = content();
    other[5] ^= 1;
    let mut cut = frame(&content());
    cut.truncate(12);
    let mut longer = content();
    longer.truncate(8);
    for (archive, expected) in [
        (frame(&other), "is damaged: its SHA-256 is "),
        (cut, "is damaged: "),
        (frame(&longer), "is damaged: it ends too early"),
        (b"no archive".to_vec(), "is damaged: "),
        (Vec::new(), "is damaged: "),
    ] {
        let error = program(archive, |_| {}).executable(CODE, Architecture::X86_64);
        let error = error.unwrap_err().to_string();
        let what = "this program's copy of the database function for x86_64 ";
        let rest = error.strip_prefix(what).unwrap();
        assert!(rest.starts_with(expected), "{error}");
    }
    // Damage in one executable does not concern another one before it.
    let embedded = program(frame(&other), |_| {});
    let first = embedded.executable(FunctionCode::AccessKeys, Architecture::X86_64);
    assert_eq!(first.unwrap().unwrap(), b"one");
}

#[test]
fn a_record_that_does_not_list_a_function_is_refused() {
    let embedded = program(frame(&content()), |record| {
        record["functions"][1]["architecture"] = "arm64".into();
    });
    let error = embedded.executable(CODE, Architecture::X86_64).unwrap_err();
    insta::assert_snapshot!(error, @"this program's record of its functions does not list database for x86_64");
    insta::assert_snapshot!(embedded.record().unwrap_err(), @"this program's record of its functions does not list database for x86_64");
    let embedded = program(frame(&content()), |record| *record = "".into());
    assert!(matches!(embedded.record(), Err(Error::Record(_))));
}
