//! Disables core dumps. A panic aborts the process, and a dump of its memory would contain the
//! secrets that it was working with.

/// Makes sure that the process leaves no core dump, wherever the system would store it. If the
/// system refuses, there is no other remedy, so the function continues.
#[cfg(unix)]
pub fn forbid() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    // A resource limit does not apply if the dump is piped to a program ("core(5)").
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Does nothing: the functions run on Linux. Other systems only compile this, for `keyrota adapter test`.
#[cfg(not(unix))]
pub fn forbid() {}
