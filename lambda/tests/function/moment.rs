//! Points in time.

use std::time::Duration;

use keyrota_function::moment::Moment;
use proptest::prelude::*;

#[test]
fn a_moment_is_written_as_rfc_3339_does() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"),
        (1_795_305_600, "2026-11-22T00:00:00Z"),
        (1_798_761_599, "2026-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(Moment(seconds).to_string(), expected);
    }
}

#[test]
fn time_does_not_run_over() {
    let last = Moment(i64::MAX);
    assert_eq!(last.plus(Duration::from_secs(1)), last);
    assert_eq!(Moment(1).since(last), Duration::ZERO);
}

proptest! {
    /// The SDKs' own calendar parses the formatted moment as the same one.
    #[test]
    fn what_is_written_is_what_was_meant(seconds in -62_135_596_800..253_402_300_800_i64) {
        use aws_smithy_types::{DateTime, date_time::Format};
        let written = Moment(seconds).to_string();
        let read = DateTime::from_str(&written, Format::DateTime).expect("a date");
        prop_assert_eq!(read.secs(), seconds);
    }
}
