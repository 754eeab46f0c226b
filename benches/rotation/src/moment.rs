//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the milliseconds since 1970.
pub fn milliseconds_since_1970() -> u128 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the host tells functions when their time is up"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}

/// Returns the day, as RFC 3339 writes it.
pub fn today() -> String {
    i64::try_from(milliseconds_since_1970())
        .ok()
        .and_then(|now| jiff::Timestamp::from_millisecond(now).ok())
        .map(|now| now.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}
