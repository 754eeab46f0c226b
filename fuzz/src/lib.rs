//! What the fuzz targets do with an input. Each module is a target: `run` takes bytes, gives them to the
//! readers of keyrota or of its functions, and asserts what must hold for any input.
//!
//! | module | the input |
//! | --- | --- |
//! | [`adapter`] | the YAML file of an HTTP adapter |
//! | [`event`] | the event of a function |
//! | [`http`] | an answer to an adapter, over HTTP or from a function |
//! | [`manifest`] | a manifest |
//! | [`mysql`] | what a server sends that speaks the protocol of MySQL and MariaDB |
//! | [`package`] | the zip file of a function |
//! | [`postgres`] | what a server sends that speaks PostgreSQL's protocol |
//! | [`render`] | a manifest, which is rendered if it is accepted |
//! | [`schedule`] | a schedule expression, a window, and a moment |
//! | [`smtp`] | what a mail server sends |
//! | [`template`] | a CloudFormation template |
//! | [`value`] | the value of a secret |

pub mod adapter;
pub mod event;
pub mod http;
pub mod manifest;
pub mod mysql;
pub mod package;
mod played;
pub mod postgres;
pub mod render;
pub mod schedule;
mod server;
pub mod smtp;
pub mod template;
pub mod value;

/// A part of each secret that the targets use and that corpora contain. No message may repeat it.
pub const CANARY: &str = "xK9canary";

/// Asserts that a text does not repeat a secret.
#[track_caller]
pub fn assert_silent(text: &str) {
    assert!(!text.contains(CANARY), "a message repeats a secret: {text}");
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Splits the first bytes off, which choose what is done with the rest. Those that are absent are 0.
pub(crate) fn choices<const COUNT: usize>(input: &[u8]) -> ([u8; COUNT], &[u8]) {
    let (first, rest) = input.split_at(COUNT.min(input.len()));
    let mut choices = [0; COUNT];
    choices[..first.len()].copy_from_slice(first);
    (choices, rest)
}

/// Asserts what holds for each finding about a text: its line is in the text, and it says something.
#[track_caller]
pub(crate) fn assert_placed(findings: &[keyrota::model::Finding], text: &str) {
    // The end of a text that ends with a line break is on the line after it.
    let lines = text
        .split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .count();
    for finding in findings {
        assert!(!finding.kind.is_empty() && !finding.message.is_empty());
        if let Some(line) = finding.line {
            let range = 1..=lines;
            assert!(
                range.contains(&line),
                "{finding:?} is outside of {lines} lines"
            );
        }
    }
}
