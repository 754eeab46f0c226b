//! The cost estimate, as the page shows it.

use serde_json::{Value as Json, json};

use super::prose::Prose;
use crate::cost::{Estimate, Item, grouped, to_places};

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
    grouped(&to_places(estimate.total, 2))
}

fn marked(lines: &[String]) -> Vec<Prose> {
    lines.iter().map(|line| Prose::marked(line)).collect()
}

fn line(item: &Item) -> Json {
    json!({
        "what": item.what,
        "quantity": item.quantity_text(),
        "price": item.price_text(),
        "monthly": grouped(&to_places(item.monthly, 4)),
    })
}
