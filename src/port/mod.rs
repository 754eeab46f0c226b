//! The ports: what the engine needs of the world, without a type of the SDK.

mod event;

pub use event::{Event, Listener, Stage};
