//! Statistics of several measurements.

/// Returns the median of several values. Of an even number of values, it is the lower of the
/// two in the middle.
///
/// # Panics
///
/// Panics if there are no values.
pub fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    let values = sorted(values);
    values[(values.len() - 1) / 2]
}

/// The median, the minimum, and the maximum of several values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub middle: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Spread {
    /// Returns `None` if there are no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let values = sorted(values);
        Some(Self {
            middle: *values.get(values.len().checked_sub(1)? / 2)?,
            least: *values.first()?,
            greatest: *values.last()?,
        })
    }
}

fn sorted<T: Copy + PartialOrd>(values: &[T]) -> Vec<T> {
    let mut values = values.to_vec();
    values.sort_by(|left, right| left.partial_cmp(right).unwrap_or(std::cmp::Ordering::Equal));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_one_of_the_values() {
        assert_eq!(median(&[3, 1, 2]), 2);
        assert_eq!(median(&[4, 1, 2, 3]), 2);
        let spread = Spread::of(&[30.0, 10.0, 20.0]);
        let expected = Spread {
            middle: 20.0,
            least: 10.0,
            greatest: 30.0,
        };
        assert_eq!(spread, Some(expected));
        assert_eq!(Spread::of(&[]), None);
    }
}
