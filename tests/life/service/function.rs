//! The service function's zip file.

use std::sync::OnceLock;

use keyrota::build::{Function, Profile, build};
use keyrota::bundle::{Authorities, Bundle, Machine, sha256_hex};

pub use crate::database::function::{AUTHORITY, architecture};
use crate::environment::SilentListener;

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
                    Function::Services,
                    architecture(),
                    Profile::Function,
                    &SilentListener,
                ))
                .unwrap_or_else(|error| panic!("the services' function: {error}"))
                .executable
        })
        .join()
        .expect("the services' function")
    })
}

/// Returns the zip file for manifests whose adapters name no authority, or [`AUTHORITY`] with this
/// content.
pub fn zip(pem: Option<Vec<u8>>) -> Vec<u8> {
    let name = format!("{}.pem", &sha256_hex(AUTHORITY.as_bytes())[..16]);
    let authorities = pem.map(|pem| Authorities::read(name, pem).expect("certificates"));
    let authorities: Vec<Authorities> = authorities.into_iter().collect();
    let bundle = Bundle::pack_with(executable(), &authorities, Machine::from(architecture()));
    bundle.expect("a zip").bytes().to_vec()
}
