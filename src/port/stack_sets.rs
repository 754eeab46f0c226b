//! CloudFormation StackSets.

use async_trait::async_trait;
use serde::Serialize;

use super::Result;

/// The account that a call to a StackSet with service-managed permissions is made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallAs {
    /// The organization's management account.
    Management,
    /// A delegated administrator.
    DelegatedAdministrator,
}

/// A stack of a StackSet, or one that it is to create (`API_StackInstanceSummary`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StackSetInstance {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The unit through which the account was selected, if CloudFormation reports one.
    pub unit: Option<String>,
    /// Whether the stack has the current template and parameters: `CURRENT`, `OUTDATED`, or
    /// `INOPERABLE`.
    pub status: String,
    /// The status of the last operation, such as `SUCCEEDED`, `PENDING`, or `FAILED`.
    pub operation: String,
    /// Why, if CloudFormation reports it.
    pub reason: Option<String>,
    /// The ID of the stack, an ARN. Without one, the stack was not created.
    pub stack_id: Option<String>,
}

/// CloudFormation, as the administrator of StackSets uses it.
#[async_trait(?Send)]
pub trait StackSets {
    /// Returns the stacks of a StackSet, or `None` if the StackSet does not exist
    /// (`cloudformation:ListStackInstances`).
    async fn stack_set_instances(
        &self,
        name: &str,
        call_as: CallAs,
    ) -> Result<Option<Vec<StackSetInstance>>>;
}
