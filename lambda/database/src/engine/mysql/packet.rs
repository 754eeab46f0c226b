//! Bytes to packets' fields and back (*MySQL Client/Server Protocol*, *Protocol
//! Data Types*). Whatever the bytes are, nothing is read that is not there.

use std::io::{Error, ErrorKind};

/// What is left of a packet.
pub struct Fields<'packet>(pub &'packet [u8]);

impl<'packet> Fields<'packet> {
    /// Takes a number of bytes.
    pub fn take(&mut self, count: usize) -> Result<&'packet [u8], Error> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(ErrorKind::InvalidData)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Takes a little-endian number of some bytes.
    pub fn number(&mut self, bytes: usize) -> Result<u64, Error> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Takes bytes up to a zero, or all that are left.
    pub fn terminated(&mut self) -> &'packet [u8] {
        let end = self.0.iter().position(|&byte| byte == 0);
        let taken = &self.0[..end.unwrap_or(self.0.len())];
        self.0 = end.map_or(&[], |end| &self.0[end + 1..]);
        taken
    }

    /// Takes a text whose length stands before it; none is NULL.
    pub fn text(&mut self) -> Result<Option<String>, Error> {
        let length = match self.number(1)? {
            0xfb => return Ok(None),
            0xfc => self.number(2)?,
            0xfd => self.number(3)?,
            0xfe => self.number(8)?,
            short => short,
        };
        let length = usize::try_from(length).map_err(|_| ErrorKind::InvalidData)?;
        let bytes = self.take(length)?;
        Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
    }
}

/// Appends bytes with their length, of less than 251, before them.
pub fn push_counted(packet: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    let length = u8::try_from(bytes.len())
        .ok()
        .filter(|&length| length < 0xfb);
    packet.push(length.ok_or(ErrorKind::InvalidInput)?);
    packet.extend_from_slice(bytes);
    Ok(())
}

/// Appends bytes and the zero that ends them.
pub fn push_terminated(packet: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    if bytes.contains(&0) {
        return Err(ErrorKind::InvalidInput.into());
    }
    packet.extend_from_slice(bytes);
    packet.push(0);
    Ok(())
}
