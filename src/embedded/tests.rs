//! Tests functions in a program that are as they were built, and functions that are not.

use super::*;
use crate::bundle::Machine;
use crate::bundle::sample::Sample;

const CODE: FunctionCode = FunctionCode::AccessKeys;

fn bundle() -> Bundle {
    Bundle::pack(&Sample::default().bytes(), Machine::X86_64).unwrap()
}

/// Returns a program with an access key function for x86_64, and what its record says.
fn program(bytes: Vec<u8>, change: impl FnOnce(&mut serde_json::Value)) -> Embedded {
    let bundle = bundle();
    let mut record = serde_json::json!({
        "commit": "0123456",
        "functions": [{
            "kind": "access_key",
            "architecture": "x86_64",
            "file": "function-x86_64.zip",
            "bytes": bundle.bytes().len(),
            "sha256": bundle.sha256_hex(),
            "executable_sha256": bundle.executable_sha256(),
            "toolchain": "rustc 1.2.3 (c0ffee), linked by cargo build",
            "profile": "function",
        }],
    });
    change(&mut record);
    let zip = EmbeddedZip {
        code: CODE,
        architecture: Architecture::X86_64,
        bytes: bytes.leak(),
    };
    Embedded {
        record: record.to_string().leak(),
        zips: vec![zip].leak(),
    }
}

#[test]
fn a_program_from_a_checkout_contains_nothing() {
    let embedded = Embedded::of_this_program();
    if std::env::var_os("KEYROTA_EMBED").is_some() {
        return;
    }
    assert!(embedded.is_empty());
    assert!(embedded.record().unwrap().functions.is_empty());
    assert_eq!(
        embedded.bundle(CODE, Architecture::X86_64).unwrap(),
        None
    );
    assert!(embedded.architectures().is_empty());
}

#[test]
fn a_function_is_given_as_it_was_built() {
    let embedded = program(bundle().bytes().to_vec(), |_| {});
    let given = embedded.bundle(CODE, Architecture::X86_64).unwrap();
    assert_eq!(given, Some(bundle()));
    assert_eq!(
        embedded.executable_sha256(CODE, Architecture::X86_64),
        Some(bundle().executable_sha256())
    );
    assert_eq!(embedded.architectures(), [Architecture::X86_64]);
}

#[test]
fn another_architecture_or_kind_is_not_contained() {
    let embedded = program(bundle().bytes().to_vec(), |_| {});
    for (code, architecture) in [
        (CODE, Architecture::Arm64),
        (FunctionCode::Databases, Architecture::X86_64),
    ] {
        assert!(!embedded.has(code, architecture));
        assert_eq!(embedded.bundle(code, architecture).unwrap(), None);
        assert_eq!(embedded.executable_sha256(code, architecture), None);
    }
}

#[test]
fn a_damaged_archive_is_refused_by_its_digest() {
    let mut bytes = bundle().bytes().to_vec();
    // Part of a file's date, which nothing else would notice.
    bytes[10] ^= 1;
    let error = program(bytes, |_| {}).bundle(CODE, Architecture::X86_64);
    let error = error.unwrap_err().to_string();
    let (what, _) = error.split_once(": its SHA-256 is ").unwrap();
    assert_eq!(what, "this program's function-x86_64.zip is damaged");
}

#[test]
fn a_function_that_lambda_cannot_run_is_refused() {
    let bytes = b"no zip file".to_vec();
    let digest = sha256_hex(&bytes);
    let embedded = program(bytes, |record| {
        record["functions"][0]["sha256"] = digest.into();
    });
    let error = embedded.bundle(CODE, Architecture::X86_64).unwrap_err();
    assert!(matches!(error, Error::Unfit { .. }), "{error}");
}

#[test]
fn a_record_that_does_not_list_a_function_is_refused() {
    let embedded = program(bundle().bytes().to_vec(), |record| {
        record["functions"][0]["architecture"] = "arm64".into();
    });
    let error = embedded.bundle(CODE, Architecture::X86_64).unwrap_err();
    insta::assert_snapshot!(error, @"this program's record of its functions does not list access_key for x86_64");
    insta::assert_snapshot!(embedded.record().unwrap_err(), @"this program's record of its functions does not list access_key for x86_64");
    let embedded = program(bundle().bytes().to_vec(), |record| *record = "".into());
    assert!(matches!(embedded.record(), Err(Error::Record(_))));
}
