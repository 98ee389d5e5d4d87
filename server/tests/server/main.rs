//! The tests of the server: one binary, so that it is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing test shall panic")]

mod access;
mod archiving;
mod arguments;
mod backups;
mod browsers;
mod connections;
mod contract;
mod crash;
mod documented;
mod feed;
mod kit;
mod live;
mod openapi;
mod operating;
mod postgres;
mod process;
mod push_and_pull;
mod refusals;
mod rules;
mod schemathesis;
mod shutdown;
mod sqlite_file;
mod throughput;
mod verifying;
