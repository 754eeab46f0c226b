//! Our own templates, read tag by tag.
//!
//! Handlebars takes time that grows with the square of a template's length: it counts
//! lines from the beginning for every word of every tag, and goes through plain text
//! by the letter. For a small manifest that was most of `generate`. So it reads a tag
//! of each form by itself, once; the names in the others are put in its place, and what
//! comes of that is put together here, as it would have: a test holds every template of
//! ours to what Handlebars makes of the whole.
//!
//! A template of an organisation's own is left to Handlebars.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement, TemplateMapping};
use handlebars::{Path, PathSeg, Template, TemplateError};

/// Reads templates, and a tag of each form once.
#[derive(Default)]
pub struct Compiler {
    /// By the text that Handlebars read.
    tags: HashMap<String, (TemplateElement, TemplateMapping)>,
}

/// How far a template has been read.
#[derive(Clone, Copy)]
struct Place {
    /// Bytes from the beginning.
    at: usize,
    /// The line, from one on.
    line: usize,
    /// Where that begins.
    begin: usize,
}

impl Place {
    /// Goes on to another place of the text.
    fn to(self, at: usize, text: &str) -> Self {
        let between = &text[self.at..at];
        Self {
            at,
            line: self.line + between.bytes().filter(|byte| *byte == b'\n').count(),
            begin: between
                .rfind('\n')
                .map_or(self.begin, |end| self.at + end + 1),
        }
    }

    /// Returns what is before it on its line.
    fn before(self, text: &str) -> &str {
        &text[self.begin..self.at]
    }

    /// Returns its line and column, as Handlebars counts them.
    fn of(self, text: &str) -> (usize, usize) {
        (self.line, self.before(text).chars().count() + 1)
    }
}

/// What a tag does.
#[derive(PartialEq)]
enum Tag<'text> {
    Value,
    Partial,
    Open,
    Else,
    Close(&'text str),
}

/// A block that is not closed yet, or the template itself.
#[derive(Default)]
struct Open {
    block: Option<(Box<HelperTemplate>, TemplateMapping)>,
    inside: Template,
}

impl Compiler {
    /// Returns the template.
    ///
    /// # Errors
    ///
    /// Returns what Handlebars cannot read.
    pub fn read(&mut self, name: &str, text: &str) -> Result<Template, TemplateError> {
        match self.put_together(text) {
            Some(mut template) => {
                template.name = Some(name.to_owned());
                Ok(template)
            }
            None => Template::compile_with_name(text, name.to_owned()),
        }
    }

