//! The properties that a deployed stack's template gives its resources, with each reference
//! replaced by what it refers to.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use serde_yaml::Value;

use super::DeployedCode;
use super::intrinsic::short_form;
use crate::port::{Stack, StackResource};

/// A deployed template, and what its references refer to.
pub struct DeployedTemplate<'a> {
    root: Value,
    parameters: &'a BTreeMap<String, String>,
    resources: &'a [StackResource],
    stack_id: &'a str,
    /// `arn`, partition, service, Region, account, and resource of the stack's ID.
    stack: Vec<&'a str>,
}

/// A resource of a deployed template.
#[derive(Clone, Copy, Debug)]
pub struct DeployedResource<'a> {
    /// Its name in the template.
    pub logical_id: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// Its name in AWS.
    pub physical_id: &'a str,
    properties: &'a Value,
}

impl<'a> DeployedTemplate<'a> {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Returns why it is not YAML.
    pub fn read(
        template: &str,
        stack: &'a Stack,
        resources: &'a [StackResource],
    ) -> Result<Self, serde_yaml::Error> {
        Ok(Self {
            root: short_form(serde_yaml::from_str(template)?),
            parameters: &stack.parameters,
            resources,
            stack_id: &stack.id,
            stack: stack.id.splitn(6, ':').collect(),
        })
    }

