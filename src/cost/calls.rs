//! The calls that the rotation function makes, counted from its code.
//!
//! The function's own tests hold the lists: `no_call_is_made_that_is_not_needed`
//! (`lambda/tests/function/rotation.rs`) and those of the sweep. Those of the databases'
//! are counted from `lambda/database/src/step` and `sweep`.

use rust_decimal::Decimal;

use super::{HOURS, amount};
use crate::model::{Database, Engine, Entry, Kind, OldKey};

/// Invocations of a rotation: its four steps.
pub(super) const STEPS: u64 = 4;
/// `PutSecretValue` of a rotation.
const PUTS: u64 = 1;

/// Calls of Secrets Manager, and what they have KMS do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// All of them.
    pub(super) all: Decimal,
    /// Those that decrypt the secret's own value: `GetSecretValue` where there is one.
    pub(super) reads: Decimal,
    /// Those that encrypt one: `PutSecretValue`.
    pub(super) puts: Decimal,
}

impl Calls {
    fn times(self, count: Decimal) -> Self {
        Self {
            all: self.all * count,
            reads: self.reads * count,
            puts: self.puts * count,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            reads: self.reads + other.reads,
            puts: self.puts + other.puts,
        }
    }
}

fn calls(all: u64, reads: u64, puts: u64) -> Calls {
    Calls {
        all: Decimal::from(all),
        reads: Decimal::from(reads),
        puts: Decimal::from(puts),
    }
}

/// Returns the calls of a month: those of so many rotations, and those of the sweeps.
pub(super) fn of_entry(entry: &Entry, rotations: Decimal) -> (Calls, Calls) {
    match &entry.kind {
        Kind::AccessKey(_) => (of_rotations(entry, rotations), of_sweeps(entry, rotations)),
        Kind::Database(database) => (
            of_database_rotations(entry, database, rotations),
            of_database_sweeps(entry, database, rotations),
        ),
    }
}

/// Returns the calls of so many rotations.
///
/// createSecret makes six: DescribeSecret twice, GetSecretValue for AWSCURRENT,
/// AWSPREVIOUS and AWSPENDING, PutSecretValue. setSecret makes one. testSecret makes
/// three: DescribeSecret, GetSecretValue twice. finishSecret makes four: the same three,
/// and a label moved. Calls of IAM and STS cost nothing.
/// Reading an administrator's key is one more, of a secret that is not the stack's.
fn of_rotations(entry: &Entry, count: Decimal) -> Calls {
    let administrator = administrator(entry);
    // AWSPENDING is read where it has no value yet, so that nothing is decrypted.
    let once = calls(14 + administrator, 6, PUTS);
    once.plus(at_once(entry)).times(count)
}

/// Where the old key goes at the end of the rotation, the labels are looked at
/// once more before it is deactivated.
fn at_once(entry: &Entry) -> Calls {
    match entry.old_key {
        OldKey::After(retirement) if retirement.deactivate_after.as_seconds() == 0 => {
            calls(1 + administrator(entry), 0, 0)
        }
        _ => Calls::default(),
    }
}

/// Returns the calls of a month of hourly sweeps over one secret.
///
/// Each makes DescribeSecret and GetSecretValue for AWSCURRENT; one of an old key
/// that has a date reads AWSPREVIOUS too. Where a key is deactivated or deleted the
/// labels are looked at before. From the day on which the old key is due,
/// an administrator's key is read to list the user's keys, until the next rotation.
fn of_sweeps(entry: &Entry, rotations: Decimal) -> Calls {
    let hours = Decimal::from(HOURS);
    let OldKey::After(retirement) = entry.old_key else {
        return calls(2, 1, 0).times(hours);
    };
    let acts: u64 = match retirement.deactivate_after == retirement.delete_after {
        true => 1,
        false => 2,
    };
    let done_before = u64::from(retirement.deactivate_after.as_seconds() == 0);
    let waited = amount::ratio(retirement.deactivate_after.as_seconds(), 3_600);
    let due = (hours - waited * rotations).max(Decimal::ZERO);
    calls(3, 2, 0)
        .times(hours)
        .plus(calls(acts - done_before.min(acts), 0, 0).times(rotations))
        .plus(calls(administrator(entry), 0, 0).times(due))
}

/// Returns the calls of so many rotations of a database's password.
///
/// createSecret makes five: DescribeSecret, GetSecretValue for AWSCURRENT and
/// AWSPENDING, which has no value yet, GetRandomPassword, PutSecretValue. setSecret
/// makes four: the first three, and the label of what is being set; where MySQL keeps
/// the old password, a label more. testSecret makes the first three, and finishSecret
/// with them a label moved and one removed. An administrator's value is one more.
fn of_database_rotations(entry: &Entry, database: &Database, count: Decimal) -> Calls {
    let retained = u64::from(database.engine == Engine::MySql);
    calls(17 + administrator(entry) + retained, 7, PUTS).times(count)
}

/// Returns the calls of a month of hourly sweeps over one database's secret.
///
/// Each makes DescribeSecret and GetSecretValue for AWSCURRENT. Where an old password
/// is discarded, once a rotation, the labels are looked at before and one is removed.
fn of_database_sweeps(entry: &Entry, database: &Database, rotations: Decimal) -> Calls {
    let hourly = calls(2, 1, 0).times(Decimal::from(HOURS));
    match (database.engine, entry.old_key) {
        (Engine::MySql, OldKey::After(_)) => {
            hourly.plus(calls(2 + administrator(entry), 0, 0).times(rotations))
        }
        _ => hourly,
    }
}

/// Returns how often an administrator's secret is read at a time.
fn administrator(entry: &Entry) -> u64 {
    u64::from(entry.administrator().is_some())
}