    /// Returns nothing where a template has what ours do not, or a fault.
    fn put_together(&mut self, text: &str) -> Option<Template> {
        let mut open = Vec::new();
        let mut now = Open::default();
        let mut rest = text;
        let mut alone = false;
        let mut place = Place {
            at: 0,
            line: 1,
            begin: 0,
        };
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}")?;
            let tag = tag(inside)?;
            if before.ends_with('\\') {
                return None;
            }
            place = place.to(text.len() - after.len() - inside.len() - 4, text);
            let before = if alone {
                without_line_end(before)
            } else {
                before
            };
            let on_line = place.before(text);
            let blank = on_line.trim_matches([' ', '\t']).is_empty();
            alone = tag != Tag::Value && blank && starts_line(after);
            let blanks = if alone { [' ', '\t'].as_slice() } else { &[] };
            self.add_text(before.trim_end_matches(blanks), &mut now.inside)?;
            let end = if alone { "\n" } else { "" };
            match tag {
                Tag::Value | Tag::Partial => {
                    let indent = if alone { on_line } else { "" };
                    let whole = |inside: &str| format!("{indent}{{{{{inside}}}}}{end}");
                    let (element, mapping) = self.tag(inside, whole, place.of(text))?;
                    now.inside.elements.push(element);
                    now.inside.mapping.push(mapping);
                }
                Tag::Open => {
                    let whole = |inside: &str| {
                        let name = block_name(inside).unwrap_or_default();
                        format!("{{{{{inside}}}}}{end}{{{{/{name}}}}}")
                    };
                    let (TemplateElement::HelperBlock(mut block), mapping) =
                        self.tag(inside, whole, place.of(text))?
                    else {
                        return None;
                    };
                    block.template = None;
                    let inner = Open {
                        block: Some((block, mapping)),
                        inside: Template::default(),
                    };
                    open.push(std::mem::replace(&mut now, inner));
                }
                Tag::Else => {
                    let (block, _) = now.block.as_mut()?;
                    if block.template.is_some() {
                        return None;
                    }
                    block.template = Some(std::mem::take(&mut now.inside));
                }
                Tag::Close(name) => {
                    let (mut block, mapping) = now.block?;
                    if block.name.as_name() != Some(name) {
                        return None;
                    }
                    match block.template {
                        None => block.template = Some(now.inside),
                        Some(_) => block.inverse = Some(now.inside),
                    }
                    now = open.pop()?;
                    now.inside
                        .elements
                        .push(TemplateElement::HelperBlock(block));
                    now.inside.mapping.push(mapping);
                }
            }
            rest = after;
        }
        let end = if alone { without_line_end(rest) } else { rest };
        self.add_text(end, &mut now.inside)?;
        (open.is_empty() && now.block.is_none()).then_some(now.inside)
    }

    fn add_text(&mut self, text: &str, template: &mut Template) -> Option<()> {
        if !text.is_empty() {
            // Nothing is amiss in a text: its place is never told.
            let (_, mapping) = self.read_one("{{x}}".to_owned())?;
            let mapping = mapping.clone();
            let text = TemplateElement::RawString(text.to_owned());
            template.elements.push(text);
            template.mapping.push(mapping);
        }
        Some(())
    }

    /// Returns a tag by what is inside it, and its place. `whole` writes it with what
    /// Handlebars has to see around it.
    fn tag(
        &mut self,
        inside: &str,
        whole: impl Fn(&str) -> String,
        (line, column): (usize, usize),
    ) -> Option<(TemplateElement, TemplateMapping)> {
        let words = plain_words(inside);
        let form = match words {
            Some((None, _)) => "x",
            Some((Some(_), _)) if inside.starts_with('#') => "#x x",
            Some((Some(_), _)) => "x x",
            None => inside,
        };
        let (mut element, mut mapping) = self.read_one(whole(form))?.clone();
        if let Some((helper, path)) = words {
            let path = Parameter::Path(path);
            match (&mut element, helper) {
                (TemplateElement::Expression(tag), None) => tag.name = path,
                (
                    TemplateElement::Expression(tag) | TemplateElement::HelperBlock(tag),
                    Some(helper),
                ) => {
                    tag.name = Parameter::Name(helper.to_owned());
                    tag.params = vec![path];
                }
                _ => return None,
            }
        }
        (mapping.0, mapping.1) = (line, column);
        Some((element, mapping))
    }

    /// Returns the one tag in a text.
    fn read_one(&mut self, text: String) -> Option<&(TemplateElement, TemplateMapping)> {
        Some(match self.tags.entry(text) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let read = Template::compile(new.key()).ok()?;
                let is_text = |one: &TemplateElement| matches!(one, TemplateElement::RawString(_));
                let mut read = read.elements.into_iter().zip(read.mapping);
                new.insert(read.find(|(element, _)| !is_text(element))?)
            }
        })
    }
}

