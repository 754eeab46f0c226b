//! The function's zip, with the authority of a server in it.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use keyrota::build::{Function, build};
use keyrota::bundle::{Authorities, Bundle, Machine, sha256_hex};
use keyrota::model::Architecture;

use crate::environment::SilentListener;

/// The file that manifests name.
pub const AUTHORITY: &str = "authority.pem";

/// Returns the executable, built once.
fn executable() -> &'static [u8] {
    static EXECUTABLE: OnceLock<Vec<u8>> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        // A thread of its own: the caller may be in a runtime, which cannot wait.
        std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(build(Function::Databases, architecture(), &SilentListener))
                .unwrap_or_else(|error| panic!("the databases' function: {error}"))
        })
        .join()
        .expect("the databases' function")
    })
}

/// Returns the zip for manifests whose `tls_ca` is [`AUTHORITY`], with this in that
/// file: packed once for each server.
pub fn zip(pem: &[u8]) -> Vec<u8> {
    static ZIPS: Mutex<BTreeMap<Vec<u8>, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut zips = ZIPS.lock().expect("nobody panics while holding it");
    let zip = zips
        .entry(pem.to_owned())
        .or_insert_with(|| pack(pem.to_owned()));
    zip.clone()
}

fn pack(pem: Vec<u8>) -> Vec<u8> {
    let name = format!("{}.pem", &sha256_hex(AUTHORITY.as_bytes())[..16]);
    let authorities = Authorities::read(name, pem).expect("certificates");
    let bundle = Bundle::pack_with(executable(), &[authorities], Machine::from(architecture()));
    bundle.expect("a zip").bytes().to_vec()
}

/// Returns this machine's, which is what the local AWS runs.
pub fn architecture() -> Architecture {
    match cfg!(target_arch = "aarch64") {
        true => Architecture::Arm64,
        false => Architecture::X86_64,
    }
}
