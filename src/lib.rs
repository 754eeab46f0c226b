//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest; [`port`] says what the engine needs
//! of the world; [`render`] makes of the model a CloudFormation stack.

pub mod model;
pub mod port;
pub mod render;