/// Returns the helper, where there is one, and the path inside a tag that has nothing
/// else: `secret`, `id secret_id`, `#if kms_key_id.arn`.
fn plain_words(inside: &str) -> Option<(Option<&str>, Path)> {
    let (helper, path) = match inside.split_once(' ') {
        Some((helper, path)) => (Some(helper.strip_prefix('#').unwrap_or(helper)), path),
        None => (None, inside),
    };
    let is_name = |word: &str| {
        // Handlebars reads these as something else.
        const SPECIAL: [&str; 6] = ["this", "true", "false", "null", "as", "else"];
        word.starts_with(|one: char| one.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !SPECIAL.contains(&word)
    };
    if !helper.is_none_or(is_name) || !path.split('.').all(is_name) {
        return None;
    }
    let names = path.split('.').map(|name| PathSeg::Named(name.to_owned()));
    Some((helper, Path::Relative((names.collect(), path.to_owned()))))
}

/// Returns the name of a block by what is inside the tag that opens it.
fn block_name(inside: &str) -> Option<&str> {
    inside.strip_prefix('#')?.split_whitespace().next()
}

/// Returns what the inside of a tag makes it; nothing for what ours do not have.
fn tag(inside: &str) -> Option<Tag<'_>> {
    if inside.contains('~') {
        return None;
    }
    Some(match inside.chars().next()? {
        '#' => Tag::Open,
        '/' => Tag::Close(&inside[1..]),
        '>' => Tag::Partial,
        '!' | '{' | '&' | '^' | '*' => return None,
        _ if inside == "else" => Tag::Else,
        _ if inside.starts_with("else ") => return None,
        _ => Tag::Value,
    })
}

/// Returns whether nothing stands after a tag on its line.
fn starts_line(after: &str) -> bool {
    after.is_empty() || after.trim_start_matches([' ', '\t']).starts_with('\n')
}

/// Returns what stands after a tag that has its line to itself.
fn without_line_end(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t']);
    text.strip_prefix('\n').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::review;
    use crate::render::template::{TEMPLATES, inlined};

    /// Returns the template without its empty texts, with texts that follow each other
    /// as one, and with the lines of its tags.
    fn shape(template: &Template, depth: usize, lines: &mut Vec<String>) {
        let mut text = String::new();
        let indent = " ".repeat(depth);
        let flush = |text: &mut String, lines: &mut Vec<String>| {
            if !text.is_empty() {
                lines.push(format!("{indent}text {text:?}"));
                text.clear();
            }
        };
        for (element, place) in template.elements.iter().zip(&template.mapping) {
            match element {
                TemplateElement::RawString(more) => text += more,
                TemplateElement::HelperBlock(block) => {
                    flush(&mut text, lines);
                    let mut bare = block.clone();
                    (bare.template, bare.inverse) = (None, None);
                    lines.push(format!("{indent}{place:?} {bare:?}"));
                    for inner in [&block.template, &block.inverse] {
                        lines.push(format!("{indent}{}", inner.is_some()));
                        if let Some(inner) = inner {
                            shape(inner, depth + 1, lines);
                        }
                    }
                }
                other => {
                    flush(&mut text, lines);
                    lines.push(format!("{indent}{place:?} {other:?}"));
                }
            }
        }
        flush(&mut text, lines);
    }

    fn shape_of(template: &Template) -> Vec<String> {
        let mut lines = Vec::new();
        shape(template, 0, &mut lines);
        lines
    }

    #[test]
    fn our_templates_are_what_handlebars_makes_of_the_whole() {
        let ours = TEMPLATES.into_iter().collect();
        let stack = TEMPLATES.map(|(name, text)| (name, inlined(text, &ours)));
        let mut compiler = Compiler::default();
        for (name, text) in stack.into_iter().chain(review::parts()) {
            let made = compiler.put_together(&text);
            let made = made.unwrap_or_else(|| panic!("{name} is left to Handlebars"));
            let whole = Template::compile(&text).unwrap();
            assert_eq!(shape_of(&made), shape_of(&whole), "{name}");
        }
    }

    #[test]
    fn what_ours_do_not_have_is_left_to_handlebars() {
        let mut compiler = Compiler::default();
        for text in [
            "{{{x}}}",
            "{{&x}}",
            "{{! x }}",
            "{{~x}}",
            "\\{{x}}",
            "{{#if x}}",
            "{{/if}}",
            "{{#if x}}{{/each}}",
            "{{else}}",
            "{{#if x}}{{else if y}}{{/if}}",
            "{{x",
            "{{}}",
        ] {
            assert!(compiler.put_together(text).is_none(), "{text}");
            let whole = Template::compile_with_name(text, "name".to_owned());
            assert_eq!(compiler.read("name", text).ok(), whole.ok(), "{text}");
        }
    }
}
