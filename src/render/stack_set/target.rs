//! The accounts and Regions of a StackSet.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Model, TargetAccounts};

/// Targets of one kind with the same Regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    /// The IDs of accounts, sorted. Without any, the group consists of units.
    pub(super) accounts: Vec<String>,
    /// The IDs of organizational units and roots, sorted.
    pub(super) units: Vec<String>,
    /// The Regions, sorted.
    pub(super) regions: Vec<String>,
}

/// Returns every Region, sorted.
pub(super) fn regions(model: &Model) -> Vec<&str> {
    let targets = model.accounts.iter();
    let mut regions: Vec<&str> = targets
        .flat_map(|target| model.regions_of(target))
        .collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// Returns the Region in which the StackSet itself is deployed: the manifest's, if it has a bucket,
/// or the first one.
pub(super) fn home<'model>(model: &'model Model, regions: &[&'model str]) -> &'model str {
    let own = model.region.as_ref().map(|region| region.as_str());
    let own = own.filter(|own| regions.contains(own));
    own.or(regions.first().copied()).unwrap_or_default()
}

/// Returns the targets in groups. The order in the manifest has no meaning.
pub(super) fn groups(model: &Model) -> Vec<Group> {
    let mut groups: BTreeMap<(Vec<&str>, bool), Vec<String>> = BTreeMap::new();
    for target in &model.accounts {
        let (is_unit, id) = match &target.accounts {
            TargetAccounts::Account(account) => (false, account.to_string()),
            TargetAccounts::Unit(unit) => (true, unit.to_string()),
        };
        let group = groups.entry((model.regions_of(target), is_unit));
        group.or_default().push(id);
    }
    let group = |((regions, is_unit), mut ids): ((Vec<&str>, bool), Vec<String>)| {
        ids.sort();
        let (accounts, units) = match is_unit {
            true => (Vec::new(), ids),
            false => (ids, Vec::new()),
        };
        Group {
            accounts,
            units,
            regions: regions.into_iter().map(str::to_owned).collect(),
        }
    };
    groups.into_iter().map(group).collect()
}
