//! What was tried, and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use super::start::Start;
use crate::environment::{Call, Cut};

/// The figures of one account.
#[derive(Default)]
pub struct Ledger(BTreeMap<Start, Page>);

/// The figures of rotations that begin alike.
#[derive(Default)]
pub struct Page {
    /// How many rotations were cut, by how often RotateSecret was called again.
    pub again: BTreeMap<(Cut, u32), u32>,
    /// The calls of a rotation that nothing befell.
    pub calls: Vec<Call>,
    /// The step that made the so-manieth call, where the function was ended there.
    pub steps: BTreeMap<u32, String>,
}

impl Ledger {
    /// Returns the figures of rotations that begin alike.
    pub fn page(&mut self, start: Start) -> &mut Page {
        self.0.entry(start).or_default()
    }

    /// Returns how many rotations were cut.
    pub fn cut(&self) -> u32 {
        let pages = self.0.values();
        pages.flat_map(|page| page.again.values()).sum()
    }
}

impl Page {
    /// Returns whether a call is none of the first step's, as far as is known.
    pub fn is_behind_first(&self, number: u32) -> bool {
        let mut steps = self.steps.range(..=number);
        let first = self.steps.get(&1);
        first.is_some() && steps.any(|(_, step)| Some(step) != first)
    }

    /// Returns how many calls of each action each step makes, in their order.
    fn by_step(&self) -> Vec<(&str, BTreeMap<&str, u32>)> {
        let mut steps: Vec<(&str, BTreeMap<&str, u32>)> = Vec::new();
        for (number, call) in (1..).zip(&self.calls) {
            let step = self.steps.get(&number).map_or("the rest", String::as_str);
            if steps.last().is_none_or(|(last, _)| *last != step) {
                steps.push((step, BTreeMap::new()));
            }
            if let Some((_, actions)) = steps.last_mut() {
                *actions.entry(call.action.as_str()).or_default() += 1;
            }
        }
        steps
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (start, page) in &self.0 {
            let cut: u32 = page.again.values().sum();
            write!(
                formatter,
                "\n  {start:?}: {cut} cut; ended well or as before after so many"
            )?;
            write!(formatter, " more RotateSecret:")?;
            for ((cut, again), count) in &page.again {
                write!(formatter, " {cut:?} {again} ({count} times)")?;
            }
            for (step, actions) in page.by_step() {
                let count: u32 = actions.values().sum();
                write!(formatter, "\n    {step} makes {count} calls:")?;
                for (action, count) in actions {
                    write!(formatter, " {action} {count}")?;
                }
            }
        }
        Ok(())
    }
}
