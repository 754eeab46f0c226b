//! Templates as text, before Handlebars reads them: what they include, and what is
//! written into what.

use std::collections::BTreeMap;

/// A part of the stack's template.
pub enum Piece<'text> {
    /// Text of its own.
    Text(String),
    /// Another template, outside any block.
    Template(&'text str),
}

/// Returns what a line includes, where it includes a template and nothing else.
fn included(line: &str) -> Option<&str> {
    line.strip_prefix("{{> ")?.strip_suffix("}}\n")
}

/// Cuts the stack's template at what it includes outside of blocks.
///
/// Handlebars looks for the line of everything it finds in a template from the
/// template's beginning, so that a long one takes much longer to read than two
/// that are half as long.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut own = String::new();
    let mut depth = 0_usize;
    for line in text.split_inclusive('\n') {
        if depth == 0
            && let Some(name) = included(line)
        {
            if !own.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut own)));
            }
            pieces.push(Piece::Template(name));
            continue;
        }
        depth += line.matches("{{#").count();
        depth = depth.saturating_sub(line.matches("{{/").count());
        own.push_str(line);
    }
    if !own.is_empty() {
        pieces.push(Piece::Text(own));
    }
    pieces
}

/// Returns a template of ours with those of ours that it includes in their places.
///
/// Handlebars copies the whole context for each inclusion, which for a stack of a
/// hundred entries is most of the work. An organisation's template is left where it
/// is, so that an error in it names it.
pub fn inlined(text: &str, ours: &BTreeMap<&str, &str>) -> String {
    let lines = text.split_inclusive('\n');
    let expanded = lines.map(
        |line| match included(line).and_then(|name| ours.get(name)) {
            Some(text) => inlined(text, ours),
            None => line.to_owned(),
        },
    );
    expanded.collect()
}

/// Returns whether a template writes a value without the escape of its place.
pub fn writes_raw(text: &str) -> bool {
    ["{{{", "{{~{", "{{&", "{{~&"]
        .iter()
        .any(|raw| text.contains(raw))
}

/// Returns the names of what a template includes: `{{> NAME …}}`.
pub fn inclusions(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|after| {
        let after = after.trim_start_matches(['~', '#']).strip_prefix('>')?;
        let name = after.split(['}', '~']).next()?.split_whitespace().next()?;
        Some(name.trim_matches(['"', '\'']))
    })
}
