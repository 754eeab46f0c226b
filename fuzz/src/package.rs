//! The zip file of a function. The first byte chooses the architecture.

use keyrota::bundle::{Bundle, Machine, Pinned};

use crate::choices;

/// Checks the file, adds pins to it, and checks the result.
///
/// # Panics
///
/// Panics if a refusal gives no reason, or if an accepted file cannot be used.
pub fn run(input: &[u8]) {
    let ([choice], zip) = choices(input);
    let machine = [Machine::X86_64, Machine::Aarch64][usize::from(choice & 1)];
    let bundle = match Bundle::inspect(zip.to_vec(), machine) {
        Ok(bundle) => bundle,
        Err(refused) => {
            assert!(!refused.faults().is_empty() && !refused.to_string().is_empty());
            return;
        }
    };
    assert_eq!(bundle.bytes(), zip);
    let pins = Pinned {
        path: "pins/0.json".to_owned(),
        text: "{}".to_owned(),
    };
    let pinned = bundle
        .pinned(&[pins])
        .expect("what was checked can be packed");
    assert_eq!(pinned.executable_sha256(), bundle.executable_sha256());
    let again = Bundle::inspect(pinned.bytes().to_vec(), machine);
    assert_eq!(
        again.as_ref(),
        Ok(&pinned),
        "it does not pass its own check"
    );
}
