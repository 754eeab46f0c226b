//! Amounts of money and of usage, as exact decimals: a price such as 0.0000166667 has no exact
//! binary fraction.

use rust_decimal::{Decimal, RoundingStrategy};

/// The maximum number of decimals of an amount in a price list.
const DECIMALS: usize = 12;
/// The number of decimals of results.
const RESULT_DECIMALS: u32 = 6;

/// Parses digits with at most one point and twelve decimals, below ten million.
///
/// # Errors
///
/// Returns why the text is not an amount.
pub(super) fn parse(text: &str) -> Result<Decimal, String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_amount =
        digits(whole) && digits(decimals) && whole.len() <= 7 && decimals.len() <= DECIMALS;
    let amount = text.parse().ok().filter(|_| is_amount);
    amount
        .map(|amount: Decimal| amount.normalize())
        .ok_or_else(|| {
            format!(
                "`{}` is not an amount such as 0.40, with at most {DECIMALS} decimals",
                text.escape_debug()
            )
        })
}

/// Returns a quotient, or zero if `by` is zero.
pub(super) fn ratio(number: u64, by: u64) -> Decimal {
    let quotient = Decimal::from(number).checked_div(by.into());
    quotient.unwrap_or_default()
}

/// Returns an amount rounded half up to six decimals, without trailing zeros.
pub(super) fn rounded(amount: Decimal) -> Decimal {
    half_up(amount, RESULT_DECIMALS).normalize()
}

/// Returns an amount rounded half up to this number of decimals, with trailing zeros.
pub fn to_places(amount: Decimal, places: u32) -> String {
    format!("{:.1$}", half_up(amount, places), places as usize)
}

/// Returns a number with thousands separators.
pub fn grouped(text: &str) -> String {
    let (whole, decimals) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + decimals
}

fn half_up(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// Returns an amount as a JSON number. JSON numbers are decimal, and the binary fraction that is
/// nearest to a dozen digits is printed as those digits.
pub fn to_json(amount: Decimal) -> serde_json::Value {
    match u64::try_from(amount) {
        Ok(whole) if amount.is_integer() => whole.into(),
        _ => amount.to_string().parse::<f64>().ok().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        parse(text).unwrap()
    }

    #[test]
    fn reads_and_writes_decimals() {
        for text in ["0", "0.4", "12", "0.0000166667", "9999999.000000000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("0.40").to_string(), "0.4");
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "1,5",
            "1_000",
            "0.0000000000001",
            "10000000",
            "1.2.3",
            "１",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn multiplies_exactly_and_rounds_half_up() {
        assert_eq!(decimal("0.1") + decimal("0.2"), decimal("0.3"));
        let product = decimal("1.5") * decimal("0.0000005");
        assert_eq!(rounded(product), decimal("0.000001"));
        assert_eq!(rounded(decimal("0.0000004999")), Decimal::ZERO);
        let product = decimal("47.05") * decimal("0.0000166667");
        assert_eq!(rounded(product), decimal("0.000784"));
        assert_eq!(rounded(ratio(1, 3) * Decimal::from(3)), Decimal::ONE);
        assert_eq!(ratio(1, 0), Decimal::ZERO);
        assert_eq!(to_places(decimal("1.005"), 2), "1.01");
        assert_eq!(to_places(decimal("0.4"), 4), "0.4000");
        assert_eq!(to_places(decimal("2.5"), 0), "3");
    }

    #[test]
    fn digits_are_grouped_before_the_point() {
        for (text, expected) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("1234567.8901", "1,234,567.8901"),
        ] {
            assert_eq!(grouped(text), expected);
        }
    }

    #[test]
    fn json_has_the_same_digits() {
        let json = |text: &str| to_json(decimal(text)).to_string();
        assert_eq!(json("0.40"), "0.4");
        assert_eq!(json("1440"), "1440");
        assert_eq!(json("123456.789012"), "123456.789012");
        assert_eq!(json("0.000005"), "5e-6");
    }
}
