//! Archived streams: what stays of them, and who is led past what is gone.

use super::*;
use crate::kit::*;
use tidelog::{
    sync::protocol::{Archived, Gone, PushResult, problem},
    version::ExpectedVersion::{Any, Exact},
};
use tidelog_server::storage::{ArchiveMark, Gap, Gaps, InvalidCursor, Leaving, PageError, leaving};

/// Whole streams of the academy, as they are.
async fn whole(storage: &dyn Storage, names: &[&str]) -> Vec<Leaving> {
    let commits = storage.pulled(knowing(storage).await).await;
    let of = |name: &&str| {
        let commits: Vec<_> =
            commits.iter().filter(|it| it.commit.stream.as_str() == *name).cloned().collect();
        leaving(&commits, "2026.sqlite").unwrap()
    };
    names.iter().map(of).collect()
}

async fn archived(storage: &dyn Storage, names: &[&str]) -> Vec<Archived> {
    let streams = whole(storage, names).await;
    storage.archive(&academy(), streams).await.unwrap()
}

/// What who holds all markers asks for.
async fn knowing(storage: &dyn Storage) -> PageLimit {
    let page = storage.archived(&academy(), &Cursor::default(), 1000, &Streams::all()).await.unwrap();
    PageLimit { gaps: Gaps::Held(ArchiveMark::read(&page.cursor).unwrap()), ..PageLimit::default() }
}

async fn fill(storage: &dyn Storage) -> Vec<Commit> {
    let commits = vec![
        commit("course-1", Any, 2),
        commit("course-2", Any, 1),
        commit("course-1", Any, 1),
        commit("exam-1", Any, 2),
        commit("course-2", Any, 1),
    ];
    storage.pushed(&commits).await;
    commits
}

pub(super) async fn an_archived_stream_is_closed_and_keeps_its_place(place: impl Place) {
    let storage = place.open();
    let commits = fill(storage.as_ref()).await;
    let before = storage.page_after(&Cursor::default(), PageLimit::events(3)).await;
    assert_eq!(before.archived, Option::None);
    let markers = archived(storage.as_ref(), &["course-1"]).await;
    let [Archived { stream, version: 3, commits: 2, position: 4, archived_at: NOW, archive, .. }] =
        &markers[..]
    else {
        panic!("{markers:?}")
    };
    assert_eq!((stream.as_str(), &**archive), ("course-1", "2026.sqlite"));

    // A cursor behind one of its commits goes on to count, and positions go on where they were.
    let left = storage.pulled(knowing(storage.as_ref()).await).await;
    let places: Vec<_> =
        left.iter().map(|it| (it.commit.stream.as_str(), it.first_version, it.first_position)).collect();
    assert_eq!(places, [("course-2", 1, 3), ("exam-1", 1, 5), ("course-2", 2, 7)]);
    let more = storage.pushed(&[commit("exam-1", Exact(2), 1)]).await;
    assert_eq!(committed(&more.outcomes[0]), (3, 8));
    let rest = storage.page_after(&before.cursor, knowing(storage.as_ref()).await).await;
    assert_eq!(rest.commits.len(), 3, "those behind the third event");

    // What it had taken is still known by its id; more is refused, with the marker, whatever it expects.
    let again = storage.pushed(&commits[..1]).await;
    assert_eq!(statuses(&again), ["duplicate"]);
    for expected in [Any, Exact(3), Exact(1)] {
        let refused = storage.pushed(&[commit("course-1", expected, 1), commit("exam-1", Any, 1)]).await;
        assert_eq!(statuses(&refused), ["rejected", "committed"]);
        let PushResult::Rejected { problem } = &refused.outcomes[0].result else { panic!("{refused:?}") };
        assert_eq!(&*problem.problem_type, problem::STREAM_ARCHIVED);
        assert_eq!(problem.marker.as_deref(), Some(&markers[0]));
    }
    let history = storage.history(&academy(), &stream.clone(), 0, 1 << 20).await.unwrap();
    assert_eq!((history.commits, history.is_end), (vec![], true));
    if let Some(again) = {
        drop(storage);
        place.reopen()
    } {
        assert_eq!(archived_page(again.as_ref()).await, markers);
    }
}

async fn archived_page(storage: &dyn Storage) -> Vec<Archived> {
    storage.archived(&academy(), &Cursor::default(), 1000, &Streams::all()).await.unwrap().archived
}

