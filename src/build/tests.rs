//! Tests the flow with scripts as tools, and one build with the real tools.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::bundle::sample::Sample;
use crate::tool::testing::{Recorder, script};

/// A made-up workspace, and made-up programs on the `PATH`.
struct Machine {
    folder: TempDir,
}

const HOST: &str = "x86_64-unknown-linux-gnu";

impl Machine {
    /// Returns a machine with rustc for x86-64 and nothing else.
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["source/lambda", "programs", "libraries"] {
            std::fs::create_dir_all(machine.path(folder)).unwrap();
        }
        write(&machine.path("source/lambda/Cargo.toml"), b"");
        machine.program(
            "rustc",
            &format!(
                "case $1 in -vV) echo 'rustc 1.2.3 (c0ffee)'; echo 'host: {HOST}' ;; *) echo /rust; echo {} ;; esac",
                machine.path("libraries").display()
            ),
        );
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, body: &str) {
        script(&self.path("programs"), name, body);
    }

    /// Installs a cargo that builds an executable with each of its subcommands.
    fn cargo(&self, executables: &[(&str, Sample)]) {
        let mut body = "echo \"   Compiling with $*\" >&2\n".to_owned();
        for (verb, sample) in executables {
            let path = self.path(&format!("{verb}.elf"));
            write(&path, &sample.bytes());
            body.push_str(&format!(
                "[ $1 = {verb} ] && echo '{{\"reason\":\"compiler-artifact\",\
                 \"target\":{{\"kind\":[\"bin\"],\"name\":\"bootstrap\"}},\
                 \"executable\":\"{}\"}}'\n",
                path.display()
            ));
        }
        self.program("cargo", &format!("{body}exit 0"));
    }

    fn setting(&self) -> Setting {
        let path = std::env::join_paths([self.path("programs")]).unwrap();
        Setting::new([("PATH".into(), path)], Some(&self.path("source")))
    }

    async fn build(&self, architecture: Architecture) -> (Result<Built, Error>, Vec<Event>) {
        self.build_with(architecture, Profile::Function).await
    }

    async fn build_with(
        &self,
        architecture: Architecture,
        profile: Profile,
    ) -> (Result<Built, Error>, Vec<Event>) {
        let recorder = Recorder::default();
        let function = Function::AccessKeys;
        let result = build_with(&self.setting(), function, architecture, profile, &recorder).await;
        (result, recorder.events())
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

fn too_new() -> Sample {
    Sample {
        libraries: vec![("libc.so.6", vec!["GLIBC_2.34", "GLIBC_2.38", "GLIBC_2.39"])],
        ..Sample::default()
    }
}

fn text(error: &Error) -> String {
    format!("{error}\n\nHint: {}", error.hint().unwrap_or_default())
}

#[tokio::test]
async fn cargo_builds_and_is_heard() {
    let machine = Machine::new();
    machine.cargo(&[("build", Sample::default())]);
    let (built, events) = machine.build(Architecture::X86_64).await;
    let built = built.unwrap();
    assert_eq!(built.executable, Sample::default().bytes());
    assert_eq!(
        built.toolchain,
        "rustc 1.2.3 (c0ffee), linked by cargo build"
    );
    assert_eq!(
        events,
        [
            Event::Stage(Stage::Building {
                function: "the rotation function",
                architecture: "x86_64",
            }),
            Event::Output(
                "   Compiling with build --locked --profile function --package keyrota-function \
                 --package keyrota-database-function --package keyrota-service-function --bin bootstrap --message-format json-render-diagnostics"
                    .to_owned()
            ),
        ]
    );
}

#[tokio::test]
async fn a_quick_build_has_the_features_of_cargo_run() {
    let machine = Machine::new();
    machine.cargo(&[("build", Sample::default())]);
    let (built, events) = machine
        .build_with(Architecture::X86_64, Profile::Release)
        .await;
    assert_eq!(built.unwrap().executable, Sample::default().bytes());
    assert_eq!(
        events[1],
        Event::Output(
            "   Compiling with build --locked --profile release --package keyrota \
             --package keyrota-function --package keyrota-database-function \
             --package keyrota-service-function --bin bootstrap --message-format json-render-diagnostics"
                .to_owned()
        )
    );
    // Cargo unifies the features of the packages named on its command line: these have to
    // be the ones that `cargo run` takes.
    let workspace = include_str!("../../Cargo.toml");
    assert!(
        workspace
            .contains(r#"default-members = [".", "lambda", "lambda/database", "lambda/service"]"#),
        "the default members are other packages now"
    );
}

#[tokio::test]
async fn a_failed_build_shows_its_end() {
    let machine = Machine::new();
    machine.program(
        "cargo",
        "echo 'error[E0308]: mismatched types' >&2; exit 101",
    );
    let (built, _) = machine.build(Architecture::X86_64).await;
    insta::assert_snapshot!(built.unwrap_err(), @"
    cargo build failed (exit status: 101)
    error[E0308]: mismatched types
    ");
}

#[tokio::test]
async fn a_cargo_that_names_no_executable_is_an_error() {
    let machine = Machine::new();
    machine.cargo(&[]);
    let (built, _) = machine.build(Architecture::X86_64).await;
    insta::assert_snapshot!(built.unwrap_err(), @"cargo build did not report where the executable is");
}

#[tokio::test]
async fn without_cargo_the_error_says_where_to_get_it() {
    let (built, _) = Machine::new().build(Architecture::X86_64).await;
    insta::assert_snapshot!(text(&built.unwrap_err()), @"
    cannot build the function: cargo is not on the PATH

    Hint: install Rust: https://rustup.rs
    or use a function that was bundled on another machine: `--function-zip FILE`
    ");
}

#[tokio::test]
async fn another_architecture_needs_its_tools() {
    let machine = Machine::new();
    machine.cargo(&[]);
    machine.program("rustup", "");
    let (built, _) = machine.build(Architecture::Arm64).await;
    insta::assert_snapshot!(text(&built.unwrap_err()), @"
    this machine cannot build the function for arm64: the Rust target aarch64-unknown-linux-gnu is not installed; neither cargo-zigbuild, cargo-lambda, nor a cross compiler is on the PATH

    Hint: install the target: `rustup target add aarch64-unknown-linux-gnu`
    install a linker: `pip install cargo-zigbuild ziglang`
    or use a function that was bundled on another machine: `--function-zip FILE`
    ");
}

#[tokio::test]
async fn another_architecture_is_built_with_what_there_is() {
    let machine = Machine::new();
    let arm = || Sample {
        machine: bundle::Machine::Aarch64,
        ..Sample::default()
    };
    machine.cargo(&[("build", arm()), ("zigbuild", arm())]);
    write(&machine.path("libraries/libstd-0123.rlib"), b"");
    machine.program("aarch64-linux-gnu-gcc", "");
    let (built, events) = machine.build(Architecture::Arm64).await;
    assert_eq!(built.unwrap().executable, arm().bytes());
    let said = format!("{events:?}");
    assert!(
        said.contains(" --target aarch64-unknown-linux-gnu --message"),
        "{said}"
    );

    machine.program("cargo-zigbuild", "");
    machine.program("zig", "");
    let (built, events) = machine.build(Architecture::Arm64).await;
    assert_eq!(built.unwrap().executable, arm().bytes());
    let said = format!("{events:?}");
    assert!(
        said.contains(" --target aarch64-unknown-linux-gnu.2.34 --message"),
        "{said}"
    );
}

#[tokio::test]
async fn a_glibc_that_is_too_new_names_every_symbol() {
    let machine = Machine::new();
    machine.cargo(&[("build", too_new())]);
    let (built, _) = machine.build(Architecture::X86_64).await;
    insta::assert_snapshot!(text(&built.unwrap_err()), @"
    this machine's glibc is newer than Lambda's
    the program requires GLIBC_2.38 of libc.so.6, but Amazon Linux 2023 has at most GLIBC_2.34
    the program requires GLIBC_2.39 of libc.so.6, but Amazon Linux 2023 has at most GLIBC_2.34

    Hint: install a linker for an older glibc: `pip install cargo-zigbuild ziglang`
    or use a function that was bundled on another machine: `--function-zip FILE`
    ");
}

#[tokio::test]
async fn a_glibc_that_is_too_new_is_got_around() {
    let machine = Machine::new();
    machine.cargo(&[("build", too_new()), ("zigbuild", Sample::default())]);
    machine.program("cargo-zigbuild", "");
    machine.program("zig", "");
    let (built, events) = machine.build(Architecture::X86_64).await;
    let built = built.unwrap();
    assert_eq!(built.executable, Sample::default().bytes());
    assert!(built.toolchain.ends_with(", linked by cargo zigbuild"));
    let said = format!("{events:?}");
    assert!(
        said.contains(" --target x86_64-unknown-linux-gnu.2.34 "),
        "{said}"
    );

    machine.cargo(&[("build", too_new()), ("zigbuild", too_new())]);
    let (built, _) = machine.build(Architecture::X86_64).await;
    assert!(matches!(built, Err(Error::Unfit(_))), "{built:?}");
}

#[tokio::test]
async fn an_executable_for_another_machine_is_not_taken() {
    let machine = Machine::new();
    let arm = Sample {
        machine: bundle::Machine::Aarch64,
        ..Sample::default()
    };
    machine.cargo(&[("build", arm)]);
    machine.program("cargo-zigbuild", "");
    machine.program("zig", "");
    let (built, _) = machine.build(Architecture::X86_64).await;
    insta::assert_snapshot!(built.unwrap_err(), @"
    the build produced an executable that Lambda cannot run
    the program is built for arm64 (aarch64), but the function's architecture is x86_64
    ");
}

/// Builds a small function with the real cargo, in a folder whose name a generated source file
/// would reveal.
async fn really_build(name: &str) -> Vec<u8> {
    let parent = tempfile::tempdir().unwrap();
    let source = parent.path().join(name);
    std::fs::create_dir_all(source.join("lambda/src")).unwrap();
    for other in ["database", "service"] {
        std::fs::create_dir_all(source.join("lambda").join(other).join("src")).unwrap();
    }
    for (path, content) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"lambda\", \"lambda/database\", \"lambda/service\"]\nresolver = \"3\"\n\
             [profile.function]\ninherits = \"release\"\nstrip = true\n",
        ),
        (
            "Cargo.lock",
            "version = 4\n[[package]]\nname = \"keyrota-database-function\"\nversion = \"0.1.0\"\n\
             [[package]]\nname = \"keyrota-function\"\nversion = \"0.1.0\"\n\
             [[package]]\nname = \"keyrota-service-function\"\nversion = \"0.1.0\"\n",
        ),
        (
            "lambda/Cargo.toml",
            "[package]\nname = \"keyrota-function\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [[bin]]\nname = \"bootstrap\"\npath = \"src/main.rs\"\n",
        ),
        (
            "lambda/database/Cargo.toml",
            "[package]\nname = \"keyrota-database-function\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("lambda/database/src/lib.rs", ""),
        (
            "lambda/service/Cargo.toml",
            "[package]\nname = \"keyrota-service-function\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("lambda/service/src/lib.rs", ""),
        (
            "lambda/build.rs",
            "fn main() {\n    let folder = std::env::var(\"OUT_DIR\").unwrap();\n    \
             let code = \"fn generated() -> &'static str { file!() }\";\n    \
             std::fs::write(folder + \"/generated.rs\", code).unwrap();\n}\n",
        ),
        (
            "lambda/src/main.rs",
            "include!(concat!(env!(\"OUT_DIR\"), \"/generated.rs\"));\n\
             fn main() {\n    println!(\"{}\", generated());\n}\n",
        ),
    ] {
        write(&source.join(path), content.as_bytes());
    }
    let variables = std::env::vars_os().filter(|(name, _)| {
        let elsewhere = [
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET_DIR",
            "KEYROTA_SOURCE",
        ];
        !elsewhere.contains(&name.to_string_lossy().as_ref())
    });
    let flags = ("RUSTFLAGS".into(), OsString::from("-Cdebuginfo=2"));
    let setting = Setting::new(variables.chain([flags]), Some(&source));
    let source = setting.source().unwrap();
    let recorder = Recorder::default();
    let architecture = if cfg!(target_arch = "aarch64") {
        Architecture::Arm64
    } else {
        Architecture::X86_64
    };
    let toolchain = toolchain::inspect(&setting, architecture, &recorder)
        .await
        .unwrap();
    assert!(toolchain.has_standard_library);
    invocation::run(
        &setting,
        &source,
        &toolchain,
        invocation::BuildInputs {
            function: Function::AccessKeys,
            architecture,
            profile: Profile::Function,
            method: &Method::Native,
        },
        &recorder,
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn the_bytes_do_not_depend_on_where_the_source_lies() {
    let first = really_build("one place").await;
    let second = really_build("some-other-folder").await;
    let name = b"some-other-folder";
    assert!(!second.windows(name.len()).any(|window| window == name));
    assert!(
        first == second,
        "{} and {} bytes",
        first.len(),
        second.len()
    );
}
