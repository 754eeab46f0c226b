//! Core dumps.

use keyrota_function::dump;
use rustix::process::{Resource, getrlimit};

#[test]
fn none_is_left() {
    dump::forbid();
    assert_eq!(getrlimit(Resource::Core).current, Some(0));
    assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        let found = dumpable_behavior().expect("an answer");
        assert!(matches!(found, DumpableBehavior::NotDumpable));
    }
}
