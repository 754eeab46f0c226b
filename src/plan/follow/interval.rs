//! The pause between two checks of a secret.

use std::time::Duration;

/// Returns the pause before the next check: between half the interval and the interval, so that hosts
/// that start together do not check together. `random` is any number.
pub fn pause(interval: Duration, random: u32) -> Duration {
    let half = interval / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_never_longer_than_the_interval() {
        let interval = Duration::from_secs(300);
        assert_eq!(pause(interval, 0), interval / 2);
        assert_eq!(pause(interval, u32::MAX), interval);
        let middle = pause(interval, u32::MAX / 2);
        assert!(interval / 2 < middle && middle < interval);
    }
}
