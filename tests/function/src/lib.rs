//! What the tests of the functions share.
//!
//! | module | content |
//! | --- | --- |
//! | [`secrets`] | the secrets of a fake, with Secrets Manager's rules for versions and labels |
//! | [`request`] | running one request to its end, or to the death of its process |
//! | [`output`] | the output of the requests, which must contain no secret |
//! | [`search`] | the exhaustive searches for violated invariants |
//! | [`others`] | what Secrets Manager and an operator do while a function runs |
//! | [`twice`] | two runs at the same time, interleaved at every call |

pub mod others;
pub mod output;
pub mod request;
pub mod search;
pub mod secrets;
pub mod twice;

/// The searches make and drop millions of states.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
