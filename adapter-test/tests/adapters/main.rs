//! Adapters on the mock service, and the shipped adapters on real servers.

mod broken;
mod files;
mod programs;
mod restored;
mod shipped;
mod trial;
