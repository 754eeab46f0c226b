//! A typed view of a rendered template: resources by ID and type, and all references between
//! them, collected in one traversal.

use std::collections::HashMap;

use crate::render::resolve::{items, literal, target};
use crate::render::tree::{Mapping, Value};

/// The pseudo parameters of CloudFormation (`pseudo-parameter-reference`).
const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// A template's parts.
pub(super) struct Template<'tree> {
    tree: &'tree Value,
    pub resources: Vec<Resource<'tree>>,
    by_id: HashMap<&'tree str, usize>,
    by_type: HashMap<&'tree str, Vec<usize>>,
    /// Every reference, including `DependsOn`.
    pub references: Vec<Reference<'tree>>,
    /// Every string that contains an ARN, with its resource.
    pub arns: Vec<(Place<'tree>, &'tree str)>,
}

/// A resource of the template.
#[derive(Clone, Copy)]
pub(super) struct Resource<'tree> {
    pub id: &'tree str,
    pub kind: &'tree str,
    pub whole: &'tree Value,
    properties: Option<&'tree Mapping>,
}

impl<'tree> Resource<'tree> {
    /// Returns a property.
    pub fn get(&self, key: &str) -> Option<&'tree Value> {
        self.properties?.get(key)
    }

    /// Returns a property that is a plain string, and not a reference.
    pub fn text(&self, key: &str) -> Option<&'tree str> {
        literal(self.get(key)?)
    }

    /// Returns a resource attribute outside the properties, such as `DeletionPolicy`.
    pub fn attribute(&self, key: &str) -> Option<&'tree str> {
        literal(self.whole.get(key)?)
    }

    /// Returns the place of a property for a finding.
    pub fn at(&self, path: &str) -> String {
        format!("{}.{path}", self.id)
    }

    /// Returns the value of a tag.
    pub fn tag(&self, key: &str) -> Option<&'tree Value> {
        let mut tags = items(self.get("Tags"));
        let tag = tags.find(|tag| tag.get("Key").and_then(literal) == Some(key))?;
        tag.get("Value")
    }

    /// Returns the logical IDs in `DependsOn`.
    pub fn depends_on(&self) -> impl Iterator<Item = &'tree str> {
        items(self.whole.get("DependsOn")).filter_map(literal)
    }
}

/// A location in the template.
#[derive(Clone, Copy)]
pub(super) struct Place<'tree> {
    /// The resource or the output.
    pub id: &'tree str,
    /// The property, if the location is in a resource.
    pub property: &'tree str,
}

impl Place<'_> {
    pub fn show(&self) -> String {
        match self.property {
            "" => self.id.to_owned(),
            property => format!("{}.{property}", self.id),
        }
    }
}

/// A reference to a resource or parameter.
#[derive(Clone, Copy)]
pub(super) struct Reference<'tree> {
    pub from: Place<'tree>,
    /// The index of the resource that contains the reference, or `None` in an output.
    pub within: Option<usize>,
    pub target: &'tree str,
    /// The index of the resource that it refers to, or `None` if it refers to a parameter or to
    /// nothing.
    pub to: Option<usize>,
}

impl<'tree> Template<'tree> {
    /// Traverses the tree once.
    pub fn new(tree: &'tree Value) -> Self {
        let mut template = Self {
            tree,
            resources: Vec::new(),
            by_id: HashMap::new(),
            by_type: HashMap::new(),
            references: Vec::new(),
            arns: Vec::new(),
        };
        for (id, whole) in template.section("Resources").into_iter().flatten() {
            let Some(id) = id.as_str() else { continue };
            let resource = Resource {
                id,
                kind: whole.get("Type").and_then(literal).unwrap_or_default(),
                whole,
                properties: whole.get("Properties").and_then(Value::as_mapping),
            };
            let index = template.resources.len();
            template.by_id.insert(id, index);
            template
                .by_type
                .entry(resource.kind)
                .or_default()
                .push(index);
            for target in resource.depends_on() {
                let property = "DependsOn";
                template.refer(target, Place { id, property }, Some(index));
            }
            for (property, value) in resource.properties.into_iter().flatten() {
                let property = property.as_str().unwrap_or_default();
                template.walk(value, Place { id, property }, Some(index));
            }
            template.resources.push(resource);
        }
        for (id, output) in template.section("Outputs").into_iter().flatten() {
            let id = id.as_str().unwrap_or_default();
            template.walk(output, Place { id, property: "" }, None);
        }
        for reference in &mut template.references {
            reference.to = template.by_id.get(reference.target).copied();
        }
        template
    }

    /// Returns one of the template's sections.
    pub fn section(&self, name: &str) -> Option<&'tree Mapping> {
        self.tree.get(name).and_then(Value::as_mapping)
    }

    /// Returns a top-level value outside the sections, such as `Description`.
    pub fn top(&self, name: &str) -> Option<&'tree Value> {
        self.tree.get(name)
    }

    /// Returns a resource by its logical ID.
    pub fn resource(&self, id: &str) -> Option<&Resource<'tree>> {
        self.by_id.get(id).map(|index| &self.resources[*index])
    }

    /// Returns the resources of a type, in template order.
    pub fn of_type(&self, kind: &str) -> impl Iterator<Item = &Resource<'tree>> {
        let indices = self.by_type.get(kind).into_iter().flatten();
        indices.map(|index| &self.resources[*index])
    }

    /// Returns whether a reference to that name is valid.
    pub fn knows(&self, name: &str) -> bool {
        let parameter = || {
            self.section("Parameters")
                .is_some_and(|all| all.contains_key(name))
        };
        self.by_id.contains_key(name) || PSEUDO.contains(&name) || parameter()
    }

    fn refer(&mut self, target: &'tree str, from: Place<'tree>, within: Option<usize>) {
        self.references.push(Reference {
            from,
            within,
            target,
            to: None,
        });
    }

    fn walk(&mut self, value: &'tree Value, from: Place<'tree>, within: Option<usize>) {
        if let Some(target) = target(value) {
            self.refer(target, from, within);
            return;
        }
        match value {
            Value::String(text) if text.contains("arn:") => self.arns.push((from, text)),
            Value::Tagged(tagged) if tagged.tag == "Sub" => {
                self.substituted(&tagged.value, from, within);
            }
            Value::Tagged(tagged) => self.walk(&tagged.value, from, within),
            Value::Sequence(items) => {
                for item in items {
                    self.walk(item, from, within);
                }
            }
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    match key.as_str() {
                        Some("Fn::Sub") => self.substituted(value, from, within),
                        _ => self.walk(value, from, within),
                    }
                }
            }
            _ => {}
        }
    }

    /// `!Sub TEXT`, or `!Sub [TEXT, VARIABLES]`.
    fn substituted(&mut self, value: &'tree Value, from: Place<'tree>, within: Option<usize>) {
        let text = literal(value).or_else(|| literal(value.at(0)?));
        let variables = value.at(1).and_then(Value::as_mapping);
        for value in variables.into_iter().flat_map(Mapping::values) {
            self.walk(value, from, within);
        }
        let Some(text) = text else { return };
        if text.contains("arn:") {
            self.arns.push((from, text));
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("${") {
            let Some((name, next)) = after.split_once('}') else {
                break;
            };
            let own = variables.is_some_and(|all| all.contains_key(name));
            if !name.starts_with('!') && !own {
                let target = name.split('.').next().unwrap_or(name);
                self.refer(target, from, within);
            }
            rest = next;
        }
    }
}
