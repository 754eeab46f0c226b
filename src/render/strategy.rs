//! The kinds of credentials that a stack's functions rotate. Each kind has a separate function
//! with its own role and log, so that neither has permissions that only the other needs.

use keyrota_contract::marker;

use super::name;
use crate::model::{Entry, Kind, Model, StackName};

/// The kind of credential that a function rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Access keys of IAM users.
    AccessKeys,
    /// Passwords of database users.
    Databases,
    /// Passwords of users of services, in the manifest's network.
    Services,
    /// Passwords of users of services, outside that network.
    ServicesOutside,
}

/// The code of a function. Functions with the same code differ in what they may act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionCode {
    /// Rotates access keys.
    AccessKeys,
    /// Rotates passwords of databases.
    Databases,
    /// Rotates passwords of services.
    Services,
}

impl FunctionCode {
    /// Every code.
    pub const ALL: [Self; 3] = [Self::AccessKeys, Self::Databases, Self::Services];

    /// Returns the kind of credential that it rotates, as results in JSON name it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::AccessKeys => "access_key",
            Self::Databases => "database",
            Self::Services => "service",
        }
    }

    /// Returns its name in messages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AccessKeys => "the access key function",
            Self::Databases => "the database function",
            Self::Services => "the service function",
        }
    }

    /// Returns the text by which its executable is recognised.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::AccessKeys => marker::ACCESS_KEYS,
            Self::Databases => marker::DATABASES,
            Self::Services => marker::SERVICES,
        }
    }
}

impl Strategy {
    /// Every strategy, in the order of the template.
    pub const ALL: [Self; 4] = [
        Self::AccessKeys,
        Self::Databases,
        Self::Services,
        Self::ServicesOutside,
    ];

    /// Returns the strategy that rotates an entry.
    pub const fn for_entry(entry: &Entry) -> Self {
        match &entry.kind {
            Kind::AccessKey(_) => Self::AccessKeys,
            Kind::Database(_) => Self::Databases,
            Kind::Service(service) if service.in_network => Self::Services,
            Kind::Service(_) => Self::ServicesOutside,
        }
    }

    /// Returns the code of its function.
    pub const fn code(self) -> FunctionCode {
        match self {
            Self::AccessKeys => FunctionCode::AccessKeys,
            Self::Databases => FunctionCode::Databases,
            Self::Services | Self::ServicesOutside => FunctionCode::Services,
        }
    }

    /// Returns whether its function runs in the manifest's network, if there is one.
    pub const fn uses_network(self) -> bool {
        match self {
            Self::AccessKeys | Self::ServicesOutside => false,
            Self::Databases | Self::Services => true,
        }
    }

    /// Returns whether its function makes passwords.
    pub const fn makes_passwords(self) -> bool {
        match self {
            Self::AccessKeys => false,
            Self::Databases | Self::Services | Self::ServicesOutside => true,
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
            Self::Services => "Service",
            Self::ServicesOutside => "ServiceNoVpc",
        }
    }

    /// Returns the logical ID of its function.
    pub const fn function(self) -> &'static str {
        match self {
            Self::AccessKeys => "Function",
            Self::Databases => "DatabaseFunction",
            Self::Services => "ServiceFunction",
            Self::ServicesOutside => "ServiceNoVpcFunction",
        }
    }

    /// Returns the logical ID of its function's role.
    pub const fn role(self) -> &'static str {
        match self {
            Self::AccessKeys => "FunctionRole",
            Self::Databases => "DatabaseFunctionRole",
            Self::Services => "ServiceFunctionRole",
            Self::ServicesOutside => "ServiceNoVpcFunctionRole",
        }
    }

    /// Returns the logical ID of its function's log group.
    pub const fn log_group(self) -> &'static str {
        match self {
            Self::AccessKeys => "FunctionLogGroup",
            Self::Databases => "DatabaseFunctionLogGroup",
            Self::Services => "ServiceFunctionLogGroup",
            Self::ServicesOutside => "ServiceNoVpcFunctionLogGroup",
        }
    }

    /// Returns the logical ID of the permission with which Secrets Manager invokes its
    /// function.
    pub const fn permission(self) -> &'static str {
        match self {
            Self::AccessKeys => "SecretsManagerPermission",
            Self::Databases => "DatabaseSecretsManagerPermission",
            Self::Services => "ServiceSecretsManagerPermission",
            Self::ServicesOutside => "ServiceNoVpcSecretsManagerPermission",
        }
    }

    /// Returns the name of its function's log group.
    pub fn log_group_name(self, stack: &StackName) -> String {
        let group = name::log_group_name(stack);
        match self {
            Self::AccessKeys => group,
            Self::Databases => group + "/database",
            Self::Services => group + "/service",
            Self::ServicesOutside => group + "/service-no-vpc",
        }
    }

    /// Returns the stack parameter for the object key of its function's zip file. The parameter of
    /// a stack's first function is the same for every strategy.
    pub fn key_parameter(self, model: &Model) -> &'static str {
        match self {
            _ if self.is_first(model) => super::KEY_PARAMETER,
            Self::AccessKeys => super::KEY_PARAMETER,
            Self::Databases => super::DATABASE_KEY_PARAMETER,
            Self::Services => "ServiceArtifactKey",
            Self::ServicesOutside => "ServiceNoVpcArtifactKey",
        }
    }

    /// Returns the stack parameter for the version of that object.
    pub fn version_parameter(self, model: &Model) -> &'static str {
        match self {
            _ if self.is_first(model) => super::VERSION_PARAMETER,
            Self::AccessKeys => super::VERSION_PARAMETER,
            Self::Databases => super::DATABASE_VERSION_PARAMETER,
            Self::Services => "ServiceArtifactVersion",
            Self::ServicesOutside => "ServiceNoVpcArtifactVersion",
        }
    }

    /// Returns the stack condition that such a version is set.
    pub fn version_condition(self, model: &Model) -> &'static str {
        match self {
            _ if self.is_first(model) => "HasArtifactVersion",
            Self::AccessKeys => "HasArtifactVersion",
            Self::Databases => "HasDatabaseArtifactVersion",
            Self::Services => "HasServiceArtifactVersion",
            Self::ServicesOutside => "HasServiceNoVpcArtifactVersion",
        }
    }

    /// Returns the stack output with the ARN of its function. The output of a stack's first function
    /// is the same for every strategy.
    pub fn function_output(self, model: &Model) -> &'static str {
        match self.is_first(model) {
            true => super::FUNCTION_OUTPUT,
            false => self.own_output(),
        }
    }

    /// Returns the stack output with the ARN of its function, if another function is the first.
    pub const fn own_output(self) -> &'static str {
        match self {
            Self::AccessKeys => super::FUNCTION_OUTPUT,
            Self::Databases => super::DATABASE_FUNCTION_OUTPUT,
            Self::Services => "ServiceFunctionArn",
            Self::ServicesOutside => "ServiceNoVpcFunctionArn",
        }
    }

    fn is_first(self, model: &Model) -> bool {
        Self::of(model).next() == Some(self)
    }
}
