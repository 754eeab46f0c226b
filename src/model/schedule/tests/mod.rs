//! The grammar by examples, and the windows against a calendar of the tests' own.

mod brute;
mod examples;
mod property;
