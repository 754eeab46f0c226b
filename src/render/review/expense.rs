//! The cost estimate, as the page shows it.

use serde_json::{Value as Json, json};

use super::prose::{self, Prose};
use crate::cost::{Estimate, Item};

/// Returns the estimate with formatted numbers.
pub fn expense(estimate: &Estimate) -> Json {
    json!({
        "currency": estimate.currency,
        "region": estimate.region,
        "priced_on": estimate.priced_on,
        "items": estimate.items.iter().map(line).collect::<Vec<_>>(),
        "total": total(estimate),
        "assumed": marked(&estimate.assumed),
        "left_out": marked(&estimate.left_out),
    })
}

/// Returns the total, formatted as an amount of money.
pub fn total(estimate: &Estimate) -> String {
    grouped(&estimate.total.to_places(2))
}

fn marked(lines: &[String]) -> Vec<Prose> {
    lines.iter().map(|line| Prose::marked(line)).collect()
}

fn line(item: &Item) -> Json {
    let amount = item.price.amount.to_string();
    // As in a price list: two decimals, or as many as necessary.
    let amount = match amount.split_once('.') {
        Some((_, decimals)) if decimals.len() > 2 => amount,
        _ => item.price.amount.to_places(2),
    };
    let quantity = match item.unit {
        "GB" => item.quantity.to_places(6),
        _ => grouped(&item.quantity.to_places(0)),
    };
    let price = match item.price.per {
        1 if item.unit.starts_with("GB") => format!("{amount} per {}", item.unit),
        1 => format!("{amount} each"),
        per => {
            let per = prose::number(usize::try_from(per).unwrap_or(usize::MAX));
            format!("{amount} per {per} {}s", item.unit)
        }
    };
    let monthly = grouped(&item.monthly.to_places(4));
    json!({ "what": item.what, "quantity": quantity, "price": price, "monthly": monthly })
}

/// Returns the integer part of a number with thousands separators.
fn grouped(text: &str) -> String {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole
        .parse()
        .map_or_else(|_| whole.to_owned(), prose::number);
    match decimals {
        "" => whole,
        decimals => format!("{whole}.{decimals}"),
    }
}
