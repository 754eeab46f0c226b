//! The response to a leaked access key: which key it is, what happens to it in which order, and what
//! else the holder of the key may have.
//!
//! The order is safe wherever it is cut: the leaked key is deactivated only after another key is in
//! AWSCURRENT and has authenticated. Each decision follows from what is observed, so the same
//! command continues after an interruption.

mod choice;
mod record;
mod refusal;
mod report;
mod roles;
mod sessions;
mod steps;

pub use choice::{LeakBasis, leaked_key};
pub use record::{LEAKED_TAG, REPORT_WINDOW, ReportedLeak, reported_leaks, with_leak};
pub use refusal::{LeakRefusal, key_details};
pub use report::{
    LeakReport, OldKeyStatus, QuarantineReport, RoleReport, SessionReport, TrailEventReport,
    TrailReport, denied_actions,
};
pub use roles::{RoleUse, assumable_roles, assumed_roles, revoke_command};
pub use sessions::{DENY_SESSIONS_POLICY, DeniedSessions, deny_sessions_policy};
pub use steps::{LeakScene, LeakStep, plan_leak};
