//! A StackSet, which only its administrator sees.

use async_trait::async_trait;

use super::FakeAws;
use crate::port::{CallAs, Result, StackSetInstance, StackSets};

#[async_trait(?Send)]
impl StackSets for FakeAws {
    async fn stack_set_instances(
        &self,
        name: &str,
        _: CallAs,
    ) -> Result<Option<Vec<StackSetInstance>>> {
        self.act("cloudformation:ListStackInstances", |state| {
            Ok(state.stack_sets.get(name).cloned())
        })
        .await
    }
}
