//! The pure decisions.

use std::collections::BTreeSet;

use keyrota_function::decide::{
    AccessKeyId, Activity, AfterPut, Because, CURRENT, Hand, Holdings, ListedKey, Obstacle, Origin,
    PENDING, PREVIOUS, Proof, Put, ReadBack, Room, Stages, Standing, Usage, VersionId, after_put,
    room, standing,
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
fn holdings(listed: Vec<ListedKey>) -> Holdings {
    Holdings {
        listed,
        current: key_id(1),
        pending: None,
        superseded: BTreeSet::new(),
        owns_user: false,
        hand: Hand::Another,
    }
}

const ACTIVE: Activity = Activity::Active;
const INACTIVE: Activity = Activity::Inactive;

fn with(second: ListedKey) -> Holdings {
    holdings(vec![listed(1, ACTIVE, Usage::Unread), second])
}

#[test]
fn one_key_leaves_room() {
    assert_eq!(
        room(&holdings(vec![listed(1, ACTIVE, Usage::Unread)])),
        Room::Free
    );
}

#[test]
fn the_previous_key_goes_whatever_its_use_once_it_is_proven() {
    let remove = Room::Remove {
        key: key_id(2),
        because: Because::Superseded,
    };
    for usage in [Usage::Unread, Usage::Never, Usage::Used] {
        for (activity, proof, expected) in [
            (INACTIVE, Proof::Untried, remove.clone()),
            (ACTIVE, Proof::Untried, Room::Prove { key: key_id(2) }),
            (ACTIVE, Proof::Genuine, remove.clone()),
            (
                ACTIVE,
                Proof::Refuted,
                Room::Stop(Obstacle::Foreign { key: key_id(2) }),
            ),
        ] {
            let mut holdings = with(ListedKey {
                proof,
                ..listed(2, activity, usage)
            });
            holdings.superseded.insert(key_id(2));
            assert_eq!(room(&holdings), expected, "{activity:?} {proof:?}");
        }
    }
}

#[test]
fn an_unknown_key_is_judged_by_its_activity_and_use() {
    let remove = |because| Room::Remove {
        key: key_id(2),
        because,
    };
    let ask = || Room::ReadUsage { key: key_id(2) };
    let stop = || Room::Stop(Obstacle::Foreign { key: key_id(2) });
    let inactive = |usage| listed(2, INACTIVE, usage);
    let active = |usage| listed(2, ACTIVE, usage);
    let (orphan, lost) = (Because::OrphanOfOurUser, Because::Announced);
    let table = [
        (inactive(Usage::Unread), false, remove(Because::Inactive)),
        (inactive(Usage::Used), false, remove(Because::Inactive)),
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
        let mut holdings = with(key);
        holdings.owns_user = owns_user;
        assert_eq!(room(&holdings), expected, "{case}");
    }
}

#[test]
fn nothing_is_touched_where_the_current_key_is_not_the_users() {
    let listed = vec![
        listed(2, INACTIVE, Usage::Never),
        listed(3, INACTIVE, Usage::Never),
    ];
    let mut holdings = holdings(listed);
    holdings.superseded.insert(key_id(2));
    holdings.owns_user = true;
    assert_eq!(room(&holdings), Room::Stop(Obstacle::CurrentMissing));
    holdings.listed.clear();
    assert_eq!(room(&holdings), Room::Stop(Obstacle::CurrentMissing));
}

#[test]
fn an_inactive_current_key_stops_only_itself() {
    let mut holdings = holdings(vec![listed(1, INACTIVE, Usage::Unread)]);
    assert_eq!(room(&holdings), Room::Free);
    holdings.hand = Hand::Own;
    assert_eq!(room(&holdings), Room::Stop(Obstacle::CurrentInactive));
}

#[test]
fn two_protected_keys_stop() {
    let mut holdings = with(listed(2, INACTIVE, Usage::Never));
    holdings.pending = Some(key_id(2));
    holdings.superseded.insert(key_id(2));
    assert_eq!(room(&holdings), Room::Stop(Obstacle::AllProtected));
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
    let unknown = |another_is_pending| Standing::Unknown { another_is_pending };
    let table = [
        (
            stages(&[("token", &[PENDING]), ("old", &[CURRENT])]),
            Standing::Pending,
        ),
        (
            stages(&[("token", &[PENDING, CURRENT])]),
            Standing::AlreadyCurrent,
        ),
        (stages(&[("token", &[CURRENT])]), Standing::AlreadyCurrent),
        (stages(&[("token", &[PREVIOUS])]), Standing::NotPending),
        (stages(&[("token", &[])]), Standing::NotPending),
        (stages(&[("old", &[CURRENT])]), unknown(false)),
        (
            stages(&[("old", &[CURRENT]), ("other", &[PENDING])]),
            unknown(true),
        ),
    ];
    for (stages, expected) in table {
        assert_eq!(standing(&stages, &token), expected);
    }
}

const PUTS: [Put; 4] = [Put::Refused, Put::Taken, Put::Postponed, Put::Unclear];
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
                let maybe_stored = maybe_stored || put == Put::Unclear;
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
                    assert!(time_left && matches!(put, Put::Postponed | Put::Unclear));
                }
            }
        }
    }
}

