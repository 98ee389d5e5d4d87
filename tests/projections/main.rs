//! Projections at work, over the memory log: stored rows and checkpoints, several tabs, versions, failures, queries.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

mod crashes;
mod failures;
mod kinds;
mod queries;
mod rebuilds;
mod stage;
mod tabs;
