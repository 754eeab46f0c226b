//! Durations: an integer and a unit, such as `60s`, `15m`, `4h`, or `1d`.

/// The units, from the longest to the shortest, with their length in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Returns the number of seconds, or `None` if the text is not a duration.
pub fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let (_, seconds) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    count.checked_mul(seconds)
}

/// Writes a number of seconds in the longest unit that divides it.
pub fn write(seconds: u64) -> String {
    let whole = |(_, length): &(char, u64)| seconds != 0 && seconds.is_multiple_of(*length);
    match UNITS.into_iter().find(whole) {
        Some((unit, length)) => format!("{}{unit}", seconds / length),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (5_400, "90m"),
            (14_400, "4h"),
            (86_400, "1d"),
        ] {
            assert_eq!(write(seconds), text);
            assert_eq!(parse(text), Some(seconds));
        }
    }

    #[test]
    fn nothing_else_is_read() {
        for text in [
            "",
            "d",
            "1",
            "1w",
            "-1d",
            "1.5h",
            "1 d",
            "١d",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
