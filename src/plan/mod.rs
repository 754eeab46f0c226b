//! Decisions about observed state. They are pure and synchronous, and call no port.

mod access_key;
mod artifact;
mod bucket;
mod candidate;
mod changes;
mod database;
mod doctor;
pub mod drift;
mod environment;
mod evidence;
mod first_key;
mod first_rotation;
mod follow;
mod import;
mod key_use;
mod leak;
mod lookup;
mod observed;
mod old_key;
mod placement;
mod preflight;
mod quarantine;
mod recorded_keys;
mod rehearsal;
mod replica;
mod seeding;
mod service;
mod slot;
mod stack_set;
mod status;
mod survey;
mod tags;
mod teardown;
#[cfg(test)]
mod tests;
mod unfinished;

pub use access_key::{KeyClaim, ObservedAccessKey, ObservedSecret};
pub use artifact::{
    artifact_prefix, deployed_executable, deployed_version, function_key, is_artifact, preview_key,
    template_key,
};
pub use bucket::{ObservedBucket, check_named_bucket, check_region};
pub use candidate::{Candidate, age_in_days};
pub use changes::{
    ChangeSetInputs, differs_from, is_echo, needs_update, refuse_seed_changes, same_template,
    template_changes,
};
pub use database::{FIRST, ObservedDatabase, ObservedLogin, RETAINED, SETTING};
pub use doctor::{
    CheckedTarget, Diagnosis, DoctorFinding, DoctorReport, Examination, Examined, FAULTS, Fault,
    Fix, NextRotation, Proof, diagnose, diagnose_next_rotation, diagnose_targets, resource_subject,
    unseen, wanted_rotation,
};
pub use drift::{GoneSecret, gone_secrets};
pub use environment::{Environment, OptionFile, TLS_TAG, tls_of};
pub use evidence::{Evidence, STACK_ID_TAG, same_key};
pub use first_key::{FirstKey, UnusableKey};
pub use first_rotation::{
    OutstandingRotation, awaits_request, is_held_back, kept_rotation, next_first_rotation,
    outstanding_rotation,
};
pub use follow::{FollowUnits, ProfileFault, pause, profile_key, units, with_profile_key};
pub use import::{
    ImportOrigin, ImportTemplate, ImportTemplateError, SecretImport, customer_key, import_of,
    import_template, imports, returning_keys,
};
pub use key_use::last_use;
pub use keyrota_contract::check::Signer;
pub use leak::{
    DENY_SESSIONS_POLICY, DeniedSessions, LEAKED_TAG, LeakBasis, LeakRefusal, LeakReport,
    LeakScene, LeakStep, OldKeyStatus, QuarantineReport, REPORT_WINDOW, ReportedLeak, RoleReport,
    RoleUse, SessionReport, TrailEventReport, TrailReport, assumable_roles, assumed_roles,
    denied_actions, deny_sessions_policy, key_details, leaked_key, plan_leak, reported_leaks,
    revoke_command, with_leak,
};
pub use lookup::Lookup;
pub use observed::{
    Administrator, HeldSecret, LastRotation, Observed, ObservedEntry, SecretContent,
};
pub use old_key::{HoldReason, RemovalTimes, removal_times};
pub use placement::check_placement;
pub use preflight::{
    ImportEvidence, KeyImport, KeyOwner, ObservedKeyPolicy, ObservedNetwork, ObservedReplica,
    ObservedServiceKey, ObservedTarget, Preflight, Reference, RuleOrigin, check, check_account,
    check_import, check_key_import, check_key_policy, check_network, check_own_service_key,
    check_owner, check_references, check_replica, check_replica_region, check_service_key,
    check_service_key_region, check_stack, check_target, check_unset, import_changes, readable_key,
    references, targets,
};
pub use quarantine::Quarantine;
pub use recorded_keys::{
    KEYS_TAG, MADE, MAKING_TAG, REPLACED, is_recorded as is_recorded_key, with_key,
};
pub use rehearsal::{
    CallOutcome, FailedRehearsal, Principals, Rehearsal, RehearsedCall, TestMethod,
    failed_rehearsal, first_login_remedy, simulations,
};
pub use replica::{RemovedReplica, ReplicaFault, ReplicaReport, removed_replicas};
pub use seeding::{ABANDONED_TAG, BEFORE, SEEDING_TAG, Seeding};
pub use service::ObservedService;
pub use slot::{SPENT, SPENT_ON_REQUEST, Slot, Spent, slot, taken};
pub use stack_set::{
    CallAs, StackSetInstance, StackSetReport, is_of_stack_set, stack_of_stack_set,
};
pub use status::{
    CredentialKind, FunctionReport, KeyReport, KeyRole, SecretReport, StackReport, State,
    StatusReport, deployed_functions, report, report_unfinished, report_without_values,
    status_changes,
};
pub use survey::{
    CredentialReport, InspectedSecret, KeyUse, LastUse, LastUsed, ManifestSelection, ObservedUser,
    Origin, OriginProof, STALE, SecretMatch, Survey, SurveyInputs, SurveyOptions, SurveyedKey,
    UserCounts, Verdict, assemble, key_ids_in, needs_last_use, needs_listing, origin,
    region_of_use, select, survey_policy,
};
pub use tags::{Drift, TagDifference, tag_differences, tag_drift};
pub use teardown::{
    Check, DATABASE_USER, ForeignSecret, Item, OwnershipProof, Step, Subject, Subjects,
    TeardownOptions, TeardownPlan, UNKNOWN_KEY, UseRecord, UserKeys, deletion_of, holds,
    holds_user, minute_after, plan_teardown, scheduled,
};
pub use unfinished::{UnfinishedRotation, longest_rotation};
