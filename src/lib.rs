//! keyrota, a rota for keys.
//!
//! The rooms, in the order data flows through them:
//!
//! - [`model`]: the manifest, checked.
//! - [`render`]: the model as a CloudFormation stack and policies.
//! - [`cost`]: what the model costs a month, by a list of prices.
//! - [`bundle`]: the function's executable as a zip, checked.
//! - [`plan`]: decisions over what was observed.
//! - [`port`]: the traits through which the engine uses AWS.
//! - [`run`]: plans carried out over the ports.
//! - `aws`: the ports, through the SDKs. [`build`]: cargo. [`sandbox`]: a local AWS.
//! - [`embedded`]: the functions that a distribution build contains.
//! - [`system`]: what differs between Linux, macOS, and Windows.
//! - `view`: what people and scripts see. `cli`: arguments, one file a verb.

/// The program's allocator, for its tests. In a sample of them, an eighth of the time was the
/// system's.
#[cfg(all(test, feature = "aws"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "aws")]
pub mod aws;
pub mod build;
pub mod bundle;
#[cfg(feature = "aws")]
pub mod cli;
pub mod cost;
#[cfg(test)]
mod documentation;
pub mod embedded;
pub mod model;
pub mod plan;
pub mod port;
pub mod render;
pub mod run;
pub mod sandbox;
pub mod system;
mod tool;
pub mod view;
