//! Snapshots at work: natively over memory, in browsers over IndexedDB.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)] // tests

#[path = "../environment/mod.rs"]
mod environment;
mod suite;

entry! {
    a_load_begins_with_the_latest_snapshot
    every_policy_gives_the_same_states
    the_last_ones_are_kept
    what_the_policy_never_takes_is_not_read
    a_snapshot_is_taken_after_a_slow_load_and_not_too_soon_after_the_last
    taken_listed_and_discarded_by_hand
    the_past_begins_with_the_nearest_snapshot_before_it
    pending_events_are_in_no_snapshot
    what_a_rebase_rolls_back_was_in_no_snapshot
    what_was_confirmed_meanwhile_gets_its_snapshot
    damaged_snapshots_are_replaced
    a_snapshot_of_another_history_is_removed
    a_tab_that_is_behind_catches_up_with_a_snapshot
    tabs_take_snapshots_at_once
    a_state_that_json_would_change_is_not_kept
    snapshots_are_compressed_where_they_can_be
    storage_that_refuses_snapshots_harms_nobody
}
