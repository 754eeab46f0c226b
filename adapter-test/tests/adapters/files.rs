//! The files of the examples.

use std::path::{Path, PathBuf};

use keyrota_contract::pins::service::Http;
use serde_json::Value;

/// Returns the folder of an example.
pub fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("a folder").join("examples/adapters").join(name)
}

/// Reads a file of an example.
#[expect(clippy::disallowed_methods, reason = "a test reads an example")]
pub fn text(name: &str, file: &str) -> String {
    std::fs::read_to_string(folder(name).join(file)).expect("a file")
}

/// Writes an adapter in Python into a folder, with what runs it, and returns the path of the latter.
#[expect(clippy::disallowed_methods, reason = "a test writes a program")]
pub fn write_python(name: &str, adapter: &str, folder: &Path) -> PathBuf {
    let local = folder.join("local.py");
    std::fs::write(folder.join("adapter.py"), adapter).expect("a file");
    std::fs::write(&local, text(name, "local.py")).expect("a file");
    local
}

/// Returns the HTTP adapter of an example, whose host is replaced with an address.
pub fn adapter(name: &str, address: &str) -> Http {
    let text = text(name, "adapter.yaml");
    let host = text
        .split("https://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let host = host.expect("a URL").to_owned();
    let mut file: Value = serde_yaml::from_str(&text.replace(&host, address)).expect("YAML");
    for request in ["authenticate", "change"] {
        for answer in file[request]["answers"].as_array_mut().expect("answers") {
            if answer["status"].is_number() {
                answer["status"] = Value::Array(vec![answer["status"].take()]);
            }
        }
    }
    serde_json::from_value(file).expect("an adapter")
}
