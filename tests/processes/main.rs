//! Process managers over the memory log: stories, crashes at every write, tabs, time.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../support/academy.rs"]
mod academy;
mod bounds;
mod crashes;
mod interleavings;
mod parked;
mod pending;
mod stories;
