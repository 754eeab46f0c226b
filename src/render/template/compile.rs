//! Our own templates, read tag by tag.
//!
//! Handlebars takes time that grows with the square of a template's length: it counts
//! lines from the beginning for every word of every tag, and goes through plain text
//! by the letter. For a small manifest that was most of `generate`. So it reads each
//! tag by itself, once, and what it makes of them is put together here, as it would
//! have: a test holds every template of ours to what Handlebars makes of the whole.
//!
//! A template of an organisation's own is left to Handlebars.

use std::collections::HashMap;

use handlebars::template::{HelperTemplate, TemplateElement, TemplateMapping};
use handlebars::{Template, TemplateError};

/// Reads templates, and each tag that is in several of them once.
#[derive(Default)]
pub struct Compiler {
    tags: HashMap<String, (TemplateElement, TemplateMapping)>,
}

/// What a tag does.
#[derive(PartialEq)]
enum Tag<'text> {
    Value,
    Partial,
    Open(&'text str),
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
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}")?;
            let tag = tag(inside)?;
            let begin = text.len() - after.len() - inside.len() - 4;
            let before_it = &text[..begin];
            if before.ends_with('\\') {
                return None;
            }
            let before = if alone {
                without_line_end(before)
            } else {
                before
            };
            alone = tag != Tag::Value && ends_line(before_it) && starts_line(after);
            let blank = if alone { [' ', '\t'].as_slice() } else { &[] };
            self.add_text(before.trim_end_matches(blank), &mut now.inside)?;
            let end = if alone { "\n" } else { "" };
            match tag {
                Tag::Value | Tag::Partial => {
                    let indent = &before_it[before_it.trim_end_matches(blank).len()..];
                    let source = format!("{indent}{{{{{inside}}}}}{end}");
                    let (element, place) = self.tag(source, before_it)?;
                    now.inside.elements.push(element);
                    now.inside.mapping.push(place);
                }
                Tag::Open(name) => {
                    let source = format!("{{{{{inside}}}}}{end}{{{{/{name}}}}}");
                    let (TemplateElement::HelperBlock(mut block), place) =
                        self.tag(source, before_it)?
                    else {
                        return None;
                    };
                    block.template = None;
                    let inner = Open {
                        block: Some((block, place)),
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
                    let (mut block, place) = now.block?;
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
                    now.inside.mapping.push(place);
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
            let (_, place) = self.tag("{{this}}".to_owned(), "")?;
            let text = TemplateElement::RawString(text.to_owned());
            template.elements.push(text);
            template.mapping.push(place);
        }
        Some(())
    }

    /// Returns the one tag in the source, and its place after what is before it.
    fn tag(&mut self, source: String, before: &str) -> Option<(TemplateElement, TemplateMapping)> {
        let (element, place) = match self.tags.get(&source) {
            Some(known) => known,
            None => {
                let read = Template::compile(&source).ok()?;
                let is_text = |one: &TemplateElement| matches!(one, TemplateElement::RawString(_));
                let mut read = read.elements.into_iter().zip(read.mapping);
                let tag = read.find(|(element, _)| !is_text(element))?;
                self.tags.entry(source).or_insert(tag)
            }
        };
        let mut place = place.clone();
        let line = before.rsplit('\n').next().unwrap_or_default();
        place.0 = before.matches('\n').count() + 1;
        place.1 = line.chars().count() + 1;
        Some((element.clone(), place))
    }
}

/// Returns what the inside of a tag makes it; nothing for what ours do not have.
fn tag(inside: &str) -> Option<Tag<'_>> {
    if inside.contains('~') {
        return None;
    }
    Some(match inside.chars().next()? {
        '#' => Tag::Open(inside[1..].split_whitespace().next()?),
        '/' => Tag::Close(&inside[1..]),
        '>' => Tag::Partial,
        '!' | '{' | '&' | '^' | '*' => return None,
        _ if inside == "else" => Tag::Else,
        _ if inside.starts_with("else ") => return None,
        _ => Tag::Value,
    })
}

/// Returns whether nothing stands before a tag on its line.
fn ends_line(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with('\n')
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
