//! No core dumps: a panic aborts the process, and an image of its memory would
//! hold the secrets it was working with.

/// Sees to it that the process leaves no core dump, wherever the machine would
/// put it. Where the machine does not let it, there is nothing else to do about
/// that.
pub fn forbid() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    // A limit does not hold for a dump that goes to a program ("core(5)").
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
