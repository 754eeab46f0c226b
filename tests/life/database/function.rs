//! The function's zip file with a server's certificate authority.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use keyrota::build::{Function, Profile, build};
use keyrota::bundle::{Authorities, Bundle, Machine, sha256_hex};
use keyrota::model::Architecture;

use crate::environment::SilentListener;

/// The name of the file in manifests.
pub const AUTHORITY: &str = "authority.pem";

/// Returns the executable, built once.
fn executable() -> &'static [u8] {
    static EXECUTABLE: OnceLock<Vec<u8>> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        // On a separate thread, because the caller's runtime cannot block.
        std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(build(
                    Function::Databases,
                    architecture(),
                    Profile::Function,
                    &SilentListener,
                ))
                .unwrap_or_else(|error| panic!("the databases' function: {error}"))
                .executable
        })
        .join()
        .expect("the databases' function")
    })
}

/// Returns the zip file for manifests whose `tls_ca` is [`AUTHORITY`], with this content. It is
/// packed once for each server.
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

/// Returns this machine's architecture, with which the local AWS runs functions.
pub fn architecture() -> Architecture {
    match cfg!(target_arch = "aarch64") {
        true => Architecture::Arm64,
        false => Architecture::X86_64,
    }
}
