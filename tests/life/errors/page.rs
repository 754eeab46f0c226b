//! The tables of the page.

use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Returns the text of the page.
#[expect(
    clippy::disallowed_methods,
    reason = "a test holds a page to the program"
)]
fn page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/errors.md");
        std::fs::read_to_string(file).expect("the page")
    })
}

/// A table of the page. The first cell of a row is the cause, and the last one is the remedy.
pub struct Table<const CELLS: usize> {
    rows: Vec<[&'static str; CELLS]>,
}

impl<const CELLS: usize> Table<CELLS> {
    /// Returns the first table below a heading.
    pub fn below(heading: &str) -> Self {
        let heading = format!("\n## {heading}\n");
        let (_, text) = page().split_once(&heading).expect("the heading");
        let lines = text.lines().skip_while(|line| !line.starts_with("| "));
        let lines = lines.take_while(|line| line.starts_with("| "));
        let rows = lines.skip(2).map(|line| {
            let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
            let cells = cells.try_into();
            cells.unwrap_or_else(|_| panic!("a row of {CELLS} cells: {line}"))
        });
        let rows: Vec<_> = rows.collect();
        assert!(!rows.is_empty(), "{heading} has no table");
        Self { rows }
    }

    /// Returns the only row whose cause begins with this text, of those that fit.
    pub fn row(
        &self,
        cause: &str,
        fits: impl Fn(&[&'static str; CELLS]) -> bool,
    ) -> [&'static str; CELLS] {
        let mut fitting = self
            .rows
            .iter()
            .filter(|row| row[0].starts_with(cause) && fits(row));
        let found = fitting.next();
        let found = found.unwrap_or_else(|| panic!("no row begins with `{cause}`"));
        assert!(fitting.next().is_none(), "`{cause}` is several rows");
        *found
    }

    /// Expects that no row is left out of these.
    pub fn expect_all(&self, named: impl IntoIterator<Item = [&'static str; CELLS]>) {
        let mut open: BTreeSet<_> = self.rows.iter().copied().collect();
        for row in named {
            open.remove(&row);
        }
        assert!(open.is_empty(), "without a case: {open:#?}");
    }
}
