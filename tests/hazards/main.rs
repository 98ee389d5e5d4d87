//! Hazards of event sourcing that others ran into, each with the test that fails if its cure is removed. Some need a server: a position
//! taken before its commit is in `server/tests/server/contract/eager.rs`, a server restored from a backup and another log under the
//! same address are in `server/tests/devices/restored.rs`.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod dead_letter_and_go_on;
#[path = "../support/mod.rs"]
mod domain;
mod no_stream_is_version_0;
mod old_app_meets_new_event;
mod redecision_of_a_binding_fact;
mod replay_triggers_a_side_effect;
mod snapshot_of_old_code;
#[allow(dead_code, unreachable_pub)] // the tests of projections use more of it
#[path = "../projections/stage.rs"]
mod stage;
mod structural_equality_as_dedupe;
mod unlocked_version_read;
mod upcaster_skipped_on_one_path;
mod view_without_checkpoint;
mod waiting_called_consistency;
