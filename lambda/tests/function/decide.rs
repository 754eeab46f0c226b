//! The pure decisions.

use std::collections::BTreeSet;

use keyrota_function::decide::{
    AccessKeyId, Activity, AfterPut, CURRENT, CallerIdentity, KeyInventory, ListedKey, Obstacle,
    Origin, PENDING, PREVIOUS, Proof, PutOutcome, ReadBack, RemovalReason, SlotDecision, Stages,
    Usage, VersionId, VersionState, after_put, decide_slot, version_state,
};
use proptest::prelude::*;

use crate::fake::key_id;

fn listed(number: u32, activity: Activity, usage: Usage) -> ListedKey {
    ListedKey {
        id: key_id(number),
        activity,
        origin: Origin::Unknown,
        usage,
        proof: Proof::Untried,
    }
}

fn announced(key: ListedKey) -> ListedKey {
    ListedKey {
        origin: Origin::Announced,
        ..key
    }
}

/// Returns what is known about a user whose AWSCURRENT names key 1.
fn inventory(listed: Vec<ListedKey>) -> KeyInventory {
    KeyInventory {
        listed,
        current: Some(key_id(1)),
        pending: None,
        superseded: BTreeSet::new(),
        owns_user: false,
        caller_identity: CallerIdentity::Another,
    }
}

const ACTIVE: Activity = Activity::Active;
const INACTIVE: Activity = Activity::Inactive;

fn with(second: ListedKey) -> KeyInventory {
    inventory(vec![listed(1, ACTIVE, Usage::Unread), second])
}

#[test]
fn one_key_leaves_room() {
    assert_eq!(
        decide_slot(&inventory(vec![listed(1, ACTIVE, Usage::Unread)])),
        SlotDecision::Free
    );
}

#[test]
fn the_previous_key_goes_whatever_its_use_once_it_is_proven() {
    let remove = SlotDecision::Remove {
        key: key_id(2),
        because: RemovalReason::Superseded,
    };
    for usage in [Usage::Unread, Usage::Never, Usage::Used] {
        for (activity, proof, expected) in [
            (INACTIVE, Proof::Untried, remove.clone()),
            (
                ACTIVE,
                Proof::Untried,
                SlotDecision::Prove { key: key_id(2) },
            ),
            (ACTIVE, Proof::Genuine, remove.clone()),
            (
                ACTIVE,
                Proof::Refuted,
                SlotDecision::Stop(Obstacle::Foreign { key: key_id(2) }),
            ),
        ] {
            let mut inventory = with(ListedKey {
                proof,
                ..listed(2, activity, usage)
            });
            inventory.superseded.insert(key_id(2));
            assert_eq!(decide_slot(&inventory), expected, "{activity:?} {proof:?}");
        }
    }
}

#[test]
fn an_unknown_key_is_judged_by_its_activity_and_use() {
    let remove = |because| SlotDecision::Remove {
        key: key_id(2),
        because,
    };
    let ask = || SlotDecision::ReadUsage { key: key_id(2) };
    let stop = || SlotDecision::Stop(Obstacle::Foreign { key: key_id(2) });
    let inactive = |usage| listed(2, INACTIVE, usage);
    let active = |usage| listed(2, ACTIVE, usage);
    let (orphan, lost) = (RemovalReason::OrphanOfOurUser, RemovalReason::Announced);
    let table = [
        (
            inactive(Usage::Unread),
            false,
            remove(RemovalReason::Inactive),
        ),
        (
            inactive(Usage::Used),
            false,
            remove(RemovalReason::Inactive),
        ),
        // Nothing shows that the key belongs to keyrota, so its last use is not read.
        (active(Usage::Unread), false, stop()),
        (active(Usage::Never), false, stop()),
        (active(Usage::Used), false, stop()),
        (active(Usage::Unread), true, ask()),
        (active(Usage::Never), true, remove(orphan)),
        (active(Usage::Used), true, stop()),
        (announced(active(Usage::Unread)), false, ask()),
        (announced(active(Usage::Never)), false, remove(lost)),
        (announced(active(Usage::Used)), false, stop()),
    ];
    for (key, owns_user, expected) in table {
        let case = format!("{key:?} owns: {owns_user}");
        let mut inventory = with(key);
        inventory.owns_user = owns_user;
        assert_eq!(decide_slot(&inventory), expected, "{case}");
    }
}

