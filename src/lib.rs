//! keyrota, a rota for keys.
//!
//! The rooms: [`model`] knows the manifest; [`bundle`] packs the function;
//! [`plan`] decides over what was observed; [`port`] says what the engine needs
//! of the world; `aws` is that world through the SDKs.

#[cfg(feature = "aws")]
pub mod aws;
pub mod bundle;
pub mod model;
pub mod plan;
pub mod port;
