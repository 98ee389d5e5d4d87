//! Clients that may not read or write everything.

use super::*;
use crate::kit::*;
use tidelog::{
    sync::protocol::problem,
    version::ExpectedVersion::{Any, Exact, Exists, None},
};
use tidelog_server::storage::Rights;

fn streams(rules: &[&str]) -> Streams {
    Streams::of(rules.iter().copied()).unwrap()
}

fn rights(read: &[&str], write: &[&str]) -> Rights {
    Rights { read: streams(read), write: streams(write) }
}

async fn pushed(storage: &dyn Storage, rights: &Rights, commits: &[Commit]) -> Pushed {
    let offer = Offer { rights: rights.clone(), ..candidates(commits).into() };
    storage.push(&academy(), offer).await.unwrap()
}

/// The outcomes in words, a rejected one by its problem.
fn words(pushed: &Pushed) -> Vec<String> {
    let value = |outcome| serde_json::to_value(outcome).unwrap();
    let word = |outcome: serde_json::Value| {
        outcome["problem"]["type"].as_str().or(outcome["status"].as_str()).unwrap().to_owned()
    };
    pushed.outcomes.iter().map(value).map(word).collect()
}

pub(super) async fn pages_pass_over_what_may_not_be_read(place: impl Place) {
    let storage = place.open();
    let commits: Vec<_> = (0..40)
        .map(|number| {
            // Runs of what may be read and of what may not, of different lengths.
            let foreign =
                [1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 20, 22, 24, 30, 31, 32, 38, 39].contains(&number);
            let name = if foreign { format!("exam-bob-{number}") } else { format!("course-{}", number % 3) };
            commit(&name, Any, 1 + number % 3)
        })
        .collect();
    storage.pushed(&commits).await;
    let all = storage.pulled(PageLimit::default()).await;
    let bytes = serde_json::to_string(&commits[0]).unwrap().len();
    for rules in
        [&["course"][..], &["course-1"], &["exam-bob-3*", "course-0"], &["exam-bob-39"], &["other"], &[]]
    {
        let streams = streams(rules);
        let seen: Vec<_> =
            all.iter().filter(|it| streams.includes(it.commit.stream.as_str())).cloned().collect();
        for events in [1, 4, 1000] {
            for passed in [1, 2, 5, 100] {
                for bytes in [1, 3 * bytes, 1 << 20] {
                    let limit = PageLimit { events, bytes, passed, ..PageLimit::default() };
                    let (mut cursor, mut commits, mut pages) = (Cursor::default(), Vec::new(), 0);
                    loop {
                        let page = storage.page(&academy(), &cursor, limit, &streams).await.unwrap();
                        assert!(page.cursor > cursor, "{limit:?}: a page gets on");
                        assert_eq!(page.scope, streams.fingerprint());
                        assert!(limit.holds(
                            page.commits.len() - usize::from(!page.commits.is_empty()),
                            page.commits.iter().map(|it| it.commit.events.len()).sum(),
                            0
                        ));
                        (cursor, pages) = (page.cursor, pages + 1);
                        commits.extend(page.commits);
                        if page.up_to_date {
                            break;
                        }
                    }
                    assert_eq!(commits, seen, "{rules:?} {limit:?}");
                    let least = (all.len() - seen.len()).div_ceil(passed).max(1);
                    assert!(
                        pages >= least,
                        "{rules:?} {limit:?}: {pages} pages passed over more than they may"
                    );
                    let end = storage.page(&academy(), &cursor, limit, &streams).await.unwrap();
                    assert_eq!((end.commits.len(), end.cursor, end.up_to_date), (0, cursor, true));
                }
            }
        }
    }
}

