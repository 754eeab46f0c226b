use super::*;

fn found(mounts: &str, own: &str) -> Vec<String> {
    places(mounts, own)
        .iter()
        .map(|place| format!("{:?} {}", place.version, place.folder.display()))
        .collect()
}

#[test]
fn the_quota_is_the_share() {
    let share = f64::from(QUOTA) / f64::from(PERIOD);
    assert!((share - SHARE).abs() < 0.000_1);
}

#[test]
fn version_one_by_its_controller() {
    let mounts = "\
30 29 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
    let own = "3:cpuset:/\n2:cpu,cpuacct:/ci/42\n0::/";
    assert_eq!(
        found(mounts, own),
        [
            "One /sys/fs/cgroup/cpu,cpuacct/ci/42",
            "Two /sys/fs/cgroup/unified",
        ]
    );
}

#[test]
fn a_container_sees_its_own_group_as_the_root() {
    let mounts = "32 30 0:28 /docker/ab /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
    let own = "2:cpu:/docker/ab";
    assert_eq!(found(mounts, own), ["One /sys/fs/cgroup/cpu"]);
}

#[test]
fn version_two_offers_the_groups_above() {
    let mounts = "30 29 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw";
    let own = "0::/user.slice/session-2.scope";
    assert_eq!(
        found(mounts, own),
        [
            "Two /sys/fs/cgroup/user.slice/session-2.scope",
            "Two /sys/fs/cgroup/user.slice",
            "Two /sys/fs/cgroup",
        ]
    );
}

#[test]
fn version_two_needs_the_controller() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Limit {
        version: Version::Two,
        folder: folder.path().to_owned(),
    };
    assert!(limit.group().unwrap_err().starts_with("read "));
    let control = folder.path().join("cgroup.subtree_control");
    write(&control, "cpuset memory\n").unwrap();
    assert!(limit.group().unwrap_err().ends_with("does not name cpu"));
    write(&control, "cpuset cpu memory\n").unwrap();
    let group = limit.group().unwrap();
    let setting = read(&group.folder.join("cpu.max")).unwrap();
    assert_eq!(setting, "1447 20000");
    group.add(42).unwrap();
    assert_eq!(read(&group.folder.join("cgroup.procs")).unwrap(), "42");
}

#[test]
fn a_group_says_whether_it_was_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let group = Group {
        folder: folder.path().to_owned(),
    };
    assert!(!group.held_back());
    for (count, held_back) in [("0", false), ("17", true)] {
        let text = format!("nr_periods 20\nnr_throttled {count}\nthrottled_time 5\n");
        write(&folder.path().join("cpu.stat"), &text).unwrap();
        assert_eq!(group.held_back(), held_back);
    }
}
