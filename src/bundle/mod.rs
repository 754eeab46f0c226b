//! The function's deployment package: bytes in, bytes out.
//!
//! A [`Bundle`] is a zip that Lambda can run: a value of this type has been checked. It
//! comes either from an executable ([`Bundle::pack`]) or from a zip that somebody else
//! made ([`Bundle::inspect`]); both check the same things and report every fault, not
//! only the first. This room imports nothing of ours and touches neither files nor
//! processes.

mod archive;
mod authorities;
mod digest;
mod elf;
mod fault;
mod pinned;
#[cfg(test)]
pub(crate) mod sample;

pub use archive::Bundle;
pub use authorities::Authorities;
pub use digest::{sha256_base64, sha256_hex};
pub use elf::{NEWEST_GLIBC, check};
pub use fault::{Machine, PackageFault, Refused, Version};
pub use pinned::Pinned;
