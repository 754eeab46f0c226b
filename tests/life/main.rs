//! Tests the whole program against the local AWS: the real command line, the real rotation
//! function, and the state of AWS before and after.
//!
//! Each test has its own account: an emulator on its own port, and a folder that is the
//! program's home and working directory. A missing prerequisite fails with its name, and
//! nothing is skipped.

mod adapter;
mod adopt;
mod alarm;
mod application;
mod artifact;
mod bundle;
mod change;
mod clients;
mod conformance;
mod cut;
mod database;
mod doctor;
mod drift;
mod emulator;
mod encrypt;
mod environment;
mod errors;
mod exec;
mod existing;
mod fields;
mod fleet;
mod follow;
mod forged;
mod generate;
mod hostile;
mod init;
mod interrupt;
mod leak;
mod least;
mod life;
mod locked_out;
mod login;
mod lookup;
mod manifest;
mod matrix;
mod notify;
mod offline;
mod path;
mod pins;
mod refused;
mod rehearsal;
mod replicas;
mod restore;
mod sandbox;
mod service;
mod smtp;
mod stack;
mod stack_set;
mod stages;
mod status;
mod strict;
mod stuck;
mod survey;
mod sweep;
mod terminal;
mod together;
mod upgrade;
