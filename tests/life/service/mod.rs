//! Passwords of services: the real program and function, the local AWS, and a service over HTTPS or an
//! adapter in the local Lambda.

pub mod adapter;
mod client;
pub mod function;
pub mod portal;
pub mod site;
mod trouble;
mod whole;
