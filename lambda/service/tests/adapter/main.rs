//! Tests the adapters: requests over HTTPS to servers on 127.0.0.1, and invocations of functions to an
//! endpoint there.

mod function;
mod hostile;
mod http;
mod request;
mod server;
