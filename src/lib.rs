//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest.

pub mod model;
