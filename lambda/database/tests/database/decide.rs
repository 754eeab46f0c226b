//! The decisions, for all possible inputs.

use std::collections::BTreeSet;
use std::time::Duration;

use keyrota_database_function::decide::{
    AfterChange, PasswordCheck, Repair, after_change, may_discard, repair,
};
use keyrota_database_function::mark::{RETAINED, SETTING, broken_off};
use keyrota_database_function::moment::Moment;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PENDING, Stages, VersionId};

const FAULTS: [ServerFault; 19] = [
    ServerFault::WrongCredentials,
    ServerFault::LoginForbidden,
    ServerFault::PasswordExpired,
    ServerFault::UserLimit,
    ServerFault::Pooler,
    ServerFault::NameUnknown,
    ServerFault::Unreachable,
    ServerFault::TimedOut,
    ServerFault::NoTls,
    ServerFault::Untrusted,
    ServerFault::Busy,
    ServerFault::PasswordRefused,
    ServerFault::NotAllowed,
    ServerFault::NoCreateRole,
    ServerFault::NoAdminOption,
    ServerFault::SuperuserNeeded,
    ServerFault::UserUnknown,
    ServerFault::Unclear,
    ServerFault::Refused,
];

#[test]
fn only_a_wrong_password_is_followed_by_another() {
    for fault in FAULTS {
        let expected = match fault {
            ServerFault::WrongCredentials => AfterChange::TryAnother,
            ServerFault::Unclear => AfterChange::Ask,
            ServerFault::PasswordRefused => AfterChange::GiveUp,
            _ => AfterChange::Fail,
        };
        assert_eq!(after_change(fault), expected, "{fault:?}");
    }
}

#[test]
fn a_fault_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = FAULTS.into_iter().map(ServerFault::name).collect();
    assert_eq!(names.len(), FAULTS.len());
    for fault in FAULTS {
        let debug = format!("{fault:?}").to_lowercase();
        assert_eq!(fault.name().replace('_', ""), debug);
    }
}

#[test]
fn what_was_broken_off_becomes_current_only_where_it_alone_works() {
    use PasswordCheck::{Right, Wrong};
    assert_eq!(repair(Wrong, Right), Repair::Promote);
    assert_eq!(repair(Right, Wrong), Repair::Forget);
    assert_eq!(repair(Right, Right), Repair::Leave);
    assert_eq!(repair(Wrong, Wrong), Repair::Stop);
}

/// All combinations of labels on two versions, one of which is AWSCURRENT.
#[test]
fn the_server_forgets_nothing_but_what_is_before_awscurrent() {
    let places = [None, Some("current"), Some("other")];
    for pending in places {
        for setting in places {
            for retained in places {
                let mut stages = Stages::new();
                let mut put = |label: &str, place: Option<&str>| {
                    if let Some(place) = place {
                        let labels = stages.entry(VersionId::new(place)).or_default();
                        labels.insert(label.to_owned());
                    }
                };
                put(CURRENT, Some("current"));
                put(PENDING, pending);
                put(SETTING, setting);
                put(RETAINED, retained);
                let may =
                    |now| may_discard(&stages, Moment(100), Duration::from_secs(10), Moment(now));
                let settled = pending != Some("other") && setting != Some("other");
                assert_eq!(may(110), settled && retained == Some("current"));
                assert!(!may(109));
                let found = broken_off(&stages).is_some();
                assert_eq!(found, setting == Some("other") && pending != Some("other"));
            }
        }
    }
}
