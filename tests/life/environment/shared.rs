//! What all tests share, created once: the function's zip file, and the Python tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use keyrota::sandbox::{self, Options, Strictness};

use super::SilentListener;

/// Returns the options of the tests' sandboxes. They are strict if `KEYROTA_TEST_STRICT` has
/// items of the emulator's README, or `all`.
pub fn options() -> Options {
    let mut options =
        Options::of_this_process().expect("a cache folder: HOME or XDG_CACHE_HOME is set");
    if let Ok(items) = std::env::var("KEYROTA_TEST_STRICT") {
        options.strictness = Strictness::Virtual { items, seed: 1 };
    }
    options
}

/// Returns the path of the function's zip file, built by the program itself.
pub fn function_zip() -> &'static Path {
    static ZIP: OnceLock<PathBuf> = OnceLock::new();
    ZIP.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("life-function.zip");
        let output = Command::new(env!("CARGO_BIN_EXE_keyrota"))
            .args(["bundle", "--output"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .expect("keyrota can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "keyrota bundle: {said}");
        path
    })
}

/// Returns the folder of the sandbox's virtual environment, with the tools of the tests.
pub fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        // On a separate thread, because the caller's runtime cannot block.
        std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(sandbox::test_tools(&options(), &SilentListener))
                .unwrap_or_else(|error| panic!("the tests' Python tools: {error}"))
        })
        .join()
        .expect("the tests' Python tools")
    })
}