pub(super) async fn a_gap_is_told_to_who_does_not_know_it(place: impl Place) {
    let storage = place.open();
    fill(storage.as_ref()).await;
    let end = storage.page_after(&Cursor::default(), PageLimit::default()).await.cursor;
    archived(storage.as_ref(), &["course-1"]).await;
    let first = knowing(storage.as_ref()).await;
    archived(storage.as_ref(), &["exam-1"]).await;
    let page = async |after: &Cursor, gaps, streams: &Streams| {
        storage.page(&academy(), after, PageLimit { gaps, ..PageLimit::default() }, streams).await
    };
    let all = Gone { streams: 2, events: 5, position: 6 };
    let of = |rules: &[&str]| Streams::of(rules.iter().copied()).unwrap();
    for (gaps, streams, expected) in [
        (Gaps::default(), Streams::all(), all),
        // other markers than it has by now
        (first.gaps, Streams::all(), all),
        (Gaps::default(), of(&["course"]), Gone { streams: 1, events: 3, position: 4 }),
        (Gaps::default(), of(&["exam-*"]), Gone { streams: 1, events: 2, position: 6 }),
    ] {
        match page(&Cursor::default(), gaps, &streams).await {
            Err(PageError::Gap(Gap(gone))) => assert_eq!(gone, expected),
            other => panic!("{other:?}"),
        }
    }
    // Who would be given nothing of it is not stopped by it.
    let others = page(&Cursor::default(), Gaps::default(), &of(&["course-2"])).await.unwrap();
    assert_eq!((others.commits.len(), others.up_to_date), (2, true));
    assert_eq!(page(&end, Gaps::default(), &Streams::all()).await.unwrap().commits, []);
    let known = knowing(storage.as_ref()).await;
    for gaps in [known.gaps, Gaps::Any] {
        let page = page(&Cursor::default(), gaps, &Streams::all()).await.unwrap();
        assert_eq!((page.commits.len(), page.up_to_date, page.cursor), (2, true, end.clone()));
        let Gaps::Held(held) = known.gaps else { panic!("{known:?}") };
        assert_eq!(page.archived, Some(held.write()));
    }
}

pub(super) async fn what_is_not_what_was_copied_stays(place: impl Place) {
    let storage = place.open();
    fill(storage.as_ref()).await;
    let copied = whole(storage.as_ref(), &["course-1", "course-2", "exam-1"]).await;
    storage.pushed(&[commit("course-1", Any, 1)]).await;
    let wrong = Leaving { position: 5, ..copied[1].clone() };
    let missing = Leaving { stream: stream("course-9"), ..copied[2].clone() };
    let streams = vec![copied[0].clone(), wrong, missing, copied[2].clone(), copied[2].clone()];
    let markers = storage.archive(&academy(), streams.clone()).await.unwrap();
    assert_eq!(markers.iter().map(|it| it.stream.as_str()).collect::<Vec<_>>(), ["exam-1"]);
    assert_eq!(
        storage.archive(&academy(), streams).await.unwrap(),
        [],
        "a second time there is nothing to do"
    );
    assert_eq!(storage.pulled(knowing(storage.as_ref()).await).await.len(), 5);
    let other = LogName::parse("other").unwrap();
    assert_eq!(storage.archive(&other, copied).await.unwrap(), []);
    assert_eq!(storage.end(&other).await.unwrap(), Option::None, "and no log is made");
}

pub(super) async fn markers_come_in_pages_to_those_who_may_see_them(place: impl Place) {
    let storage = place.open();
    fill(storage.as_ref()).await;
    let markers = archived(storage.as_ref(), &["exam-1", "course-1", "course-2"]).await;
    let ask = async |after: &Cursor, limit, streams: &Streams| {
        storage.archived(&academy(), after, limit, streams).await
    };
    let (mut found, mut cursor) = (Vec::new(), Cursor::default());
    loop {
        let page = ask(&cursor, 1, &Streams::all()).await.unwrap();
        assert_eq!(page.archived.len(), 1);
        found.extend(page.archived);
        cursor = page.cursor;
        if page.up_to_date {
            break;
        }
    }
    assert_eq!(found, markers);
    let end = ask(&cursor, 1, &Streams::all()).await.unwrap();
    assert_eq!((end.archived.len(), end.up_to_date, &end.cursor), (0, true, &cursor));
    let courses = ask(&Cursor::default(), 1000, &Streams::of(["course"]).unwrap()).await.unwrap();
    assert_eq!((courses.archived, courses.cursor), (markers[1..].to_vec(), cursor.clone()));
    let beyond = Cursor(cursor.0.replace("0003-", "0004-"));
    let marked = Cursor(format!("{}00000000", &cursor.0[..15]));
    for (bad, expected) in [
        (Cursor("soon".into()), InvalidCursor::Unreadable),
        (beyond, InvalidCursor::OtherMarkers),
        (marked, InvalidCursor::OtherMarkers),
    ] {
        match ask(&bad, 1, &Streams::all()).await {
            Err(PageError::Cursor(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) async fn pages_end_where_they_should_among_archived_commits(place: impl Place) {
    let storage = place.open();
    let names = ["course-1", "exam-1", "course-2"];
    let commits: Vec<_> = (0..30).map(|index| commit(names[index / 2 % 3], Any, 1 + index % 2)).collect();
    storage.pushed(&commits).await;
    archived(storage.as_ref(), &["course-1", "exam-1"]).await;
    let gaps = knowing(storage.as_ref()).await.gaps;
    for streams in
        [Streams::all(), Streams::of(["course"]).unwrap(), Streams::of(["course-2", "exam-*"]).unwrap()]
    {
        for (events, passed) in [(1, 1), (1, 4096), (2, 3), (3, 2), (1000, 1), (1000, 5), (1000, 4096)] {
            let limit = PageLimit { events, passed, gaps, ..PageLimit::default() };
            let (mut cursor, mut found, mut pages) = (Cursor::default(), Vec::new(), 0);
            loop {
                let page = storage.page(&academy(), &cursor, limit, &streams).await.unwrap();
                assert!(page.cursor > cursor || page.up_to_date, "it gets on");
                found.extend(page.commits);
                cursor = page.cursor;
                pages += 1;
                if page.up_to_date {
                    break;
                }
            }
            assert_eq!(found.len(), 10, "{limit:?} in {pages} pages");
            assert!(found.iter().all(|it| it.commit.stream.as_str() == "course-2"));
        }
    }
}
