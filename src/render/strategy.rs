//! The kinds of credentials that a stack's functions rotate. Each kind has a separate function
//! with its own role and log, so that neither has permissions that only the other needs.

use super::name;
use crate::model::{Entry, Kind, Model, StackName};

/// The kind of credential that a function rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Access keys of IAM users.
    AccessKeys,
    /// Passwords of database users.
    Databases,
}

impl Strategy {
    /// Every strategy, in the order of the template.
    pub const ALL: [Self; 2] = [Self::AccessKeys, Self::Databases];

    /// Returns the strategy that rotates an entry.
    pub const fn for_entry(entry: &Entry) -> Self {
        match &entry.kind {
            Kind::AccessKey(_) => Self::AccessKeys,
            Kind::Database(_) => Self::Databases,
        }
    }

    /// Returns the entries that the strategy rotates, in the order of the manifest.
    pub fn entries(self, model: &Model) -> impl Iterator<Item = &Entry> {
        let entries = model.entries.iter();
        entries.filter(move |entry| Self::for_entry(entry) == self)
    }

    /// Returns the strategies that the manifest has entries for.
    pub fn of(model: &Model) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(|strategy| strategy.entries(model).next().is_some())
    }

    /// Returns the prefix of its resources' logical IDs.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AccessKeys => "",
            Self::Databases => "Database",
        }
    }

    /// Returns the logical ID of its function.
    pub const fn function(self) -> &'static str {
        match self {
            Self::AccessKeys => "Function",
            Self::Databases => "DatabaseFunction",
        }
    }

    /// Returns the logical ID of its function's role.
    pub const fn role(self) -> &'static str {
        match self {
            Self::AccessKeys => "FunctionRole",
            Self::Databases => "DatabaseFunctionRole",
        }
    }

    /// Returns the logical ID of its function's log group.
    pub const fn log_group(self) -> &'static str {
        match self {
            Self::AccessKeys => "FunctionLogGroup",
            Self::Databases => "DatabaseFunctionLogGroup",
        }
    }

    /// Returns the logical ID of the permission with which Secrets Manager invokes its
    /// function.
    pub const fn permission(self) -> &'static str {
        match self {
            Self::AccessKeys => "SecretsManagerPermission",
            Self::Databases => "DatabaseSecretsManagerPermission",
        }
    }

    /// Returns the name of its function's log group.
    pub fn log_group_name(self, stack: &StackName) -> String {
        let group = name::log_group_name(stack);
        match self {
            Self::AccessKeys => group,
            Self::Databases => group + "/database",
        }
    }

    /// Returns the stack parameter for the object key of its function's zip file. In a stack
    /// with one function, the parameter is the same for every strategy.
    pub fn key_parameter(self, model: &Model) -> &'static str {
        match self.is_second(model) {
            false => super::KEY_PARAMETER,
            true => super::DATABASE_KEY_PARAMETER,
        }
    }

    /// Returns the stack parameter for the version of that object.
    pub fn version_parameter(self, model: &Model) -> &'static str {
        match self.is_second(model) {
            false => super::VERSION_PARAMETER,
            true => super::DATABASE_VERSION_PARAMETER,
        }
    }

    /// Returns the stack condition that such a version is set.
    pub fn version_condition(self, model: &Model) -> &'static str {
        match self.is_second(model) {
            false => "HasArtifactVersion",
            true => "HasDatabaseArtifactVersion",
        }
    }

    /// Returns the stack output with the ARN of its function. In a stack with one function, the
    /// output is the same for every strategy.
    pub fn function_output(self, model: &Model) -> &'static str {
        match self.is_second(model) {
            false => super::FUNCTION_OUTPUT,
            true => super::DATABASE_FUNCTION_OUTPUT,
        }
    }

    fn is_second(self, model: &Model) -> bool {
        self == Self::Databases && Self::AccessKeys.entries(model).next().is_some()
    }
}
