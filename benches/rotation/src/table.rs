//! Aligned columns.

/// A table. The first column is left-aligned, and the others are right-aligned.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row. Rows can have different lengths.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line += &if column == 0 {
                    format!("{cell:width$}")
                } else {
                    format!("  {cell:>width$}")
                };
            }
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::default();
        table.row(["", "ours", "Python"]);
        table.row(["cold start", "6.3 ms", "283 ms"]);
        table.row(["memory", "6.4 MiB"]);
        let expected = "               ours  Python\n\
                        cold start   6.3 ms  283 ms\n\
                        memory      6.4 MiB\n";
        assert_eq!(table.to_string(), expected);
    }
}