#[test]
fn nothing_is_touched_where_the_current_key_is_not_the_users() {
    let listed = vec![
        listed(2, INACTIVE, Usage::Never),
        listed(3, INACTIVE, Usage::Never),
    ];
    let mut inventory = inventory(listed);
    inventory.superseded.insert(key_id(2));
    inventory.owns_user = true;
    assert_eq!(
        decide_slot(&inventory),
        SlotDecision::Stop(Obstacle::CurrentMissing { key: key_id(1) })
    );
    inventory.listed.clear();
    assert_eq!(
        decide_slot(&inventory),
        SlotDecision::Stop(Obstacle::CurrentMissing { key: key_id(1) })
    );
}

#[test]
fn an_inactive_current_key_stops_only_itself() {
    let mut inventory = inventory(vec![listed(1, INACTIVE, Usage::Unread)]);
    assert_eq!(decide_slot(&inventory), SlotDecision::Free);
    inventory.caller_identity = CallerIdentity::Own;
    assert_eq!(
        decide_slot(&inventory),
        SlotDecision::Stop(Obstacle::CurrentInactive { key: key_id(1) })
    );
}

#[test]
fn two_protected_keys_stop() {
    let mut inventory = with(listed(2, INACTIVE, Usage::Never));
    inventory.pending = Some(key_id(2));
    inventory.superseded.insert(key_id(2));
    assert_eq!(
        decide_slot(&inventory),
        SlotDecision::Stop(Obstacle::AllProtected)
    );
}

#[test]
fn a_version_stands_where_its_labels_say() {
    let stages = |versions: &[(&str, &[&str])]| -> Stages {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        versions
            .iter()
            .map(|(id, it)| (VersionId::new(*id), labels(it)))
            .collect()
    };
    let token = VersionId::new("token");
    let unknown = |another_is_pending| VersionState::Unknown { another_is_pending };
    let table = [
        (
            stages(&[("token", &[PENDING]), ("old", &[CURRENT])]),
            VersionState::Pending,
        ),
        (
            stages(&[("token", &[PENDING, CURRENT])]),
            VersionState::AlreadyCurrent,
        ),
        (
            stages(&[("token", &[CURRENT])]),
            VersionState::AlreadyCurrent,
        ),
        (stages(&[("token", &[PREVIOUS])]), VersionState::NotPending),
        (stages(&[("token", &[])]), VersionState::NotPending),
        (stages(&[("old", &[CURRENT])]), unknown(false)),
        (
            stages(&[("old", &[CURRENT]), ("other", &[PENDING])]),
            unknown(true),
        ),
    ];
    for (stages, expected) in table {
        assert_eq!(version_state(&stages, &token), expected);
    }
}

const PUTS: [PutOutcome; 4] = [
    PutOutcome::Refused,
    PutOutcome::Taken,
    PutOutcome::Postponed,
    PutOutcome::Unclear,
];
const FOUND: [ReadBack; 4] = [
    ReadBack::Ours,
    ReadBack::Another,
    ReadBack::Nothing,
    ReadBack::Unclear,
];

#[test]
fn a_key_is_given_up_only_where_it_is_certainly_not_stored() {
    for put in PUTS {
        for found in FOUND {
            for (maybe_stored, time_left) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let maybe_stored = maybe_stored || put == PutOutcome::Unclear;
                let after = after_put(put, maybe_stored, found, time_left);
                if matches!(after, AfterPut::Remove) {
                    let certain =
                        found == ReadBack::Nothing || found == ReadBack::Unclear && !maybe_stored;
                    assert!(certain, "{put:?} {found:?}");
                }
                if found == ReadBack::Ours {
                    assert_eq!(after, AfterPut::Stored);
                }
                if matches!(after, AfterPut::TryAgain) {
                    assert!(
                        time_left && matches!(put, PutOutcome::Postponed | PutOutcome::Unclear)
                    );
                }
            }
        }
    }
}

