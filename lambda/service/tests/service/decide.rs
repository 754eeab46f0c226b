//! Tests the decisions.

use std::time::Duration;

use keyrota_service_function::decide::{
    ChangeEnd, Found, after_logins, is_settled, may_pass, may_try_another, must_find_out,
};
use keyrota_service_function::moment::Moment;
use keyrota_service_function::service::{Cause, ServiceError, ServiceFault};

const FAULTS: [ServiceFault; 5] = [
    ServiceFault::WrongPassword,
    ServiceFault::PasswordRejected,
    ServiceFault::NotSent,
    ServiceFault::Unreachable,
    ServiceFault::Unclear,
];

#[test]
fn only_a_wrong_password_leads_to_another() {
    for fault in FAULTS {
        let wrong = fault == ServiceFault::WrongPassword;
        assert_eq!(may_try_another(fault), wrong, "{fault:?}");
    }
}

#[test]
fn only_a_request_that_was_not_sent_needs_no_login() {
    for fault in FAULTS {
        let sent = fault != ServiceFault::NotSent;
        assert_eq!(must_find_out(fault), sent, "{fault:?}");
    }
}

#[test]
fn what_logins_show_decides() {
    use ServiceFault::{PasswordRejected, Unclear, Unreachable, WrongPassword};
    for fault in FAULTS {
        for farm in [false, true] {
            assert_eq!(after_logins(fault, Found::New, farm), ChangeEnd::Set);
            let unknown = Found::Unknown(Unreachable);
            assert_eq!(after_logins(fault, unknown, farm), ChangeEnd::Unknown);
        }
    }
    for fault in [WrongPassword, Unreachable, Unclear] {
        assert_eq!(
            after_logins(fault, Found::Old, false),
            ChangeEnd::NotChanged
        );
        assert_eq!(after_logins(fault, Found::Old, true), ChangeEnd::Unknown);
    }
    for farm in [false, true] {
        let end = after_logins(PasswordRejected, Found::Old, farm);
        assert_eq!(end, ChangeEnd::GiveUp);
    }
    let neither = |farm| after_logins(Unclear, Found::Neither, farm);
    assert_eq!(neither(false), ChangeEnd::NoPasswordWorks);
    assert_eq!(neither(true), ChangeEnd::Unknown);
}

#[test]
fn a_password_that_was_sent_is_expected_for_a_while() {
    let (changed, none, farm) = (Moment(1_000), Duration::ZERO, Duration::from_secs(30));
    assert!(!is_settled(none, None, Moment(99_999)));
    assert!(!is_settled(none, Some(changed), Moment(1_900)));
    assert!(is_settled(none, Some(changed), Moment(1_901)));
    assert!(!is_settled(farm, Some(changed), Moment(1_930)));
    assert!(is_settled(farm, Some(changed), Moment(1_931)));
}

#[test]
fn a_wrong_password_is_not_tried_again_at_once() {
    let refused = ServiceError::answered(ServiceFault::WrongPassword, None);
    assert!(!may_pass(&refused));
    assert!(may_pass(&ServiceError::answered(
        ServiceFault::Unreachable,
        None
    )));
    assert!(may_pass(&ServiceError::unclear(Cause::TimedOut)));
    assert!(!may_pass(&ServiceError::not_sent(Cause::Denied)));
}
