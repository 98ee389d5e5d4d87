//! Commits that no app has decided are refused, and those that one has are not: over HTTP, on each database.

mod desk;
mod forged;
mod honest;

use crate::{contract::Place, kit::*};
use desk::Desk;
use serde_json::{Value, json};
use std::sync::Arc;
use tidelog::{
    commit::{Command, Commit},
    event::Event,
    id::{DeviceId, EventId},
    json::Json,
    metadata::Metadata,
    sync::protocol::{Problem, PushResult},
    version::{ExpectedVersion::Exact, Version},
};
use tidelog_server::{Config, Domain, Rules};

/// A server with the desk's rules.
async fn desk(place: &impl Place, more: fn(Domain) -> Domain) -> Running {
    let rules = Rules::start(move || Ok(more(Domain::default().aggregate::<Desk>()?))).unwrap();
    start(Config { rules: Some(rules), ..config_over(place.open()) }).await
}

fn as_it_is(domain: Domain) -> Domain {
    domain
}

/// A commit to `desk-1` that says these events.
fn said(version: Version, ask: Option<(&str, Value)>, events: &[(&str, Value)]) -> Commit {
    let json = |value: &Value| Json::parse(value.to_string()).unwrap();
    let event = |(event_type, data): &(&str, Value)| Event {
        id: EventId(id()),
        event_type: (*event_type).into(),
        data: json(data),
        ..event("null")
    };
    Commit {
        command: ask
            .map(|(command_type, data)| Command { command_type: command_type.into(), data: json(&data) }),
        events: events.iter().map(event).collect(),
        ..commit("desk-1", Exact(version), 0)
    }
}

fn added(version: Version, amount: u32, total: u32) -> Commit {
    said(
        version,
        Some(("Add", json!({ "amount": amount }))),
        &[("Added", json!({ "amount": amount, "total": total }))],
    )
}

/// As another device has decided it.
fn elsewhere(commit: Commit) -> Commit {
    let device_id = DeviceId(uuid::Uuid::from_u128(77));
    Commit { metadata: Arc::new(Metadata { device_id, ..metadata() }), ..commit }
}

fn rebased(commit: Commit, since: Version) -> Commit {
    Commit { generation: 1, since: Some(since), ..commit }
}

#[track_caller]
fn refused(outcome: &tidelog::sync::protocol::PushOutcome) -> &Problem {
    match &outcome.result {
        PushResult::Rejected { problem } => problem,
        other => panic!("{other:?} instead of rejected"),
    }
}

/// Makes one test of each case on each database.
macro_rules! on_each {
    ($($module:ident { $($case:ident)* })*) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$module::$case(crate::contract::File::default()).await;
                }
            )*)*
        }
        mod postgres {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$module::$case(crate::postgres::Shared::default()).await;
                }
            )*)*
        }
    };
}

on_each! {
    forged {
        what_no_decision_gives_is_refused
        a_claim_to_have_been_rebased_opens_no_door
        what_nobody_decided_is_taken_only_if_the_server_says_so
        whose_and_when_can_be_bound
    }
    honest {
        what_was_decided_is_taken
        what_was_rebased_is_taken
        a_push_that_arrives_again_is_looked_at_where_it_stands
        pushes_at_once_are_each_decided_on_what_they_land_on
        a_long_stream_is_read_in_parts
    }
}
