//! For tests: stories about an app's rules ([`given`]), a server without a network, contract suites, deterministic surroundings
//! and faults to inject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)] // tests, all of it

mod block_on;
#[cfg(target_arch = "wasm32")]
mod browser;
mod database;
mod faulty;
pub mod given;
pub mod log_contract;
mod sample;
mod server;
pub mod store_contract;
mod surroundings;

pub use block_on::block_on;
#[cfg(target_arch = "wasm32")]
pub use browser::BrowserDatabase;
pub use database::{Database, flip_bit, overwrite, rows};
pub use faulty::{Fault, Faults, FaultyStore};
pub use sample::{NOW, Samples, confirm, stream};
pub use server::{InProcessServer, Line};
pub use surroundings::ManualEnvironment;
