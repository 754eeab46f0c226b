//! Passwords of services: the real program and function, the local AWS, and a service over HTTPS or an
//! adapter in the local Lambda.

pub mod adapter;
mod client;
pub mod function;
pub mod portal;
pub mod site;
mod tested;
mod trouble;
mod whole;
