//! Devices with the real engine and sync machine, on memory logs, against the real server: what must hold however the network
//! behaves.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/academy.rs"]
mod academy;
mod command_ids;
mod copies;
#[path = "../../../tests/support/mod.rs"]
mod domain;
mod middleware;
mod network;
mod offline;
mod processes;
mod random;
mod restored;
mod rules;
mod versions;
mod world;
