//! The whole program against the local AWS: the real command line, the real
//! rotation function, and what AWS holds before and after.
//!
//! Each test has an account of its own: an emulator on its own port, with a
//! folder that is the program's home and working directory. A prerequisite that
//! is missing fails by its name; nothing is skipped.

mod adopt;
mod application;
mod artifact;
mod bundle;
mod change;
mod conformance;
mod cut;
mod database;
mod doctor;
mod emulator;
mod environment;
mod exec;
mod fleet;
mod forged;
mod generate;
mod hostile;
mod init;
mod interrupt;
mod least;
mod life;
mod manifest;
mod matrix;
mod offline;
mod pins;
mod refused;
mod restore;
mod sandbox;
mod stack;
mod stages;
mod status;
mod strict;
mod stuck;
mod sweep;
mod upgrade;
