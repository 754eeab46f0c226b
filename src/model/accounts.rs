//! The accounts of an organization to which a StackSet deploys the stack, and their Regions.

use super::fields::{ACCOUNT, Fields};
use super::reader::Field;
use super::{AccountId, Finding, Region, UnitId};

/// An account or an organizational unit of `accounts`, with the Regions of its stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The accounts.
    pub accounts: TargetAccounts,
    /// The Regions. If there are none, the manifest's own Region.
    pub regions: Vec<Region>,
    /// Its place in the manifest, such as `accounts[1]`.
    pub place: String,
    /// Its line.
    pub line: usize,
}

/// The accounts of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetAccounts {
    /// One account.
    Account(AccountId),
    /// All accounts of an organizational unit or of a root, now and later, except the
    /// organization's management account.
    Unit(UnitId),
}

impl Target {
    /// Returns the account, if the target is one.
    pub const fn account(&self) -> Option<&AccountId> {
        match &self.accounts {
            TargetAccounts::Account(account) => Some(account),
            TargetAccounts::Unit(_) => None,
        }
    }

    /// Returns the organizational unit or root, if the target is one.
    pub const fn unit(&self) -> Option<&UnitId> {
        match &self.accounts {
            TargetAccounts::Account(_) => None,
            TargetAccounts::Unit(unit) => Some(unit),
        }
    }
}

/// Reads the list, and refuses an account, a unit, or a Region that is listed twice.
pub(super) fn read(root: &Fields<'_>, account: Option<&AccountId>) -> Option<Vec<Target>> {
    let Some(field) = root.get("accounts") else {
        return Some(Vec::new());
    };
    let items = field.list()?;
    let count = items.len();
    let mut targets: Vec<Target> = Vec::new();
    for item in items {
        let Some(target) = Fields::of(&item, &ACCOUNT).and_then(|fields| read_one(&fields)) else {
            continue;
        };
        let same = |other: &&Target| other.accounts == target.accounts;
        match targets.iter().find(same) {
            Some(other) => item.refuse(
                "contradiction",
                format!(
                    "the same account or unit is already on line {}; list all its Regions there",
                    other.line
                ),
            ),
            None => targets.push(target),
        }
    }
    if let Some(account) = account
        && targets.len() == count
    {
        check_account(root, account, &targets);
    }
    Some(targets)
}

fn read_one(fields: &Fields<'_>) -> Option<Target> {
    let account = fields.optional("id", |field| field.parse("invalid-name", AccountId::parse));
    let unit = fields.optional("ou", |field| field.parse("invalid-name", UnitId::parse));
    let regions = fields.optional("regions", read_regions);
    let at = fields.at();
    let accounts = match (account?, unit?) {
        (Some(account), None) => TargetAccounts::Account(account),
        (None, Some(unit)) => TargetAccounts::Unit(unit),
        (Some(_), Some(_)) => {
            at.refuse(
                "contradiction",
                "`id` and `ou` exclude each other; write one item for each",
            );
            return None;
        }
        (None, None) => {
            let message = "either `id`, an account, or `ou`, an organizational unit, is required";
            at.refuse("missing", message);
            return None;
        }
    };
    Some(Target {
        accounts,
        regions: regions?.unwrap_or_default(),
        place: at.path().to_owned(),
        line: at.line(),
    })
}

/// Reads a list of at least one Region, all of one partition.
fn read_regions(field: &Field<'_>) -> Option<Vec<Region>> {
    let items = field.list()?;
    if items.is_empty() {
        field.refuse(
            "invalid-value",
            "the list is empty; omit `regions` for the manifest's own Region",
        );
        return None;
    }
    let mut regions: Vec<Region> = Vec::new();
    for item in &items {
        let Some(region) = item.parse("invalid-name", Region::parse) else {
            continue;
        };
        if regions.contains(&region) {
            item.refuse("contradiction", format!("{region} is listed twice"));
        } else if let Some(first) = regions.first()
            && first.partition() != region.partition()
        {
            // An organization is in one partition.
            let message = format!(
                "{region} is in the partition {}, but {first} is in {}",
                region.partition(),
                first.partition()
            );
            item.refuse("contradiction", message);
        } else {
            regions.push(region);
        }
    }
    (regions.len() == items.len()).then_some(regions)
}

