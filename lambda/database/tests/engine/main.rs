//! The drivers against real servers: each fault is produced by a server that
//! really has it. One server an engine is shared, each test has a user of its own.

mod bench;
mod hostile;
mod mariadb;
mod mysql;
mod network;
mod postgres;
mod tls;
