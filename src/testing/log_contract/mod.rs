//! The contract of [`Log`], as tests that run over any storage: natively over memory, in browsers over IndexedDB.

mod appending;
mod damage;
mod faults;
mod following;
mod pulling;
mod reading;
mod tabs;

pub use appending::*;
pub use damage::*;
pub use faults::*;
pub use following::*;
pub use pulling::*;
pub use reading::*;
pub use tabs::*;

use super::{Database, NOW};
use crate::{
    event::RecordedEvent,
    log::{Authority, Draft, Log, Place, Query, store::Store},
    version::Version,
};

/// Names every test of the suite to a macro, which makes an entry for each in its own environment.
#[macro_export]
macro_rules! log_contract {
    ($entry:ident) => {
        $entry! {
            an_append_is_there_at_once_and_after_opening_again
            a_pending_append_is_there_at_once_and_after_opening_again
            expected_versions_are_kept
            a_conflict_brings_the_missing_events
            drafts_are_appended_all_or_none
            drafts_of_one_stream_build_on_each_other
            invalid_commits_are_refused
            a_commit_is_pending_once
            every_field_comes_back
            a_large_append_is_cut_into_blocks_between_commits
            overlapping_appends_share_rows
            merging_keeps_order_and_content
            merging_leaves_large_blocks_alone
            the_streams_are_listed
            the_device_keeps_its_id
            pushes_are_counted
            a_closed_log_says_so

            tabs_append_at_once_without_hole_or_double
            tabs_append_to_the_queue_at_once_without_hole_or_double
            a_tab_that_is_behind_judges_by_what_is_stored
            a_tab_catches_up_with_appends_and_changes
            a_tab_that_is_behind_a_merge_can_not_append_under_an_old_key
            a_tab_that_is_behind_a_merge_still_reads
            tabs_merge_and_append_at_once
            tabs_agree_on_the_device
            tabs_count_pushes_together
            a_device_is_renamed_once_for_all_tabs
            a_rejected_commit_is_resolved_once

            a_pull_settles_pending_commits
            a_pull_rewrites_the_commits_that_it_moves
            a_block_between_two_that_change_keeps_its_place
            a_rejected_commit_is_kept_with_its_reason
            sequences_are_never_given_again
            a_change_computed_from_an_older_head_is_stale
            a_change_that_does_not_fit_is_refused
            a_large_pull_is_cut_into_blocks
            a_log_of_this_device_is_handed_over_to_a_server
            a_log_of_a_server_stays_so

            the_past_of_a_stream_comes_between_the_others
            streams_are_forgotten_with_what_is_derived_from_them

            a_stream_is_loaded_from_any_version_on
            pages_of_any_size_join_to_the_whole
            queries_select
            reading_goes_on_while_the_log_grows
            confirmed_commits_come_in_pages
            pending_commits_come_in_pages

            a_damaged_body_is_named_and_the_rest_is_readable
            an_unreadable_block_is_named_and_nothing_is_appended
            a_damaged_directory_is_read_from_its_block
            a_missing_row_is_named
            a_block_of_a_newer_format_is_named
            a_damaged_head_is_named
            a_damaged_rejected_commit_is_named

            a_full_disk_fails_the_append_and_nothing_else
            an_append_whose_answer_was_lost_is_there_once
            a_caller_that_goes_away_harms_nobody
            a_tab_that_dies_loses_nothing_it_had_promised
        }
    };
}

/// Opens another tab.
async fn open<D: Database>(database: &D, authority: Authority) -> Log<D::Store> {
    Log::open(database.holder().await, authority).await.unwrap()
}

async fn append<S: Store>(log: &Log<S>, draft: Draft) -> Version {
    log.append(vec![draft], vec![], NOW).await.unwrap()[0].first_version
}

/// All events, in order, page by page.
async fn all<S: Store>(log: &Log<S>) -> Vec<RecordedEvent> {
    pages(log, &Query::default(), 1_000).await
}

async fn pages<S: Store>(log: &Log<S>, query: &Query, limit: usize) -> Vec<RecordedEvent> {
    let (mut events, mut from) = (Vec::new(), if query.backwards { Place::END } else { Place::START });
    loop {
        let page = log.read(query, from, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        events.extend(page.events);
        match page.next {
            Some(next) => {
                assert_ne!(next, from, "a page that leads nowhere");
                from = next;
            }
            None => return events,
        }
    }
}

/// What a reader can tell about the log: the same for every tab that has caught up, and after opening again.
async fn told<S: Store>(log: &Log<S>) -> String {
    let mut told = String::new();
    for name in log.streams(None) {
        let events = log.load(&name, 0).await.unwrap();
        assert_eq!(events.len() as u64, log.version(&name), "{name}");
        assert!(events.iter().zip(1..).all(|(event, version)| event.version == version), "{name}");
        let confirmed = events.iter().filter(|event| event.is_confirmed()).count() as u64;
        assert_eq!(confirmed, log.confirmed_version(&name), "{name}");
        told += &format!("{name} {events:?}\n");
    }
    let read = all(log).await;
    let head = log.head();
    assert_eq!(read.len() as u64, head.confirmed_events + head.pending_events);
    told += &format!("{read:?}\n{head:?}\n{:?}\n", log.pending(0, usize::MAX, usize::MAX).await.unwrap());
    told + &format!("{:?}", log.rejected().await.unwrap())
}

/// Checks that a log is in itself consistent and that another tab, opened now, is told the same.
#[track_caller]
fn check<'a, D: Database>(database: &'a D, log: &'a Log<D::Store>) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let again = open(database, log.authority()).await;
        let (here, there) = (told(log).await, told(&again).await);
        assert_eq!(here, there, "another tab sees something else; {caller}");
        again.close();
    }
}