#[test]
fn what_follows_a_put_that_was_not_confirmed() {
    let table = [
        (
            PutOutcome::Refused,
            false,
            ReadBack::Nothing,
            true,
            AfterPut::Remove,
        ),
        (
            PutOutcome::Refused,
            true,
            ReadBack::Unclear,
            true,
            AfterPut::Leave,
        ),
        (
            PutOutcome::Taken,
            false,
            ReadBack::Another,
            true,
            AfterPut::StoredByAnother,
        ),
        (
            PutOutcome::Taken,
            false,
            ReadBack::Unclear,
            true,
            AfterPut::Leave,
        ),
        (
            PutOutcome::Postponed,
            false,
            ReadBack::Nothing,
            true,
            AfterPut::TryAgain,
        ),
        (
            PutOutcome::Postponed,
            false,
            ReadBack::Nothing,
            false,
            AfterPut::Remove,
        ),
        (
            PutOutcome::Postponed,
            true,
            ReadBack::Unclear,
            false,
            AfterPut::Leave,
        ),
        (
            PutOutcome::Unclear,
            true,
            ReadBack::Ours,
            true,
            AfterPut::Stored,
        ),
        (
            PutOutcome::Unclear,
            true,
            ReadBack::Nothing,
            true,
            AfterPut::TryAgain,
        ),
        (
            PutOutcome::Unclear,
            true,
            ReadBack::Nothing,
            false,
            AfterPut::Remove,
        ),
        (
            PutOutcome::Unclear,
            true,
            ReadBack::Unclear,
            false,
            AfterPut::Leave,
        ),
    ];
    for (put, maybe_stored, found, time_left, expected) in table {
        let after = after_put(put, maybe_stored, found, time_left);
        assert_eq!(
            after, expected,
            "{put:?} {maybe_stored} {found:?} {time_left}"
        );
    }
}

