//! The calls of a step, and how many of them had to wait for another.

use std::time::Instant;

/// A call that was answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service and the action, such as `iam:CreateAccessKey`.
    pub action: String,
    /// The error's code, if it was refused.
    pub refused: Option<&'static str>,
    /// Whether it is the first on its connection, which was opened for it.
    pub connects: bool,
    /// When the request was received.
    pub began: Instant,
    /// When the response was sent.
    pub ended: Instant,
}

/// A summary of the calls of one or several steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub calls: usize,
    /// The minimum number of calls in series: concurrent calls count once.
    pub in_series: usize,
    /// The number of TLS connections that were opened.
    pub connections: usize,
}

impl Count {
    pub fn of(calls: &[Call]) -> Self {
        Self {
            calls: calls.len(),
            in_series: longest_series(calls),
            connections: calls.iter().filter(|call| call.connects).count(),
        }
    }

    /// Returns the summary of two successive steps.
    pub fn plus(self, next: Self) -> Self {
        Self {
            calls: self.calls + next.calls,
            in_series: self.in_series + next.in_series,
            connections: self.connections + next.connections,
        }
    }
}

/// Returns the length of the longest chain of calls, each of which began after the previous one
/// had ended.
fn longest_series(calls: &[Call]) -> usize {
    let mut ordered: Vec<&Call> = calls.iter().collect();
    ordered.sort_by_key(|call| call.ended);
    let (mut length, mut free_at) = (0, None);
    for call in ordered {
        if free_at.is_none_or(|free_at| call.began >= free_at) {
            length += 1;
            free_at = Some(call.ended);
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn count(spans: &[(u64, u64)]) -> Count {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let calls: Vec<Call> = spans
            .iter()
            .map(|(began, ended)| Call {
                action: "iam:ListAccessKeys".to_owned(),
                refused: None,
                connects: *began == 0,
                began: at(*began),
                ended: at(*ended),
            })
            .collect();
        Count::of(&calls)
    }

    #[test]
    fn calls_at_the_same_time_count_once() {
        assert_eq!(count(&[]), Count::default());
        // Three reads, then two calls one after the other.
        let step = count(&[(0, 10), (0, 10), (1, 11), (12, 22), (23, 33)]);
        let expected = Count {
            calls: 5,
            in_series: 3,
            connections: 2,
        };
        assert_eq!(step, expected);
        assert_eq!(step.plus(step).in_series, 6);
        // A long one beside two short ones.
        assert_eq!(count(&[(0, 25), (0, 10), (11, 20)]).in_series, 2);
    }
}
