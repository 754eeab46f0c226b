//! The calls that the rotation function makes, counted from its code.
//!
//! Tests of the access key function check these numbers: `no_call_is_made_that_is_not_needed`
//! (`lambda/tests/function/rotation.rs`) and those of the sweep. The calls for databases are
//! counted from `lambda/database/src/step` and `sweep`.

use rust_decimal::Decimal;

use super::{HOURS, amount};
use crate::model::{Database, Engine, Entry, Kind, OldKey};

/// Invocations per rotation: its four steps.
pub(super) const STEPS: u64 = 4;
/// `PutSecretValue` calls per rotation.
const PUTS: u64 = 1;

/// Calls of Secrets Manager, and how many of them cause KMS requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// All calls.
    pub(super) all: Decimal,
    /// `GetSecretValue` calls that decrypt the secret's own value.
    pub(super) reads: Decimal,
    /// `PutSecretValue` calls, which encrypt a value.
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

/// Returns the calls of a month: those of the rotations, and those of the sweeps.
pub(super) fn of_entry(entry: &Entry, rotations: Decimal) -> (Calls, Calls) {
    match &entry.kind {
        Kind::AccessKey(_) => (of_rotations(entry, rotations), of_sweeps(entry, rotations)),
        Kind::Database(database) => (
            of_database_rotations(entry, database, rotations),
            of_database_sweeps(entry, database, rotations),
        ),
        Kind::Service(_) => (
            of_service_rotations(rotations),
            calls(2, 1, 0).times(Decimal::from(HOURS)),
        ),
    }
}

/// Returns the calls of this number of rotations.
///
/// createSecret makes six: DescribeSecret twice, GetSecretValue for AWSCURRENT, AWSPREVIOUS, and
/// AWSPENDING, and PutSecretValue. setSecret makes two: DescribeSecret, and one that moves a label. testSecret makes three: DescribeSecret, and
/// GetSecretValue twice. finishSecret makes four: the same three, and one that moves a label. Calls
/// of IAM and STS are free. Reading an administrator's key is one more call, of a secret that does
/// not belong to the stack.
fn of_rotations(entry: &Entry, count: Decimal) -> Calls {
    let administrator = administrator(entry);
    // AWSPENDING is read while it has no value, so nothing is decrypted.
    let once = calls(15 + administrator, 6, PUTS);
    once.plus(at_once(entry)).times(count)
}

/// If the old key is removed at the end of the rotation, the labels are read once more before its
/// deactivation.
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
/// Each sweep calls DescribeSecret, and GetSecretValue for AWSCURRENT. If the old key has a removal
/// time, the sweep also reads AWSPREVIOUS. The labels are read before a key is deactivated or
/// deleted. After the removal time of the old key, an administrator's key is read to list the
/// user's keys, until the next rotation.
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

/// Returns the calls of this number of rotations of a database password.
///
/// createSecret makes five: DescribeSecret, GetSecretValue for AWSCURRENT and for AWSPENDING, which
/// has no value yet, GetRandomPassword, and PutSecretValue. setSecret makes four: the first three,
/// and one that sets a label. If MySQL retains the old password, it sets another label. testSecret
/// makes the first three. finishSecret makes these, moves one label, and removes one. An
/// administrator's secret is one more read. If two users alternate, setSecret reads the labels once
/// more, and none besides AWSCURRENT is set or removed.
fn of_database_rotations(entry: &Entry, database: &Database, count: Decimal) -> Calls {
    let labels = match (&database.alternate, database.engine) {
        (Some(_), _) => 0,
        (None, Engine::MySql) => 2,
        (None, Engine::Postgres | Engine::MariaDb) => 1,
    };
    calls(16 + administrator(entry) + labels, 7, PUTS).times(count)
}

/// Returns the calls of a month of hourly sweeps over a database's secret.
///
/// Each sweep calls DescribeSecret, and GetSecretValue for AWSCURRENT. If an old password is
/// discarded, once per rotation, the labels are read before, and one is removed.
fn of_database_sweeps(entry: &Entry, database: &Database, rotations: Decimal) -> Calls {
    let hourly = calls(2, 1, 0).times(Decimal::from(HOURS));
    match (database.engine, entry.old_key) {
        (Engine::MySql, OldKey::After(_)) if database.alternate.is_none() => {
            hourly.plus(calls(2 + administrator(entry), 0, 0).times(rotations))
        }
        _ => hourly,
    }
}

/// Returns the calls of this number of rotations of a service's password: those of a database whose
/// server does not retain the old password.
fn of_service_rotations(count: Decimal) -> Calls {
    calls(17, 7, PUTS).times(count)
}

/// Returns how many reads of an administrator's secret a step needs.
fn administrator(entry: &Entry) -> u64 {
    u64::from(entry.administrator().is_some())
}
