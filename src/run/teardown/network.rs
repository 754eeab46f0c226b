//! The network interfaces of a function in a VPC.

use std::cell::Cell;

use crate::model::Model;
use crate::port::{Event, Listener, Stage};
use crate::render::Strategy;

/// Passes events on, and adds a stage when the deletion of a function in a VPC starts.
/// CloudFormation waits until Lambda has deleted the function's network interfaces.
pub(super) struct InterfaceListener<'a> {
    listener: &'a dyn Listener,
    /// Whether the stage will be added.
    expected: Cell<bool>,
}

impl<'a> InterfaceListener<'a> {
    /// Returns a listener that passes events of the model's stack on to `listener`.
    pub(super) fn new(listener: &'a dyn Listener, model: &Model) -> Self {
        Self {
            listener,
            expected: Cell::new(model.has_function_in_vpc()),
        }
    }
}

impl Listener for InterfaceListener<'_> {
    fn on(&self, event: Event) {
        let starts = match &event {
            Event::Resource {
                logical_id, status, ..
            } => {
                let mut functions = Strategy::ALL.into_iter().filter(|it| it.uses_network());
                functions.any(|it| logical_id == it.function()) && status == "DELETE_IN_PROGRESS"
            }
            _ => false,
        };
        self.listener.on(event);
        if starts && self.expected.replace(false) {
            self.listener.on(Event::Stage(Stage::DeletingInterfaces));
        }
    }
}
