//! Tests that the benchmark works with the current functions: they are built, both sides
//! rotate, and every table has its figures. The figures themselves are not checked.

use std::process::Command;

/// Runs the benchmark, and returns its output.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_keyrota-bench-rotation"))
        .arg("--quick")
        .args(arguments)
        .output()
        .expect("a run of the benchmark");
    let (said, shown) = (
        String::from_utf8_lossy(&output.stderr).into_owned(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    assert!(output.status.success(), "{said}\n{shown}");
    shown
}

/// Checks that there are `count` rows with a name, each with a figure for each side and their
/// ratio.
fn check_rows(shown: &str, name: &str, count: usize) {
    let named = |line: &&str| line.starts_with(name);
    let rows: Vec<&str> = shown.lines().filter(named).collect();
    assert_eq!(rows.len(), count, "{name}\n{shown}");
    for row in rows {
        assert!(row.contains(" ×") && !row.contains(" –"), "{row}");
    }
}

#[test]
fn a_quick_run_measures_both_sides() {
    let shown = run(&[]);
    for title in [
        "Calls, counted at 50 ms each",
        "A whole core, calls answered at once, 1 pair",
        "A whole core, 10 ms a call, 1 pair",
    ] {
        assert!(shown.contains(title), "{title}\n{shown}");
    }
    // If no control group can be created, the output says so.
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
        check_rows(&shown, name, tables);
    }
}

/// Whatever the functions do, the server itself must accept each password that became current.
/// One condition is enough to check both.
#[test]
fn a_quick_run_measures_both_sides_on_each_server() {
    let shown = run(&["--kind", "database", "--condition", "instant"]);
    for server in ["PostgreSQL", "MariaDB"] {
        for title in [
            "Calls, counted at 50 ms each",
            "A whole core, calls answered at once, 1 pair",
        ] {
            let title = format!("{server}: {title}");
            assert!(shown.contains(&title), "{title}\n{shown}");
        }
    }
    for name in [
        "zip ",
        "cold start + first rotation ",
        "  processor time of these ",
        "warm rotation ",
        "peak memory ",
    ] {
        check_rows(&shown, name, 2);
    }
}
