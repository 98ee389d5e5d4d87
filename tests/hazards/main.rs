//! Hazards of event sourcing that others ran into, each with the test that fails if its cure is removed.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod no_stream_is_version_0;
mod snapshot_of_old_code;
