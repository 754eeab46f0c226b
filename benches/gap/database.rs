//! What the tests of databases share.

#[path = "../../tests/life/database/client.rs"]
pub mod client;
#[path = "../../tests/life/database/function.rs"]
pub mod function;
#[path = "../../tests/life/database/rotation.rs"]
pub mod rotation;
#[path = "../../tests/life/database/site.rs"]
pub mod site;
#[path = "../../tests/life/database/test_server.rs"]
pub mod test_server;
