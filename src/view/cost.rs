//! The cost estimate, in both formats.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use serde_json::{Value, json};

use super::Show;
use super::human::aligned;
use super::text::Styling as _;
use crate::cost::{Estimate, Item, to_json, to_places};

/// Decimal places of amounts for people: a call costs fractions of a cent.
const PLACES: u32 = 4;

impl Show for Estimate {
    fn human(&self) -> String {
        let currency = &self.currency;
        let row = |item: &Item| {
            vec![
                item.what.to_owned(),
                item.quantity_text(),
                item.price_text(),
                to_places(item.monthly, PLACES),
            ]
        };
        let mut rows: Vec<Vec<String>> = self.items.iter().map(row).collect();
        rows.push(vec![
            "total".to_owned(),
            String::new(),
            String::new(),
            to_places(self.total, PLACES),
        ]);
        let header = ["", "per month", "price", currency.as_str()];
        let right = CellAlignment::Right;
        let left = CellAlignment::Left;
        let mut text = aligned(&header, rows, &[left, right, left, right]);
        let _ = writeln!(
            text,
            "\nAbout {} {currency} per month, at the list prices of {} of {}.",
            to_places(self.total, 2).bold(),
            self.region,
            self.priced_on
        );
        for (heading, lines) in [
            ("Assumptions", &self.assumed),
            ("Not included", &self.left_out),
        ] {
            let _ = writeln!(text, "\n{}", heading.bold());
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    fn json(&self) -> Value {
        let item = |item: &Item| {
            json!({
                "what": item.what,
                "quantity": to_json(item.quantity),
                "unit": item.unit,
                "unit_price": to_json(item.unit_price),
                "monthly": to_json(item.monthly),
            })
        };
        json!({
            "currency": self.currency,
            "region": self.region,
            "priced_on": self.priced_on,
            "items": self.items.iter().map(item).collect::<Vec<_>>(),
            "total": to_json(self.total),
            "assumed": self.assumed,
            "left_out": self.left_out,
        })
    }
}
