//! What a server sends that speaks the protocol of MySQL and MariaDB. Of the first three bytes, one
//! chooses the engine, the verification of the certificate, and whether the rest are bytes of the
//! connection or packets, one the call, and one how often the packets are repeated.
//!
//! Packets are written as their length in two bytes (the lower one first) and their content. They get
//! the numbers that the client expects.

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
    let engine = [Engine::MySql, Engine::MariaDb][usize::from(choice & 1)];
    let verification = match choice & 6 {
        0 => Verification::None,
        2 => Verification::Authority,
        _ => Verification::Full,
    };
    if choice & 8 == 0 {
        play(Packets::of(input, repeat), engine, verification, call);
    } else {
        play(
            Parts::of(input, repeat & 1 != 0),
            engine,
            verification,
            call,
        );
    }
}

struct Packets {
    packets: Vec<Vec<u8>>,
    at: usize,
    /// The packet with which the packets begin again at the end.
    again: usize,
    number: u8,
    seen: usize,
}

impl Packets {
    fn of(mut input: &[u8], repeat: u8) -> Self {
        let mut packets = Vec::new();
        while let [low, high, rest @ ..] = input {
            let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
            let (packet, next) = rest.split_at(length);
            packets.push(packet.to_vec());
            input = next;
        }
        let again = match repeat {
            0 => packets.len(),
            _ => usize::from(repeat).min(packets.len()),
        };
        Self {
            packets,
            at: 0,
            again,
            number: 0,
            seen: 0,
        }
    }
}

impl Script for Packets {
    fn next(&mut self, written: &[u8]) -> Option<Vec<u8>> {
        // The number of an answer follows that of the client's last packet.
        let mut sent = &written[self.seen..];
        while let [low, middle, high, number, rest @ ..] = sent {
            let length = usize::try_from(u32::from_le_bytes([*low, *middle, *high, 0])).ok()?;
            self.number = number.wrapping_add(1);
            sent = rest.get(length..).unwrap_or_default();
        }
        self.seen = written.len();
        if self.at == self.packets.len() {
            self.at = self.again;
        }
        let packet = self.packets.get(self.at)?;
        self.at += 1;
        let length = u32::try_from(packet.len()).ok()?.to_le_bytes();
        let header = [length[0], length[1], length[2], self.number];
        self.number = self.number.wrapping_add(1);
        Some([&header, packet.as_slice()].concat())
    }
}
