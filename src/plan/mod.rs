//! Decisions over what was observed: pure, synchronous, no port is called here.

mod artifact;
mod bucket;
mod candidate;
mod changes;
mod database;
mod doctor;
mod environment;
mod evidence;
mod observed;
mod old_key;
mod placement;
mod preflight;
mod recorded_keys;
mod seeding;
mod status;
mod tags;
mod teardown;
#[cfg(test)]
mod tests;

pub use artifact::{
    artifact_prefix, deployed_version, function_key, is_artifact, preview_key, template_key,
};
pub use bucket::{ObservedBucket, check_named_bucket, check_region};
pub use candidate::{Candidate, age_in_days};
pub use changes::{
    ChangeSetInputs, additions, differs_from, is_echo, needs_update, refuse_seed_changes,
    same_template,
};
pub use database::{
    DatabaseAdministrator, FIRST, ObservedDatabase, ObservedLogin, RETAINED, SETTING,
    report_database,
};
pub use doctor::{
    Diagnosis, DoctorFinding, DoctorReport, Examination, Examined, ExaminedDatabase, ExaminedKey,
    FAULTS, Fault, Fix, Proof, diagnose,
};
pub use environment::{Environment, OptionFile, TLS_TAG, tls_of};
pub use evidence::{Evidence, STACK_ID_TAG, same_key};
pub use observed::{
    Administrator, KeyClaim, Observed, ObservedEntry, ObservedSecret, Profile, SecretContent,
};
pub use old_key::{RemovalTimes, removal_times};
pub use placement::check_placement;
pub use preflight::{Preflight, check, check_account, check_owner};
pub use recorded_keys::{KEYS_TAG, MADE, MAKING_TAG, with_key};
pub use seeding::{ABANDONED_TAG, BEFORE, SEEDING_TAG, Seeding};
pub use status::{
    CredentialKind, KeyReport, KeyRole, SecretReport, StackReport, State, StatusReport, report,
};
pub use tags::{Drift, TagDifference, tag_differences, tag_drift};
pub use teardown::{
    Check, DatabaseSubject, ForeignSecret, Item, OwnershipProof, Step, Subject, Subjects,
    TeardownOptions, TeardownPlan, UserKeys, deletion_of, holds_user, plan_teardown,
};
