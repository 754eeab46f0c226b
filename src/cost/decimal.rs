//! Exact decimals: a price of 0.0000166667 has no binary fraction.

use std::fmt;

use serde::{Serialize, Serializer};

const DIGITS: usize = 12;
const ONE: u128 = 1_000_000_000_000;
/// Amounts are shown with six decimals.
const TOLD: u128 = 1_000_000;
const TOLD_DIGITS: usize = 6;

/// A number of twelve decimals, not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(u128);

impl Decimal {
    /// Returns a whole number.
    pub fn whole(number: u64) -> Self {
        Self(u128::from(number) * ONE)
    }

    /// Returns a quotient, cut at the twelfth decimal; zero where `by` is.
    pub fn ratio(number: u64, by: u64) -> Self {
        Self(
            (u128::from(number) * ONE)
                .checked_div(by.into())
                .unwrap_or_default(),
        )
    }

    /// Reads digits with at most one point and twelve decimals, below ten million.
    ///
    /// # Errors
    ///
    /// Returns why the text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{}` is not an amount such as 0.40, with at most {DIGITS} decimals",
                text.escape_debug()
            )
        };
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || whole.len() > 7 || decimals.len() > DIGITS {
            return Err(refused());
        }
        let whole: u128 = whole.parse().map_err(|_| refused())?;
        let decimals: u128 = format!("{decimals:0<DIGITS$}")
            .parse()
            .map_err(|_| refused())?;
        Ok(Self(whole * ONE + decimals))
    }

    /// Returns this times `other`, cut at the twelfth decimal.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let (whole, rest) = (self.0 / ONE, self.0 % ONE);
        Self(
            whole
                .saturating_mul(other.0)
                .saturating_add(rest.saturating_mul(other.0) / ONE),
        )
    }

    /// Returns this divided by a whole number that is not zero.
    #[must_use]
    pub fn over(self, by: u64) -> Self {
        Self(self.0.checked_div(by.into()).unwrap_or_default())
    }

    /// Returns the sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns this less `other`; zero where that is more.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns this rounded to the sixth decimal, half of one up.
    #[must_use]
    pub fn rounded(self) -> Self {
        let step = ONE / TOLD;
        Self(self.0.saturating_add(step / 2) / step * step)
    }

    /// Returns it rounded to so many decimals, at most six, with all of them.
    pub fn to_places(self, places: usize) -> String {
        let places = places.min(TOLD_DIGITS);
        let step = 10u128.pow(u32::try_from(DIGITS - places).unwrap_or_default());
        let rounded = self.0.saturating_add(step / 2) / step;
        let one = 10u128.pow(u32::try_from(places).unwrap_or_default());
        match places {
            0 => rounded.to_string(),
            _ => format!("{}.{:0places$}", rounded / one, rounded % one),
        }
    }

    fn is_whole(self) -> bool {
        self.0.is_multiple_of(ONE)
    }
}

/// Without zeros at the end.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() {
            return write!(formatter, "{}", self.0 / ONE);
        }
        let decimals = format!("{:0DIGITS$}", self.0 % ONE);
        write!(
            formatter,
            "{}.{}",
            self.0 / ONE,
            decimals.trim_end_matches('0')
        )
    }
}

impl std::iter::Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), Self::plus)
    }
}

/// As a number: JSON's numbers are decimal, and the nearest binary fraction of a
/// dozen digits is written as those digits again.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_whole()
            && let Ok(whole) = u64::try_from(self.0 / ONE)
        {
            return serializer.serialize_u64(whole);
        }
        let number: f64 = self
            .to_string()
            .parse()
            .map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn reads_and_writes_decimals() {
        for text in ["0", "0.4", "12", "0.0000166667", "9999999.000000000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("0.40"), decimal("0.400"));
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "1,5",
            "0.0000000000001",
            "10000000",
            "1.2.3",
            "１",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn multiplies_exactly_and_rounds_half_up() {
        assert_eq!(decimal("0.1").plus(decimal("0.2")), decimal("0.3"));
        assert_eq!(
            decimal("1.5").times(decimal("0.0000005")).rounded(),
            decimal("0.000001")
        );
        assert_eq!(decimal("0.0000004999").rounded(), Decimal::default());
        assert_eq!(
            decimal("47.05").times(decimal("0.0000166667")).rounded(),
            decimal("0.000784")
        );
        assert_eq!(
            Decimal::ratio(1, 3).times(Decimal::whole(3)).rounded(),
            Decimal::whole(1)
        );
        assert_eq!(decimal("1.005").to_places(2), "1.01");
        assert_eq!(decimal("0.4").to_places(4), "0.4000");
        assert_eq!(decimal("2.5").to_places(0), "3");
        // No overflow, whatever is multiplied.
        assert!(Decimal(u128::MAX).times(Decimal(u128::MAX)) > Decimal::whole(u64::MAX));
    }

    #[test]
    fn json_has_the_same_digits() {
        let json = |text: &str| serde_json::to_string(&decimal(text)).unwrap();
        assert_eq!(json("0.40"), "0.4");
        assert_eq!(json("1440"), "1440");
        assert_eq!(json("123456.789012"), "123456.789012");
        assert_eq!(json("0.000005"), "5e-6");
    }
}
