//! Durations in the manifest: `15m`, `4h`, `1d`, `60s`.

use std::fmt;

use keyrota_contract::duration;

/// A whole number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// Returns a duration of `seconds`.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Parses `60s`, `15m`, `4h`, or `1d`. `0` without a unit is zero.
    ///
    /// # Errors
    ///
    /// Returns why the text is not a duration.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a duration such as 15m, 4h, or 1d");
        if text == "0" {
            return Ok(Self(0));
        }
        duration::parse(text).map(Self).ok_or_else(refused)
    }

    /// Returns the length in seconds.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// Returns the length in days, if it is a whole number of them.
    pub const fn as_days(self) -> Option<u64> {
        if self.0.is_multiple_of(86_400) {
            Some(self.0 / 86_400)
        } else {
            None
        }
    }

    /// Returns the length in hours, if it is a whole number of them.
    pub const fn as_hours(self) -> Option<u64> {
        if self.0.is_multiple_of(3_600) {
            Some(self.0 / 3_600)
        } else {
            None
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&duration::write(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit_and_writes_it_again() {
        for text in ["60s", "15m", "4h", "1d", "0"] {
            let duration = Duration::parse(text).unwrap();
            assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }
        assert_eq!(Duration::parse("1d").unwrap().as_hours(), Some(24));
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in [
            "",
            "d",
            "1",
            "-1h",
            "1w",
            "1.5h",
            "1h30m",
            "99999999999999999999d",
            "é",
        ] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }
}