    /// Returns the resources that the stack has created.
    pub fn resources(&self) -> impl Iterator<Item = DeployedResource<'_>> {
        let all = self.root.get("Resources").and_then(Value::as_mapping);
        all.into_iter().flatten().filter_map(|(id, resource)| {
            let logical_id = id.as_str()?;
            let held = self.held(logical_id)?;
            Some(DeployedResource {
                logical_id,
                kind: &held.kind,
                physical_id: &held.physical_id,
                properties: resource.get("Properties").unwrap_or(&Value::Null),
            })
        })
    }

    /// Returns the resources of a type.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = DeployedResource<'_>> {
        self.resources().filter(move |one| one.kind == kind)
    }

    /// Returns a resource that the stack has created.
    pub fn resource(&self, logical_id: &str) -> Option<DeployedResource<'_>> {
        self.resources().find(|one| one.logical_id == logical_id)
    }

    /// Returns a property of a resource. A property with a reference of a kind that the templates
    /// do not use is unknown, as one that the template does not specify.
    pub fn property(&self, of: DeployedResource<'_>, name: &str) -> Option<Json> {
        self.resolve(of.properties.get(name)?)
    }

    /// Returns whether the template specifies a property.
    pub fn has_property(&self, of: DeployedResource<'_>, name: &str) -> bool {
        of.properties.get(name).is_some()
    }

    /// Returns a property that is text.
    pub fn text(&self, of: DeployedResource<'_>, name: &str) -> Option<String> {
        match self.property(of, name)? {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the zip file of a function. An object version that is not set is empty.
    pub fn code(&self, of: DeployedResource<'_>) -> Option<DeployedCode> {
        let code = of.properties.get("Code")?;
        let text = |value: &Value| match self.resolve(value)? {
            Json::String(text) if !text.is_empty() => Some(text),
            _ => None,
        };
        let version = code.get("S3ObjectVersion").and_then(|value| match value {
            Value::Tagged(tagged) if tagged.tag == "If" => text(tagged.value.get(1)?),
            value => text(value),
        });
        Some(DeployedCode {
            bucket: text(code.get("S3Bucket")?)?,
            key: text(code.get("S3Key")?)?,
            version,
        })
    }

    /// Returns the ID of the stack.
    pub fn stack_id(&self) -> &str {
        self.stack_id
    }

    /// Returns whether a stack still has the parameters that the references were replaced by.
    pub fn is_of(&self, stack: &Stack) -> bool {
        stack.id == self.stack_id && stack.parameters == *self.parameters
    }

    /// Returns the account that the stack is in.
    pub fn account(&self) -> &str {
        self.stack.get(4).copied().unwrap_or_default()
    }

    fn held(&self, logical_id: &str) -> Option<&'a StackResource> {
        let is_held = |one: &&StackResource| {
            one.logical_id == logical_id
                && !one.physical_id.is_empty()
                && !one.status.starts_with("DELETE_")
        };
        self.resources.iter().find(is_held)
    }

    fn resolve(&self, value: &Value) -> Option<Json> {
        Some(match value {
            Value::Null => Json::Null,
            Value::Bool(held) => Json::Bool(*held),
            Value::Number(number) => serde_json::to_value(number).ok()?,
            Value::String(text) => Json::String(text.clone()),
            Value::Sequence(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                Json::Array(items.collect::<Option<_>>()?)
            }
            Value::Mapping(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Some((key.as_str()?.to_owned(), self.resolve(value)?)));
                Json::Object(entries.collect::<Option<Map<_, _>>>()?)
            }
            Value::Tagged(tagged) if tagged.tag == "Join" => {
                let parts = self.resolve(&tagged.value)?;
                let texts = parts.get(1)?.as_array()?.iter().map(Json::as_str);
                let texts: Vec<&str> = texts.collect::<Option<_>>()?;
                Json::String(texts.join(parts.get(0)?.as_str()?))
            }
            Value::Tagged(tagged) => {
                let text = tagged.value.as_str()?;
                Json::String(if tagged.tag == "Ref" {
                    self.reference(text)?
                } else if tagged.tag == "GetAtt" {
                    self.arn(text.strip_suffix(".Arn")?)?
                } else if tagged.tag == "Sub" {
                    self.substitute(text)?
                } else {
                    return None;
                })
            }
        })
    }

    fn reference(&self, name: &str) -> Option<String> {
        let part = |index: usize| self.stack.get(index).map(|part| (*part).to_owned());
        match name {
            "AWS::Partition" => part(1),
            "AWS::Region" => part(3),
            "AWS::AccountId" => part(4),
            "AWS::URLSuffix" => Some(match self.stack.get(1).copied() {
                Some("aws-cn") => "amazonaws.com.cn".to_owned(),
                _ => "amazonaws.com".to_owned(),
            }),
            _ => {
                let held = self.held(name).map(|held| held.physical_id.clone());
                held.or_else(|| self.parameters.get(name).cloned())
            }
        }
    }

    /// Returns the ARN of a resource. Only the ARNs are known whose form is documented.
    fn arn(&self, logical_id: &str) -> Option<String> {
        let held = self.held(logical_id)?;
        let own = held.physical_id.as_str();
        if own.starts_with("arn:") {
            return Some(own.to_owned());
        }
        let resource = self.resource(logical_id)?;
        let path = self.text(resource, "Path");
        let path = path.as_deref().unwrap_or("/");
        let [_, partition, _, region, account, _] = self.stack[..] else {
            return None;
        };
        let regional = |service: &str, rest: &str| {
            Some(format!(
                "arn:{partition}:{service}:{region}:{account}:{rest}"
            ))
        };
        match held.kind.as_str() {
            "AWS::IAM::Role" => Some(format!("arn:{partition}:iam::{account}:role{path}{own}")),
            "AWS::IAM::User" => Some(format!("arn:{partition}:iam::{account}:user{path}{own}")),
            "AWS::Lambda::Function" => regional("lambda", &format!("function:{own}")),
            "AWS::Logs::LogGroup" => regional("logs", &format!("log-group:{own}:*")),
            "AWS::KMS::Key" => regional("kms", &format!("key/{own}")),
            "AWS::CloudWatch::Alarm" => regional("cloudwatch", &format!("alarm:{own}")),
            "AWS::Events::Rule" => regional("events", &format!("rule/{own}")),
            _ => None,
        }
    }

    fn substitute(&self, text: &str) -> Option<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, next) = after.split_once('}')?;
            result.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => result.extend(["${", literal, "}"]),
                None => result.push_str(&self.reference(name)?),
            }
            rest = next;
        }
        Some(result + rest)
    }
}
