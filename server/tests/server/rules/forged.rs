//! What a client that was tampered with might push.

use super::*;
use std::time::Duration;
use tidelog::{sync::protocol::problem, time::Timestamp};
use tidelog_server::clock::Clock;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

pub(super) async fn what_no_decision_gives_is_refused(place: impl Place) {
    let server = desk(&place, as_it_is).await;
    assert_eq!(statuses(&server.client.push(&[added(0, 3, 3)]).await), ["committed"]);
    let add = || Some(("Add", json!({ "amount": 2 })));
    let five = json!({ "amount": 2, "total": 5 });
    let mut custom = added(1, 2, 5);
    custom.events[0].custom = Some(Json::parse(r#"{"grade":1}"#).unwrap());
    let mut earlier = added(1, 2, 5);
    earlier.events[0].occurred_at = Some(Timestamp(1));
    let mut shape = added(1, 2, 5);
    shape.events[0].schema_version = 2;
    let unreadable = said(1, add(), &[("Added", json!({ "amount": 2, "total": 5.0 }))]);
    let cases = [
        (said(1, add(), &[("Added", json!({ "amount": 2, "total": 500 }))]), "another data"),
        (said(1, add(), &[("Added", json!({ "amount": 2, "total": 5, "more": 1 }))]), "another data"),
        (said(1, add(), &[("Closed", Value::Null)]), "another type"),
        (
            said(1, add(), &[("Added", five.clone()), ("Closed", Value::Null)]),
            "leads to 1 events, and it has 2",
        ),
        (said(1, add(), &[("Graded", json!({ "grade": 1 }))]), "Graded"),
        (said(1, add(), &[("Added", five.clone()), ("Graded", Value::Null)]), "Graded"),
        (
            said(1, Some(("Close", Value::Null)), &[("Closed", Value::Null)]),
            "leads to 2 events, and it has 1",
        ),
        (
            said(1, Some(("Ponder", Value::Null)), &[("Closed", Value::Null)]),
            "leads to 0 events, and it has 1",
        ),
        (said(1, Some(("Break", Value::Null)), &[("Closed", Value::Null)]), "panicked"),
        (said(1, Some(("Grade", Value::Null)), &[("Closed", Value::Null)]), "can't read command Grade"),
        (said(1, Some(("Add", json!("two"))), &[("Added", five.clone())]), "can't read command Add"),
        (said(1, None, &[("Added", five.clone())]), "without a command"),
        (custom, "another custom"),
        (earlier, "another occurredAt"),
        (shape, "another schemaVersion"),
        // the same number, but none that the domain can read: nobody could fold the stream any more
        (unreadable, "can't be read"),
    ];
    for (forged, part) in cases {
        let pushed = server.client.push(&[forged]).await;
        let problem = refused(&pushed.outcomes[0]);
        assert_eq!(&*problem.problem_type, problem::NOT_DECIDED, "{part}");
        assert!(problem.detail.as_ref().unwrap().contains(part), "{part}: {problem:?}");
        assert_eq!((problem.status, &problem.code), (None, &None));
    }
    // what the domain itself refuses comes in its words; what builds on it waits, and everything else goes on
    let close =
        said(1, Some(("Close", Value::Null)), &[("Emptied", json!({ "total": 3 })), ("Closed", Value::Null)]);
    let other = commit("course-1", Exact(0), 1);
    let pushed = server.client.push(&[close, added(3, 1, 1), added(4, 1, 2), other]).await;
    assert_eq!(statuses(&pushed), ["committed", "rejected", "blocked", "committed"]);
    let problem = refused(&pushed.outcomes[1]);
    assert_eq!(&*problem.problem_type, problem::RULE);
    assert_eq!(
        (problem.detail.as_deref(), problem.code.as_deref()),
        (Some("the desk is closed"), Some("closed"))
    );
    let log = server.client.pull(1000).await;
    check_log(&log);
    assert_eq!(log.len(), 3, "nothing else was written");
}

pub(super) async fn a_claim_to_have_been_rebased_opens_no_door(place: impl Place) {
    let server = desk(&place, as_it_is).await;
    let close =
        said(2, Some(("Close", Value::Null)), &[("Emptied", json!({ "total": 3 })), ("Closed", Value::Null)]);
    let pushed = server.client.push(&[added(0, 1, 1), added(1, 2, 3), close]).await;
    assert_eq!(statuses(&pushed), ["committed"; 3]);
    let sign = |text: &str, total: u32| {
        let asked = Some(("Sign", json!({ "text": "mine" })));
        said(4, asked, &[("Signed", json!({ "text": text, "total": total }))])
    };
    let cases = [
        // a command that is decided again is refused on a closed desk, whatever it was decided on
        rebased(added(4, 1, 4), 2),
        // the total was 1 then, and 3 later
        rebased(sign("mine", 7), 1),
        rebased(sign("yours", 1), 1),
        // nobody could sign then: it was closed, as it is; or at no version that ends a commit
        rebased(sign("mine", 0), 4),
        rebased(sign("mine", 3), 3),
        rebased(sign("mine", 3), 900),
        // not rebased, so on what stands there
        Commit { generation: 0, ..rebased(sign("mine", 3), 2) },
        Commit { since: None, ..rebased(sign("mine", 3), 2) },
    ];
    for forged in cases {
        let pushed = server.client.push(std::slice::from_ref(&forged)).await;
        assert_eq!(refused(&pushed.outcomes[0]).code.as_deref(), Some("closed"), "{forged:?}");
    }
    assert_eq!(statuses(&server.client.push(&[elsewhere(rebased(sign("mine", 3), 2))]).await), ["committed"]);
    check_log(&server.client.pull(1000).await);
}

pub(super) async fn what_nobody_decided_is_taken_only_if_the_server_says_so(place: impl Place) {
    let server = desk(&place, Domain::take_appends).await;
    let appended = said(0, None, &[("Added", json!({ "amount": 9, "total": 9 }))]);
    // and what comes after it is decided on it
    let pushed = server.client.push(&[appended, added(1, 1, 10), added(2, 1, 10)]).await;
    assert_eq!(statuses(&pushed), ["committed", "committed", "rejected"]);
    let strict = desk(&place, as_it_is).await;
    let appended = said(2, None, &[("Added", json!({ "amount": 9, "total": 9 }))]);
    assert_eq!(statuses(&strict.client.push(&[appended]).await), ["rejected"]);
}

pub(super) async fn whose_and_when_can_be_bound(place: impl Place) {
    let rules =
        || Ok(Domain::default().aggregate::<Desk>()?.clock_ahead(Duration::from_secs(60)).bind_actors());
    let rules = Rules::start(rules).unwrap().with_clock(Still);
    let server = start(Config { rules: Some(rules), ..config_over(place.open()) }).await;
    let by = |actor: Option<&str>, ahead: i64| {
        let (actor, occurred_at) = (actor.map(str::to_owned), Timestamp(NOW.0 + ahead));
        Commit { metadata: Arc::new(Metadata { actor, occurred_at, ..metadata() }), ..added(0, 1, 1) }
    };
    // a plain token names nobody
    for (forged, part) in
        [(by(Some("teacher"), 0), "on behalf of another"), (by(None, 60_001), "60001 ms after")]
    {
        let pushed = server.client.push(&[forged]).await;
        let problem = refused(&pushed.outcomes[0]);
        assert!(problem.detail.as_ref().unwrap().contains(part), "{problem:?}");
    }
    assert_eq!(statuses(&server.client.push(&[by(None, 60_000)]).await), ["committed"]);
}
