//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest; [`port`] says what the engine needs
//! of the world; `aws` is that world through the SDKs.

#[cfg(feature = "aws")]
pub mod aws;
pub mod model;
pub mod plan;
pub mod port;
