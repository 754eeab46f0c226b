//! Resolves the stack's references as CloudFormation will, as far as the values are known
//! before deployment. Policies are thus shown and measured as IAM will see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arn::SUFFIX;
use super::tree::{Mapping, Value};
use crate::model::{AccountId, Model, Region};

/// The length of a KMS key's ID.
pub const KEY_ID_LENGTH: usize = 36;

/// A value in a stack cannot be resolved: a defect in the templates.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot resolve the rendered stack: {0}")]
pub struct ResolveError(String);

/// The values that CloudFormation knows and the manifest may not specify.
#[derive(Clone, Debug)]
pub struct Resolver {
    partition: String,
    suffix: String,
    region: String,
    account: String,
    key: Option<String>,
    resources: Arc<BTreeMap<String, Named>>,
}

/// The parts of a resource's ARN.
#[derive(Clone, Debug)]
struct Named {
    kind: String,
    /// The name that the stack assigns. If absent, CloudFormation generates one.
    name: Option<String>,
    /// An IAM resource's path, if it has one.
    path: Option<String>,
}

impl Resolver {
    /// Returns a resolver without known values, with which `${AWS::Region}` stays as it is.
    pub fn placeholders() -> Self {
        Self {
            partition: "${AWS::Partition}".to_owned(),
            suffix: "${AWS::URLSuffix}".to_owned(),
            region: "${AWS::Region}".to_owned(),
            account: "${AWS::AccountId}".to_owned(),
            key: None,
            resources: Arc::default(),
        }
    }

    /// Returns the values that the manifest specifies.
    pub fn of(model: &Model) -> Self {
        Self::at(model.region.as_ref(), model.account.as_ref())
    }

    /// Returns the values that follow from a Region and an account, if they are known.
    pub fn at(region: Option<&Region>, account: Option<&AccountId>) -> Self {
        let mut resolver = Self::placeholders();
        if let Some(region) = region {
            resolver = resolver.with_region(region.as_str());
            resolver.partition = region.partition().to_owned();
            resolver.suffix = region.dns_suffix().to_owned();
        }
        if let Some(account) = account {
            resolver.account = account.to_string();
        }
        resolver
    }

    /// Returns a resolver whose unknown values are not shorter than in AWS, for comparing lengths
    /// with AWS's limits.
    pub fn longest(model: &Model) -> Self {
        let known = Self::of(model);
        let unknown = model.region.is_none();
        let or = |text: String, longest: &str| if unknown { longest.to_owned() } else { text };
        Self {
            partition: or(known.partition, "aws-us-gov"),
            suffix: or(known.suffix, "amazonaws.com.cn"),
            region: or(known.region, "us-isof-south-1"),
            account: "0".repeat(12),
            key: Some("0".repeat(KEY_ID_LENGTH)),
            resources: Arc::default(),
        }
    }

    /// Returns the resolver with this Region.
    #[must_use]
    pub fn with_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Returns the resolver with the resources of a stack, to which `!Ref` and `!GetAtt` can
    /// refer.
    #[must_use]
    pub fn with_resources(mut self, stack: &Value) -> Self {
        let mut known = BTreeMap::clone(&self.resources);
        for (id, resource) in resources(stack) {
            let text = |key: &str| {
                let value = resource.get("Properties")?.get(key)?;
                value.as_str().map(str::to_owned)
            };
            let named = Named {
                kind: type_of(resource).to_owned(),
                name: ["Name", "UserName", "LogGroupName"]
                    .into_iter()
                    .find_map(text),
                path: text("Path"),
            };
            known.insert(id.to_owned(), named);
        }
        self.resources = Arc::new(known);
        self
    }

    /// Returns the resolver with the resources of another one.
    #[must_use]
    pub fn with_resources_of(mut self, other: &Self) -> Self {
        self.resources = Arc::clone(&other.resources);
        self
    }

