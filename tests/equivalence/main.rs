//! Laws over random histories: what can be computed in two ways comes out the same.
//!
//! A history is played by [`world::World`]: devices on one server, or tabs on one log, that decide, sync, reload and do their
//! background work in a random order. A law looks at what they hold after every step.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod ledger;
mod projections;
mod snapshots;
mod transfer;
mod upcasting;
mod world;