#[test]
fn an_id_is_not_a_secret() {
    assert!(AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").is_some());
    for text in [
        "",
        "AKIA",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIAIOSFODNN7EXAMPLé",
    ] {
        assert!(AccessKeyId::parse(text).is_none(), "{text}");
    }
}

fn any_key(number: u32) -> impl Strategy<Value = ListedKey> {
    let activity = prop_oneof![Just(ACTIVE), Just(INACTIVE)];
    let usage = prop_oneof![Just(Usage::Unread), Just(Usage::Never), Just(Usage::Used)];
    let proof = prop_oneof![
        Just(Proof::Untried),
        Just(Proof::Genuine),
        Just(Proof::Refuted)
    ];
    let known = (activity, usage, proof, any::<bool>());
    known.prop_map(move |(activity, usage, proof, by_a_run)| {
        let key = ListedKey {
            proof,
            ..listed(number, activity, usage)
        };
        if by_a_run { announced(key) } else { key }
    })
}

fn any_keys() -> impl Strategy<Value = Vec<ListedKey>> {
    let keys: Vec<_> = (1..=4).map(any_key).collect();
    (keys, 0..=4_usize)
        .prop_flat_map(|(keys, count)| proptest::sample::subsequence(keys, count).prop_shuffle())
}

prop_compose! {
    fn any_inventory()(
        listed in any_keys(),
        current in proptest::option::of(1..=4_u32),
        pending in proptest::option::of(1..=4_u32),
        superseded in proptest::collection::btree_set(1..=4_u32, 0..=4),
        owns_user: bool,
        own: bool,
    ) -> KeyInventory {
        KeyInventory {
            listed,
            current: current.map(key_id),
            pending: pending.map(key_id),
            superseded: superseded.into_iter().map(key_id).collect(),
            owns_user,
            caller_identity: if own { CallerIdentity::Own } else { CallerIdentity::Another },
        }
    }
}

proptest! {
    #[test]
    fn a_protected_key_is_never_the_victim(inventory in any_inventory()) {
        if let SlotDecision::Remove { key, .. } = decide_slot(&inventory) {
            prop_assert_ne!(Some(&key), inventory.current.as_ref());
            prop_assert_ne!(Some(&key), inventory.pending.as_ref());
            prop_assert!(inventory.listed.iter().any(|listed| listed.id == key));
            let current = inventory.current.as_ref();
            let is_listed = |id: &AccessKeyId| inventory.listed.iter().any(|listed| listed.id == *id);
            prop_assert!(current.is_none_or(is_listed));
        }
    }

    /// IAM lists keys in the order of their age, so this test fails if a decision depends on
    /// age.
    #[test]
    fn the_order_of_the_keys_decides_nothing(
        (inventory, shuffled) in any_inventory().prop_flat_map(|inventory| {
            let shuffled = Just(inventory.listed.clone()).prop_shuffle();
            (Just(inventory), shuffled)
        })
    ) {
        let other = KeyInventory { listed: shuffled, ..inventory.clone() };
        prop_assert_eq!(decide_slot(&inventory), decide_slot(&other));
    }

    #[test]
    fn an_active_key_in_use_is_removed_only_if_superseded(inventory in any_inventory()) {
        if let SlotDecision::Remove { key, because } = decide_slot(&inventory) {
            let victim = inventory.listed.iter().find(|listed| listed.id == key);
            let victim = victim.expect("a listed key");
            if victim.activity == ACTIVE && victim.usage == Usage::Used {
                prop_assert_eq!(because, RemovalReason::Superseded);
                prop_assert!(inventory.superseded.contains(&key));
            }
        }
    }

    /// A foreign key, while it is active.
    #[test]
    fn an_active_key_that_nothing_calls_ours_is_never_removed(inventory in any_inventory()) {
        if let SlotDecision::Remove { key, because } = decide_slot(&inventory) {
            let victim = inventory.listed.iter().find(|listed| listed.id == key);
            let victim = victim.expect("a listed key");
            let held = inventory.superseded.contains(&key) && victim.proof == Proof::Genuine;
            let ours = held
                || victim.origin == Origin::Announced
                || inventory.owns_user;
            prop_assert!(ours || victim.activity == INACTIVE, "{:?}", because);
        }
    }

    /// A user that gets its first key loses no key that a client may have.
    #[test]
    fn the_first_key_replaces_only_a_key_that_was_lost(inventory in any_inventory()) {
        let inventory = KeyInventory { current: None, ..inventory };
        match decide_slot(&inventory) {
            SlotDecision::Free => prop_assert!(inventory.listed.is_empty()),
            SlotDecision::Remove { key, because } => {
                let victim = inventory.listed.iter().find(|listed| listed.id == key);
                let victim = victim.expect("a listed key");
                let is_held = inventory.superseded.contains(&key) && victim.proof == Proof::Genuine;
                prop_assert!(inventory.owns_user && (is_held || victim.usage == Usage::Never));
                prop_assert_eq!(because == RemovalReason::Superseded, is_held);
            }
            SlotDecision::Prove { .. } | SlotDecision::ReadUsage { .. } | SlotDecision::Stop(_) => {}
        }
    }

    /// Repeatedly carrying out the decision terminates.
    #[test]
    fn making_room_ends(mut inventory in any_inventory(), used: bool, genuine: bool) {
        for _ in 0..=12 {
            match decide_slot(&inventory) {
                SlotDecision::Remove { key, .. } => inventory.listed.retain(|listed| listed.id != key),
                SlotDecision::ReadUsage { key } => {
                    for listed in inventory.listed.iter_mut().filter(|listed| listed.id == key) {
                        listed.usage = if used { Usage::Used } else { Usage::Never };
                    }
                }
                SlotDecision::Prove { key } => {
                    for listed in inventory.listed.iter_mut().filter(|listed| listed.id == key) {
                        listed.proof = if genuine { Proof::Genuine } else { Proof::Refuted };
                    }
                }
                SlotDecision::Free | SlotDecision::Stop(_) => return Ok(()),
            }
        }
        prop_assert!(false, "it goes on for ever");
    }
}
