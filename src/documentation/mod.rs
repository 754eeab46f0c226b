//! Holds the generated sections of `docs/` to the code that they describe.

mod manifest;

use std::path::{Path, PathBuf};

/// Returns the path of a file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asserts that the section `name` of the page at `path` reads `text`.
///
/// A section lies between the comments `<!-- generated: NAME -->` and
/// `<!-- end: NAME -->`; the rest of the page is written by hand. With
/// `KEYROTA_UPDATE` set, the section is written first.
///
/// # Panics
///
/// Panics if the page or its section is missing, or if the section differs.
#[expect(
    clippy::disallowed_methods,
    reason = "a test holds a page of the documentation to the code"
)]
pub(crate) fn assert_section(path: &str, name: &str, text: &str) {
    let page =
        std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let updated = replaced(&page, name, text)
        .unwrap_or_else(|| panic!("{path} has no section `{name}` between its two comments"));
    if std::env::var_os("KEYROTA_UPDATE").is_some() {
        std::fs::write(file(path), updated).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    assert!(
        page == updated,
        "the section `{name}` of {path} differs from the code; run its test with \
         KEYROTA_UPDATE=1 to write it"
    );
}

/// Returns the page with another text in its section, or `None` if the page has no
/// such section.
fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let end = format!("<!-- end: {name} -->\n");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    let text = text.trim_matches('\n');
    Some(format!("{before}{begin}\n{text}\n\n{end}{after}"))
}

#[test]
fn a_section_is_replaced_and_the_rest_stays() {
    let page = "# Page\n\n<!-- generated: a -->\nold\n<!-- end: a -->\n\nthe end\n";
    let updated = replaced(page, "a", "new\n").unwrap();
    assert_eq!(
        updated,
        "# Page\n\n<!-- generated: a -->\n\nnew\n\n<!-- end: a -->\n\nthe end\n"
    );
    assert_eq!(replaced(&updated, "a", "new").as_ref(), Some(&updated));
    assert_eq!(replaced(page, "b", "new"), None);
}
