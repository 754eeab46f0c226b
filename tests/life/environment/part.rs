//! A part of long loops, for checks with little time.

/// Returns whether a turn of a loop is in the part that `KEYROTA_TEST_PART` names. `K/N` is every
/// Nth turn from the Kth on, counted from 0. Without the variable, every turn is.
///
/// # Panics
///
/// If the variable is not such a part.
pub fn is_in_part(turn: usize) -> bool {
    let Ok(part) = std::env::var("KEYROTA_TEST_PART") else {
        return true;
    };
    let numbers = part.split_once('/').and_then(|(first, every)| {
        let every: usize = every.parse().ok()?;
        let first: usize = first.parse().ok()?;
        (first < every).then_some((first, every))
    });
    let Some((first, every)) = numbers else {
        panic!("KEYROTA_TEST_PART is `{part}`, not `K/N` with K below N");
    };
    turn % every == first
}
