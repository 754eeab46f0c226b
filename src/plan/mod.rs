//! Decisions over what was observed: pure, synchronous, no port is called here.

mod artifact;
mod candidate;
mod changes;
mod database;
mod doctor;
mod environment;
mod made;
mod observed;
mod old_key;
mod placement;
mod preflight;
mod seeding;
mod status;
mod teardown;
#[cfg(test)]
mod tests;

pub use artifact::{artifact_prefix, function_key, template_key};
pub use candidate::{Candidate, age_in_days};
pub use changes::{needs_update, refuse_seed_changes, same_template};
pub use database::{
    DatabaseAdministrator, FIRST, ObservedDatabase, ObservedLogin, RETAINED, SETTING,
    report_database,
};
pub use doctor::{
    Diagnosis, DoctorFinding, DoctorReport, Examination, Examined, ExaminedDatabase, ExaminedKey,
    FAULTS, Fault, Fix, Proof, diagnose,
};
pub use environment::{Environment, OptionFile, TLS_TAG, tls_of};
pub use made::{MADE, MAKING};
pub use observed::{
    Administrator, Observed, ObservedEntry, ObservedSecret, Profile, SecretContent,
};
pub use old_key::{Going, going};
pub use placement::check_placement;
pub use preflight::{Preflight, check, check_account, check_owner};
pub use seeding::{ABANDONED_TAG, BEFORE, SEEDING_TAG, Seeding};
pub use status::{
    KeyReport, KeyRole, Kind, SecretReport, StackReport, State, StatusReport, report,
};
pub use teardown::{
    DatabaseSubject, ENCRYPTION_KEY_TAG, Item, Step, Subject, Subjects, TeardownOptions,
    TeardownPlan, encryption_keys, holds_user, plan_teardown,
};
