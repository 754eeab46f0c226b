//! That the benchmark still works, with the function as it is now: it is built,
//! both sides rotate, and every table has its figures. What they are is not
//! looked at.

use std::process::Command;

#[test]
fn a_quick_run_measures_both_sides() {
    let output = Command::new(env!("CARGO_BIN_EXE_keyrota-bench-rotation"))
        .arg("--quick")
        .output()
        .unwrap();
    let (said, shown) = (
        String::from_utf8(output.stderr).unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    );
    assert!(output.status.success(), "{said}\n{shown}");
    for title in [
        "Calls, counted at 50 ms each",
        "A whole core, calls answered at once, 1 pair",
        "A whole core, 10 ms a call, 1 pair",
    ] {
        assert!(shown.contains(title), "{title}\n{shown}");
    }
    // Where no control group can be made, it says so.
    let limited = "7.2 % of a core (128 MB), calls answered at once";
    assert!(
        shown.contains(&format!("{limited}, by cgroup "))
            || shown.contains(&format!("{limited}: not measured, ")),
        "{shown}"
    );
    let tables = shown.matches(", 1 pair").count();
    for name in [
        "cold start + first rotation ",
        "  processor time of these ",
        "warm rotation, removes a key ",
        "warm rotation, removes none ",
        "peak memory ",
    ] {
        let named = |line: &&str| line.starts_with(name);
        let rows: Vec<&str> = shown.lines().filter(named).collect();
        assert_eq!(rows.len(), tables, "{name}\n{shown}");
        // A figure for each side, and their ratio.
        for row in rows {
            assert!(row.contains(" ×") && !row.contains(" –"), "{row}");
        }
    }
}
