//! Dumps of a crashed process. Windows Error Reporting makes them, and a process can refuse them only
//! with functions that Rust calls unsafe, which this program does without.

/// The caller's limit on core dumps. Windows has none.
#[derive(Clone, Debug)]
pub struct CoreLimit;

/// Does nothing on Windows.
pub fn disable_core_dumps() -> CoreLimit {
    CoreLimit
}

impl CoreLimit {
    /// Does nothing on Windows.
    pub fn restore(&self) {}
}
