//! A tree of aligned rows, for a terminal.

use console::{measure_text_width, pad_str, truncate_str};

use super::text::visible;

/// A row of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// How many rows are above it in the tree; a root has none.
    pub(super) depth: usize,
    /// Its cells. Those of all rows are aligned.
    pub(super) cells: Vec<String>,
}

impl Row {
    pub(super) fn new(depth: usize, cells: Vec<String>) -> Self {
        Self { depth, cells }
    }
}

/// Returns the lines of a tree, each of at most `width` columns. Rows follow the row that they
/// belong to.
pub(super) fn draw(rows: &[Row], width: usize) -> Vec<String> {
    let drawn = rows.iter().enumerate().map(|(index, row)| {
        let cells = row.cells.iter().map(|cell| visible(cell).into_owned());
        let mut cells: Vec<String> = cells.collect();
        if let Some(first) = cells.first_mut() {
            first.insert_str(0, &branches(rows, index));
        }
        cells
    });
    let drawn: Vec<Vec<String>> = drawn.collect();
    let columns = drawn.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| {
        let cells = drawn.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(cell)).max()
    };
    let widths: Vec<usize> = (0..columns).filter_map(widest).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells =
            cells.map(|(cell, width)| pad_str(cell, *width, console::Alignment::Left, None));
        let line = cells.collect::<Vec<_>>().join("  ");
        truncate_str(line.trim_end(), width, "…").into_owned()
    };
    drawn.iter().map(line).collect()
}

/// Returns the lines to the left of a row.
fn branches(rows: &[Row], index: usize) -> String {
    let depth = rows[index].depth;
    (1..=depth)
        .map(|level| {
            // Whether another row of this level follows below the same row.
            let mut later = rows[index + 1..].iter();
            let goes_on = later
                .find(|row| row.depth <= level)
                .is_some_and(|row| row.depth == level);
            match (level == depth, goes_on) {
                (true, true) => "├─ ",
                (true, false) => "└─ ",
                (false, true) => "│  ",
                (false, false) => "   ",
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(usize, &[&str])]) -> Vec<Row> {
        let row = |(depth, cells): &(usize, &[&str])| {
            Row::new(*depth, cells.iter().map(ToString::to_string).collect())
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn rows_hang_below_what_they_belong_to_and_are_aligned() {
        let rows = rows(&[
            (0, &["keys", "ok"]),
            (1, &["prod/a", "broken", "3s"]),
            (2, &["AKIA1", "current"]),
            (2, &["AKIA2", "previous"]),
            (1, &["prod/東京", "ok"]),
            (2, &["AKIA3", "current", "12s"]),
            (0, &["other", "ok"]),
        ]);
        let expected = "\
keys          ok
├─ prod/a     broken    3s
│  ├─ AKIA1   current
│  └─ AKIA2   previous
└─ prod/東京  ok
   └─ AKIA3   current   12s
other         ok";
        assert_eq!(draw(&rows, 80).join("\n"), expected);
    }

    #[test]
    fn a_line_is_never_longer_than_the_terminal_and_never_controls_it() {
        let rows = rows(&[(0, &["a\u{1b}[31m\nb", "a long status", "4s"])]);
        assert_eq!(draw(&rows, 80), ["a\\u{1b}[31m\\u{a}b  a long status  4s"]);
        assert_eq!(draw(&rows, 20), ["a\\u{1b}[31m\\u{a}b  …"]);
        assert!(draw(&[], 80).is_empty());
    }
}
