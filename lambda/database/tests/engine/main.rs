//! Tests the drivers against real servers: each fault comes from a server that really has it.
//! The tests share one server per engine, and each test has its own user.

mod accounts;
mod alternate;
mod expiry;
mod hostile;
mod limits;
mod mariadb;
mod mysql;
mod network;
mod pooler;
mod postgres;
mod remedies;
mod test_server;
mod tls;
mod users;
mod version;
