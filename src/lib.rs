//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest; [`port`] says what the engine needs
//! of the world.

pub mod model;
pub mod port;
