//! What a server sends that speaks PostgreSQL's protocol. Of the first three bytes, one chooses the
//! verification of the certificate and whether the rest are bytes of the connection or messages, one the
//! call, and one how often the messages are repeated.
//!
//! Messages are written as their type, their length in two bytes (the lower one first), and their content.

use keyrota_database_function::server::{Engine, Verification};

use crate::choices;
use crate::played::{Parts, Script};
use crate::server::play;

/// Plays the server.
///
/// # Panics
///
/// Panics if the client shows a password, reads without an end, or says more than a code.
pub fn run(input: &[u8]) {
    let ([choice, call, repeat], input) = choices(input);
    let verification = match choice & 6 {
        0 => Verification::None,
        2 => Verification::Authority,
        _ => Verification::Full,
    };
    if choice & 8 == 0 {
        play(
            Messages::of(input, repeat),
            Engine::Postgres,
            verification,
            call,
        );
    } else {
        play(
            Parts::of(input, repeat & 1 != 0),
            Engine::Postgres,
            verification,
            call,
        );
    }
}

struct Messages {
    messages: Vec<Vec<u8>>,
    at: usize,
    /// The message with which the messages begin again at the end.
    again: usize,
}

impl Messages {
    fn of(mut input: &[u8], repeat: u8) -> Self {
        let mut messages = Vec::new();
        while let [kind, low, high, rest @ ..] = input {
            let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
            let (content, next) = rest.split_at(length);
            // The length includes itself.
            let length = u32::try_from(length + 4).unwrap_or(u32::MAX).to_be_bytes();
            messages.push([&[*kind], length.as_slice(), content].concat());
            input = next;
        }
        let again = match repeat {
            0 => messages.len(),
            _ => usize::from(repeat).min(messages.len()),
        };
        Self {
            messages,
            at: 0,
            again,
        }
    }
}

impl Script for Messages {
    fn next(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        if self.at == self.messages.len() {
            self.at = self.again;
        }
        let message = self.messages.get(self.at)?.clone();
        self.at += 1;
        Some(message)
    }
}
