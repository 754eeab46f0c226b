//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest; [`bundle`] packs the function and
//! [`build`] builds it; [`port`] says what the engine needs of the world;
//! [`sandbox`] runs a local AWS; [`tool`] starts other people's programs.

pub mod build;
pub mod bundle;
pub mod model;
pub mod port;
pub mod sandbox;
pub mod tool;
