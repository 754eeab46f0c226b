//! What all tests share, created once: the function's zip file, and the Python tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use keyrota::sandbox::{self, Options, Strictness};

use super::SilentListener;

/// The strict items of every test's account: those in which no time passes.
const TIMELESS: [&str; 5] = [
    "ascii",
    "early-validation",
    "networks",
    "principals",
    "sns-conditions",
];

/// Returns the options of the tests' sandboxes. `KEYROTA_TEST_STRICT` replaces the strict items
/// by other items of the emulator's README, by `all`, or, if it is empty, by none.
pub fn options() -> Options {
    let mut options =
        Options::of_this_process().expect("a cache folder: HOME or XDG_CACHE_HOME is set");
    options.strictness = Strictness::Virtual {
        items: items(),
        seed: 1,
    };
    options
}

/// Returns whether an item of the tests' sandboxes depends on time.
pub fn depends_on_time() -> bool {
    let items = items();
    let mut items = items.split(',').filter(|item| !item.is_empty());
    items.any(|item| !TIMELESS.contains(&item))
}

fn items() -> String {
    std::env::var("KEYROTA_TEST_STRICT").unwrap_or_else(|_| TIMELESS.join(","))
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