/// Refuses an `account` that cannot be one of the accounts. A unit may contain any account.
fn check_account(root: &Fields<'_>, account: &AccountId, targets: &[Target]) {
    let may_be = |target: &Target| target.account().is_none_or(|one| one == account);
    if targets.is_empty() || targets.iter().any(may_be) {
        return;
    }
    let message = format!(
        "`account` limits keyrota to {account}, which is not in `accounts`, so no stack of the StackSet is in it"
    );
    let finding = Finding::error("contradiction", "account", message)
        .hint("add the account to `accounts`, or set `accounts: []` in the environment that has `account`");
    root.place("account").report(finding);
}

#[cfg(test)]
mod tests {
    use crate::model::load;

    fn manifest(rest: &str) -> String {
        format!("version: 1\nstack: keys\naccess_keys: [{{ user: ada }}]\n{rest}\n")
    }

    fn refused(rest: &str) -> Vec<(&'static str, String)> {
        let found = load(&manifest(rest), None).unwrap_err();
        found
            .into_iter()
            .map(|finding| (finding.kind, finding.path))
            .collect()
    }

    #[test]
    fn accounts_and_units_are_read() {
        let text = manifest(
            "accounts: [{ id: 000022223333, regions: [eu-west-1, us-east-1] }, { ou: ou-ab12-cdef3456 }, { ou: r-ab12 }]",
        );
        let targets = load(&text, None).unwrap().model.accounts;
        assert_eq!(targets[0].account().unwrap().as_str(), "000022223333");
        assert_eq!(targets[0].regions.len(), 2);
        assert_eq!(targets[1].unit().unwrap().as_str(), "ou-ab12-cdef3456");
        assert_eq!(targets[2].unit().unwrap().as_str(), "r-ab12");
        assert_eq!(
            (targets[2].place.as_str(), targets[2].line),
            ("accounts[2]", 4)
        );
        for none in ["accounts: []", "accounts:", ""] {
            let targets = load(&manifest(none), None).unwrap().model.accounts;
            assert!(targets.is_empty());
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for (accounts, kind, path) in [
            ("[{ id: \"1111\" }]", "invalid-name", "accounts[0].id"),
            ("[{ ou: ou-ab12 }]", "invalid-name", "accounts[0].ou"),
            ("[{ ou: r-AB12 }]", "invalid-name", "accounts[0].ou"),
            (
                "[{ ou: ou-ab12-cdef345 }]",
                "invalid-name",
                "accounts[0].ou",
            ),
            ("[{ regions: [eu-west-1] }]", "missing", "accounts[0]"),
            (
                "[{ ou: r-ab12, region: eu-west-1 }]",
                "unknown-key",
                "accounts[0].region",
            ),
            (
                "[{ ou: r-ab12, regions: [] }]",
                "invalid-value",
                "accounts[0].regions",
            ),
            (
                "[{ ou: r-ab12, regions: [Ireland] }]",
                "invalid-name",
                "accounts[0].regions[0]",
            ),
            (
                "[{ ou: r-ab12, regions: [eu-west-1, eu-west-1] }]",
                "contradiction",
                "accounts[0].regions[1]",
            ),
            (
                "[{ ou: r-ab12, regions: [eu-west-1, cn-north-1] }]",
                "contradiction",
                "accounts[0].regions[1]",
            ),
            (
                "[{ ou: r-ab12 }, { ou: r-ab12 }]",
                "contradiction",
                "accounts[1]",
            ),
            (
                "[{ id: \"111122223333\" }, { id: 111122223333 }]",
                "contradiction",
                "accounts[1]",
            ),
            (
                "[{ id: \"111122223333\", ou: r-ab12 }]",
                "contradiction",
                "accounts[0]",
            ),
            ("{ id: \"111122223333\" }", "wrong-type", "accounts"),
        ] {
            let found = refused(&format!("accounts: {accounts}"));
            assert_eq!(found, [(kind, path.to_owned())], "{accounts}");
        }
    }

    #[test]
    fn an_account_beside_accounts_is_one_of_them() {
        let of = |accounts: &str| format!("account: \"111122223333\"\naccounts: {accounts}");
        for accounts in [
            "[]",
            "[{ id: \"111122223333\" }]",
            "[{ id: \"444455556666\" }, { ou: r-ab12 }]",
        ] {
            assert!(load(&manifest(&of(accounts)), None).is_ok(), "{accounts}");
        }
        let found = refused(&of("[{ id: \"444455556666\" }]"));
        assert_eq!(found, [("contradiction", "account".to_owned())]);
        let environment = "accounts: [{ id: \"444455556666\" }]\nenvironments: { a: { account: \"111122223333\" } }";
        let path = "environments.a.account".to_owned();
        assert_eq!(refused(environment), [("contradiction", path)]);
    }
}
