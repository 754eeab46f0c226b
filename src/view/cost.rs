//! The cost estimate, in both formats.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use serde_json::{Value, json};

use super::Show;
use super::human::aligned;
use super::text::Styling as _;
use crate::cost::{Estimate, Item};

/// Decimal places of amounts for people: a call costs fractions of a cent.
const PLACES: usize = 4;

impl Show for Estimate {
    fn human(&self) -> String {
        let currency = &self.currency;
        let row = |item: &Item| {
            let amount = item.price.amount;
            // As on a price list: two decimal places, or more if necessary.
            let amount = match amount.to_string().split_once('.') {
                Some((_, decimals)) if decimals.len() > 2 => amount.to_string(),
                _ => amount.to_places(2),
            };
            let price = match item.price.per {
                1 if item.unit.starts_with("GB") => format!("{amount} per {}", item.unit),
                1 => format!("{amount} each"),
                per => format!(
                    "{amount} per {} {}s",
                    thousands(&per.to_string()),
                    item.unit
                ),
            };
            vec![
                item.what.to_owned(),
                match item.unit {
                    "GB" => item.quantity.to_places(6),
                    _ => thousands(&item.quantity.to_places(0)),
                },
                price,
                item.monthly.to_places(PLACES),
            ]
        };
        let mut rows: Vec<Vec<String>> = self.items.iter().map(row).collect();
        rows.push(vec![
            "total".to_owned(),
            String::new(),
            String::new(),
            self.total.to_places(PLACES),
        ]);
        let header = ["", "per month", "price", currency.as_str()];
        let right = CellAlignment::Right;
        let left = CellAlignment::Left;
        let mut text = aligned(&header, rows, &[left, right, left, right]);
        let _ = writeln!(
            text,
            "\nAbout {} {currency} per month, at the list prices of {} of {}.",
            self.total.to_places(2).bold(),
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
                "quantity": item.quantity,
                "unit": item.unit,
                "unit_price": item.unit_price,
                "monthly": item.monthly,
            })
        };
        json!({
            "currency": self.currency,
            "region": self.region,
            "priced_on": self.priced_on,
            "items": self.items.iter().map(item).collect::<Vec<_>>(),
            "total": self.total,
            "assumed": self.assumed,
            "left_out": self.left_out,
        })
    }
}

/// Returns a number with a comma between groups of three digits.
fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
