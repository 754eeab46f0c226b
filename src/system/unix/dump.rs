//! No core dumps, because an image of this program's memory would contain secrets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The caller's limit on core dumps.
#[derive(Clone, Debug)]
pub struct CoreLimit(Rlimit);

/// Disables core dumps of this process, and returns the previous limit. If the system
/// does not allow this, nothing else can be done.
///
/// Only the soft limit is lowered: it can be raised again for another program.
pub fn disable_core_dumps() -> CoreLimit {
    let before = getrlimit(Resource::Core);
    let none = Rlimit {
        current: Some(0),
        maximum: before.maximum,
    };
    let _ = setrlimit(Resource::Core, none);
    // A limit does not hold for a dump that goes to a program ("core(5)").
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    CoreLimit(before)
}

impl CoreLimit {
    /// Restores the caller's limit for the program that replaces this one. `execve` makes
    /// a process dumpable again ("execve(2)").
    pub fn restore(&self) {
        let _ = setrlimit(Resource::Core, self.0);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

    use super::*;

    #[test]
    fn there_is_no_dump_and_the_limit_comes_back() {
        let before = Rlimit {
            current: Some(7),
            ..getrlimit(Resource::Core)
        };
        setrlimit(Resource::Core, before).unwrap();
        let limit = disable_core_dumps();
        let now = getrlimit(Resource::Core);
        assert_eq!(now.current, Some(0));
        assert_eq!(now.maximum, before.maximum);
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        limit.restore();
        assert_eq!(getrlimit(Resource::Core), before);
        // The other tests of this process are as they were.
        set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
    }
}