pub(super) async fn what_may_not_be_written_is_rejected_alone(place: impl Place) {
    let storage = place.open();
    let ada = rights(&["course", "exam-ada*"], &["exam-ada*"]);
    let refused = commit("course-1", Any, 1);
    let commits = [
        commit("exam-ada-1", Any, 1),
        refused.clone(),
        caused_by(refused.id.0, commit("exam-ada-2", Any, 1)),
        commit("exam-bob-1", Any, 1),
        commit("exam-ada-3", Any, 1),
    ];
    let answer = pushed(&*storage, &ada, &commits).await;
    let expected = ["committed", problem::FORBIDDEN, "blocked", problem::FORBIDDEN, "committed"];
    assert_eq!(words(&answer), expected);
    assert_eq!(storage.pulled(PageLimit::default()).await.len(), 2);
    // It was accepted when the device might still write there, and the answer got lost.
    let before = rights(&["course"], &["course"]);
    assert_eq!(words(&pushed(&*storage, &before, std::slice::from_ref(&refused)).await), ["committed"]);
    assert_eq!(words(&pushed(&*storage, &ada, &[refused]).await), ["duplicate"]);
}

pub(super) async fn what_may_not_be_known_has_no_influence(place: impl Place) {
    let storage = place.open();
    let foreign = [commit("exam-bob-1", None, 3), commit("note-bob-1", Any, 1)];
    storage.pushed(&foreign).await;
    let ada = rights(&["course", "exam-ada*"], &["exam-ada*"]);
    let rejected = async |made: Commit| {
        let answer = pushed(&*storage, &ada, std::slice::from_ref(&made)).await;
        let text = serde_json::to_string(&answer.outcomes[0]).unwrap();
        assert_eq!(answer.outcomes[0].missing, []);
        text.replace(&made.id.to_string(), "ID").replace(made.stream.as_str(), "STREAM")
    };
    // A stream of somebody else is as good as one that does not exist, whatever is expected of it.
    for expected in [Any, None, Exists, Exact(0), Exact(3), Exact(9)] {
        let there = rejected(commit("exam-bob-1", expected, 1)).await;
        let nowhere = rejected(commit("exam-eve-1", expected, 1)).await;
        assert_eq!(there, nowhere);
        assert!(there.contains(problem::FORBIDDEN), "{there}");
    }
    // So is a commit of somebody else that is pushed to his stream once more, and one with his event.
    let copied = Commit { id: foreign[0].id, ..commit("exam-bob-1", Any, 1) };
    let with_event = |name: &str, event| {
        let mut made = commit(name, Any, 1);
        made.events[0].id = event;
        made
    };
    let unknown = rejected(commit("exam-eve-1", Any, 1)).await;
    assert_eq!(rejected(copied).await, unknown);
    assert_eq!(rejected(with_event("exam-bob-1", foreign[0].events[0].id)).await, unknown);
    // An id can be used once. That it is taken is all that can be found out, by who knows it already: not where.
    let taken = async |id| rejected(Commit { id, ..commit("exam-ada-1", Any, 1) }).await;
    let (one, other) = (taken(foreign[0].id).await, taken(foreign[1].id).await);
    assert_eq!(one, other);
    assert!(one.contains(problem::FORBIDDEN) && !one.contains("bob") && !one.contains("irst"), "{one}");
    let own = commit("exam-ada-7", Any, 1);
    assert_eq!(words(&pushed(&*storage, &ada, std::slice::from_ref(&own)).await), ["committed"]);
    let hide = |text: String, event: &tidelog::event::Event| text.replace(&event.id.to_string(), "EVENT");
    let theirs = rejected(with_event("exam-ada-8", foreign[0].events[0].id)).await;
    let mine = rejected(with_event("exam-ada-8", own.events[0].id)).await;
    assert_eq!(hide(theirs, &foreign[0].events[0]), hide(mine, &own.events[0]));
}

pub(super) async fn who_writes_without_reading_is_told_nothing(place: impl Place) {
    let storage = place.open();
    storage.pushed(&[commit("inbox-1", None, 2)]).await;
    let feeder = rights(&[], &["inbox"]);
    let commits = [commit("inbox-1", Any, 1), commit("inbox-2", None, 1)];
    assert_eq!(words(&pushed(&*storage, &feeder, &commits).await), ["committed"; 2]);
    assert_eq!(words(&pushed(&*storage, &feeder, &commits).await), ["duplicate"; 2]);
    // It could never take in what it would have to be decided on.
    let behind =
        pushed(&*storage, &feeder, &[commit("inbox-1", Exact(1), 1), commit("inbox-3", Exists, 1)]).await;
    assert_eq!(words(&behind), [problem::FORBIDDEN; 2]);
    assert_eq!(behind.outcomes[0].missing, []);
}
