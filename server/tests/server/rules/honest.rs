//! What apps push that have decided by the same rules.

use super::*;
use tidelog::version::ExpectedVersion;

pub(super) async fn what_was_decided_is_taken(place: impl Place) {
    let server = desk(&place, as_it_is).await;
    let stamped = |version: Version| {
        let knew =
            json!({ "at": NOW.0, "by": "learner-7", "version": version, "again": false, "arrived": 0 });
        said(version, Some(("Stamp", Value::Null)), &[("Stamped", knew)])
    };
    // written otherwise, with the keys in another order
    let mut spaced = added(1, 2, 5);
    spaced.events[0].data = Json::parse("{ \"total\" : 5,\n \"amount\":2 }").unwrap();
    let none = Commit { expected_version: ExpectedVersion::None, ..added(0, 3, 3) };
    let close =
        said(3, Some(("Close", Value::Null)), &[("Emptied", json!({ "total": 5 })), ("Closed", Value::Null)]);
    let pushed = server.client.push(&[none, spaced, stamped(2), close]).await;
    assert_eq!(statuses(&pushed), ["committed"; 4]);
    check_log(&server.client.pull(1000).await);
}

pub(super) async fn what_was_rebased_is_taken(place: impl Place) {
    let server = desk(&place, as_it_is).await;
    let write = |version, text: &str, says: &str| {
        said(version, Some(("Write", json!({ "text": text }))), &[("Written", json!({ "text": says }))])
    };
    let knew = json!({ "at": NOW.0, "by": "learner-7", "version": 3, "again": true, "arrived": 2 });
    let stamped = said(3, Some(("Stamp", Value::Null)), &[("Stamped", knew)]);
    let signed =
        said(4, Some(("Sign", json!({ "text": "a" }))), &[("Signed", json!({ "text": "a", "total": 1 }))]);
    let commits = [
        added(0, 1, 1),
        elsewhere(added(1, 1, 2)),
        elsewhere(write(2, "theirs", "theirs")),
        // decided on 1, where two events of others have arrived
        rebased(stamped, 1),
        // binding: the total was 1 when it was signed
        rebased(signed, 1),
        // both sides
        rebased(write(5, "mine", "theirs|mine"), 1),
        // decided once more, and the same comes of it
        rebased(added(6, 1, 3), 5),
    ];
    for commit in commits {
        let pushed = server.client.push(std::slice::from_ref(&commit)).await;
        assert_eq!(statuses(&pushed), ["committed"], "{commit:?}: {pushed:?}");
    }
    // all of it in one push: what was taken before in the same push stands there too
    let again = desk(&place, as_it_is).await;
    let elsewhere_again = |commit: Commit| Commit { stream: stream("desk-2"), ..commit };
    let signed =
        said(2, Some(("Sign", json!({ "text": "a" }))), &[("Signed", json!({ "text": "a", "total": 1 }))]);
    let commits = [added(0, 1, 1), elsewhere(added(1, 1, 2)), rebased(signed, 1)].map(elsewhere_again);
    assert_eq!(statuses(&again.client.push(&commits[..1]).await), ["committed"]);
    assert_eq!(statuses(&again.client.push(&commits[1..]).await), ["committed"; 2]);
    check_log(&server.client.pull(1000).await);
}

pub(super) async fn a_push_that_arrives_again_is_looked_at_where_it_stands(place: impl Place) {
    let server = desk(&place, as_it_is).await;
    let (first, second, third) = (added(0, 1, 1), added(1, 1, 2), added(2, 1, 3));
    assert_eq!(statuses(&server.client.push(&[first.clone(), second.clone()]).await), ["committed"; 2]);
    let pushed = server.client.push(&[first.clone(), second, third]).await;
    assert_eq!(statuses(&pushed), ["duplicate", "duplicate", "committed"]);
    // twice within one push, and decided on a version that is past
    let fourth = added(3, 1, 4);
    let pushed = server.client.push(&[fourth.clone(), fourth, added(1, 1, 2), first]).await;
    assert_eq!(statuses(&pushed), ["committed", "duplicate", "conflict", "duplicate"]);
    // the rules of a server that starts now begin with what is there
    let later = desk(&place, as_it_is).await;
    let pushed = later.client.push(&[added(4, 1, 5), added(5, 1, 5)]).await;
    assert_eq!(statuses(&pushed), ["committed", "rejected"]);
    check_log(&server.client.pull(1000).await);
}

pub(super) async fn pushes_at_once_are_each_decided_on_what_they_land_on(place: impl Place) {
    const EACH: u64 = 12;
    let servers = [desk(&place, as_it_is).await, desk(&place, as_it_is).await];
    let device = async |client: LogClient| {
        let (mut version, mut total, mut done) = (0, 0, 0);
        while done < EACH {
            let ours = added(version, 1, total + 1);
            let pushed = client.push(std::slice::from_ref(&ours)).await;
            match &pushed.outcomes[0].result {
                PushResult::Committed { .. } => {
                    (version, total, done) = (version + 1, total + 1, done + 1);
                }
                // each event adds one
                PushResult::Conflict { actual, .. } => (version, total) = (*actual, *actual as u32),
                other => panic!("{other:?}"),
            }
        }
    };
    let [one, other] = &servers;
    tokio::join!(device(one.client.clone()), device(one.client.clone()), device(other.client.clone()));
    let log = one.client.pull(1000).await;
    check_log(&log);
    assert_eq!(log.len() as u64, 3 * EACH);
}

pub(super) async fn a_long_stream_is_read_in_parts(place: impl Place) {
    let open = start(config_over(place.open())).await;
    // three parts of about a megabyte, written without rules
    let text = "x".repeat(300_000);
    let write = |version: u64| {
        let data = (json!({ "text": text }), json!({ "text": text }));
        said(version, Some(("Write", data.0)), &[("Written", data.1)])
    };
    for version in 0..5 {
        assert_eq!(statuses(&open.client.push(&[write(version)]).await), ["committed"]);
    }
    let server = desk(&place, as_it_is).await;
    let pushed = server.client.push(&[added(5, 1, 1), added(6, 1, 2), added(7, 9, 9)]).await;
    assert_eq!(statuses(&pushed), ["committed", "committed", "rejected"]);
    let kept =
        said(7, Some(("Sign", json!({ "text": "a" }))), &[("Signed", json!({ "text": "a", "total": 0 }))]);
    assert_eq!(
        statuses(&server.client.push(&[rebased(kept, 2)]).await),
        ["rejected"],
        "its own have been since"
    );
    let kept =
        said(7, Some(("Sign", json!({ "text": "a" }))), &[("Signed", json!({ "text": "a", "total": 0 }))]);
    assert_eq!(statuses(&server.client.push(&[elsewhere(rebased(kept, 2))]).await), ["committed"]);
}