    /// Returns an ARN in the Region and account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
            ..
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// Returns an ARN of IAM, which has no Region.
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }

    /// Returns the ARN of a policy that AWS manages.
    pub fn aws_policy_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.partition)
    }

    /// Returns an ARN of S3, which has neither Region nor account.
    pub fn s3_arn(&self, resource: &str) -> String {
        format!("arn:{}:s3:::{resource}", self.partition)
    }

    /// Returns the ARN of a secret by its name.
    pub fn secret_arn(&self, name: &str) -> String {
        self.arn("secretsmanager", &format!("secret:{name}{SUFFIX}"))
    }

    /// Returns the account number, or its placeholder.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the Region, or its placeholder.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the service name for which the condition key `kms:ViaService` identifies calls
    /// by Secrets Manager.
    pub fn via_secrets_manager(&self) -> String {
        self.regional_service("secretsmanager")
    }

    /// Returns the name of a service in the Region, such as `logs.eu-west-1.amazonaws.com`.
    pub fn regional_service(&self, service: &str) -> String {
        format!("{service}.{}.{}", self.region, self.suffix)
    }

    /// Returns the value with every reference resolved.
    ///
    /// # Errors
    ///
    /// Returns a reference without a target, or one of a kind that the templates do not use.
    pub fn resolve(&self, value: &Value) -> Result<Value, ResolveError> {
        Ok(match value {
            Value::Tagged(tagged) if tagged.tag == "Join" => self.join(&tagged.value)?,
            Value::Tagged(tagged) => {
                let text = tagged.value.as_str();
                let text = text.ok_or_else(|| ResolveError(format!("{tagged:?}")))?;
                Value::String(if tagged.tag == "Ref" {
                    self.reference(text)?
                } else if tagged.tag == "GetAtt" {
                    self.attribute(text)?
                } else if tagged.tag == "Sub" {
                    self.substitute(text)?
                } else {
                    return Err(ResolveError(format!("the tag {}", tagged.tag)));
                })
            }
            Value::Mapping(entries) => {
                let resolved = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.resolve(value)?)));
                Value::Mapping(resolved.collect::<Result<Mapping, ResolveError>>()?)
            }
            Value::Sequence(items) => {
                let resolved = items.iter().map(|item| self.resolve(item));
                Value::Sequence(resolved.collect::<Result<_, _>>()?)
            }
            _ => value.clone(),
        })
    }

    fn join(&self, parts: &Value) -> Result<Value, ResolveError> {
        let refused = || ResolveError(format!("{parts:?}"));
        let resolved = self.resolve(parts)?;
        let between = resolved.at(0).and_then(Value::as_str);
        let texts = resolved.at(1).and_then(Value::as_sequence);
        let texts = texts.into_iter().flatten().map(Value::as_str);
        let texts: Option<Vec<&str>> = texts.collect();
        let (between, texts) = between.zip(texts).ok_or_else(refused)?;
        Ok(Value::String(texts.join(between)))
    }

    fn reference(&self, name: &str) -> Result<String, ResolveError> {
        match name {
            "AWS::Partition" => return Ok(self.partition.clone()),
            "AWS::Region" => return Ok(self.region.clone()),
            "AWS::AccountId" => return Ok(self.account.clone()),
            "AWS::URLSuffix" => return Ok(self.suffix.clone()),
            _ => {}
        }
        let resource = self.resources.get(name);
        let resource = resource.ok_or_else(|| ResolveError(format!("a reference to `{name}`")))?;
        Ok(match (resource.kind.as_str(), &resource.name) {
            ("AWS::SecretsManager::Secret", Some(secret)) => self.secret_arn(secret),
            ("AWS::SNS::Topic", _) => self.arn("sns", &format!("${{{name}}}")),
            (_, Some(own)) => own.clone(),
            (_, None) => format!("${{{name}}}"),
        })
    }

    /// Returns the value of `!GetAtt` for a path. It supports only ARNs.
    ///
    /// # Errors
    ///
    /// Returns the path if it has no target.
    pub fn attribute(&self, path: &str) -> Result<String, ResolveError> {
        let refused = || ResolveError(format!("the attribute `{path}`"));
        let id = path.strip_suffix(".Arn").ok_or_else(refused)?;
        let Named { kind, name, path } = self.resources.get(id).ok_or_else(refused)?;
        let own = name.clone().unwrap_or_else(|| format!("${{{id}}}"));
        let path = path.as_deref().unwrap_or("/");
        match kind.as_str() {
            "AWS::IAM::Role" => Ok(self.iam_arn(&format!("role{path}{own}"))),
            "AWS::IAM::User" => Ok(self.iam_arn(&format!("user{path}{own}"))),
            "AWS::Lambda::Function" => Ok(self.arn("lambda", &format!("function:{own}"))),
            // CloudFormation's attribute has this ending, which covers the log group's streams.
            "AWS::Logs::LogGroup" => Ok(self.arn("logs", &format!("log-group:{own}:*"))),
            "AWS::KMS::Key" => {
                let key = self.key.clone().unwrap_or(own);
                Ok(self.arn("kms", &format!("key/{key}")))
            }
            "AWS::CloudWatch::Alarm" => Ok(self.arn("cloudwatch", &format!("alarm:{own}"))),
            "AWS::Events::Rule" => Ok(self.arn("events", &format!("rule/{own}"))),
            _ => Err(refused()),
        }
    }

    fn substitute(&self, text: &str) -> Result<String, ResolveError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, next) = after
                .split_once('}')
                .ok_or_else(|| ResolveError(format!("`{text}`")))?;
            result.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => result.extend(["${", literal, "}"]),
                None => result.push_str(&self.reference(name)?),
            }
            rest = next;
        }
        result.push_str(rest);
        Ok(result)
    }
}

/// Returns a stack's resources by logical ID, in template order.
pub fn resources(stack: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let resources = stack.get("Resources").and_then(Value::as_mapping);
    let resources = resources.into_iter().flatten();
    resources.filter_map(|(id, resource)| Some((id.as_str()?, resource)))
}

/// Returns a resource's type.
pub fn type_of(resource: &Value) -> &str {
    resource
        .get("Type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns a string that is not a reference.
pub fn literal(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Returns the items of a list. A single value counts as a list with one item.
pub fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (one, many) = match value {
        Some(Value::Sequence(items)) => (None, items.as_slice()),
        other => (other, [].as_slice()),
    };
    one.into_iter().chain(many)
}

/// Returns the target of `!Ref` or `!GetAtt`, in the short or the long form.
pub fn target(value: &Value) -> Option<&str> {
    let (name, value) = match value {
        Value::Tagged(tagged) if tagged.tag == "Ref" => ("Ref", &tagged.value),
        Value::Tagged(tagged) if tagged.tag == "GetAtt" => ("Fn::GetAtt", &tagged.value),
        Value::Mapping(entries) if entries.len() == 1 => {
            let (key, value) = entries.iter().next()?;
            (key.as_str()?, value)
        }
        _ => return None,
    };
    match name {
        "Ref" => literal(value),
        "Fn::GetAtt" => {
            let first = literal(value).or_else(|| literal(value.at(0)?))?;
            first.split('.').next()
        }
        _ => None,
    }
}