#[test]
fn what_follows_a_put_that_was_not_confirmed() {
    let table = [
        (
            Put::Refused,
            false,
            ReadBack::Nothing,
            true,
            AfterPut::Remove,
        ),
        (Put::Refused, true, ReadBack::Unclear, true, AfterPut::Leave),
        (
            Put::Taken,
            false,
            ReadBack::Another,
            true,
            AfterPut::StoredByAnother,
        ),
        (Put::Taken, false, ReadBack::Unclear, true, AfterPut::Leave),
        (
            Put::Postponed,
            false,
            ReadBack::Nothing,
            true,
            AfterPut::TryAgain,
        ),
        (
            Put::Postponed,
            false,
            ReadBack::Nothing,
            false,
            AfterPut::Remove,
        ),
        (
            Put::Postponed,
            true,
            ReadBack::Unclear,
            false,
            AfterPut::Leave,
        ),
        (Put::Unclear, true, ReadBack::Ours, true, AfterPut::Stored),
        (
            Put::Unclear,
            true,
            ReadBack::Nothing,
            true,
            AfterPut::TryAgain,
        ),
        (
            Put::Unclear,
            true,
            ReadBack::Nothing,
            false,
            AfterPut::Remove,
        ),
        (
            Put::Unclear,
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
    fn any_holdings()(
        listed in any_keys(),
        current in 1..=4_u32,
        pending in proptest::option::of(1..=4_u32),
        superseded in proptest::collection::btree_set(1..=4_u32, 0..=4),
        owns_user: bool,
        own: bool,
    ) -> Holdings {
        Holdings {
            listed,
            current: key_id(current),
            pending: pending.map(key_id),
            superseded: superseded.into_iter().map(key_id).collect(),
            owns_user,
            hand: if own { Hand::Own } else { Hand::Another },
        }
    }
}

proptest! {
    #[test]
    fn a_protected_key_is_never_the_victim(holdings in any_holdings()) {
        if let Room::Remove { key, .. } = room(&holdings) {
            prop_assert_ne!(&key, &holdings.current);
            prop_assert_ne!(Some(&key), holdings.pending.as_ref());
            prop_assert!(holdings.listed.iter().any(|listed| listed.id == key));
            prop_assert!(holdings.listed.iter().any(|listed| listed.id == holdings.current));
        }
    }

    /// IAM lists keys in the order of their age, so this test fails if a decision depends on
    /// age.
    #[test]
    fn the_order_of_the_keys_decides_nothing(
        (holdings, shuffled) in any_holdings().prop_flat_map(|holdings| {
            let shuffled = Just(holdings.listed.clone()).prop_shuffle();
            (Just(holdings), shuffled)
        })
    ) {
        let other = Holdings { listed: shuffled, ..holdings.clone() };
        prop_assert_eq!(room(&holdings), room(&other));
    }

    #[test]
    fn an_active_key_in_use_is_removed_only_if_superseded(holdings in any_holdings()) {
        if let Room::Remove { key, because } = room(&holdings) {
            let victim = holdings.listed.iter().find(|listed| listed.id == key);
            let victim = victim.expect("a listed key");
            if victim.activity == ACTIVE && victim.usage == Usage::Used {
                prop_assert_eq!(because, Because::Superseded);
                prop_assert!(holdings.superseded.contains(&key));
            }
        }
    }

    /// A foreign key, while it is active.
    #[test]
    fn an_active_key_that_nothing_calls_ours_is_never_removed(holdings in any_holdings()) {
        if let Room::Remove { key, because } = room(&holdings) {
            let victim = holdings.listed.iter().find(|listed| listed.id == key);
            let victim = victim.expect("a listed key");
            let held = holdings.superseded.contains(&key) && victim.proof == Proof::Genuine;
            let ours = held
                || victim.origin == Origin::Announced
                || holdings.owns_user;
            prop_assert!(ours || victim.activity == INACTIVE, "{:?}", because);
        }
    }

    /// Repeatedly carrying out the decision terminates.
    #[test]
    fn making_room_ends(mut holdings in any_holdings(), used: bool, genuine: bool) {
        for _ in 0..=12 {
            match room(&holdings) {
                Room::Remove { key, .. } => holdings.listed.retain(|listed| listed.id != key),
                Room::ReadUsage { key } => {
                    for listed in holdings.listed.iter_mut().filter(|listed| listed.id == key) {
                        listed.usage = if used { Usage::Used } else { Usage::Never };
                    }
                }
                Room::Prove { key } => {
                    for listed in holdings.listed.iter_mut().filter(|listed| listed.id == key) {
                        listed.proof = if genuine { Proof::Genuine } else { Proof::Refuted };
                    }
                }
                Room::Free | Room::Stop(_) => return Ok(()),
            }
        }
        prop_assert!(false, "it goes on for ever");
    }
}
