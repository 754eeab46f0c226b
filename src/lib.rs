//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest; [`bundle`] packs the function;
//! [`port`] says what the engine needs of the world.

pub mod bundle;
pub mod model;
pub mod port;
