//! Reading: one stream, and the log in its order.

use super::{all, append, open, pages};
use crate::{
    event::RecordedEvent,
    log::{Applied, Authority, Change, Log, Place, Query, store::Store},
    testing::{Database, NOW, Samples, confirm, stream},
    time::Timestamp,
    version::ExpectedVersion::Any,
};

/// Confirmed and pending blocks of several sizes, three streams of two aggregates.
async fn filled<D: Database>(database: &D, samples: &Samples) -> Log<D::Store> {
    let log = open(database, Authority::Server).await;
    let names = ["course-1", "course-2", "exam-1"];
    let mut versions = [0, 0, 0];
    let mut position = 0;
    for round in 0..6_u64 {
        let confirmed = (0..5 + 3 * round as usize)
            .map(|n| {
                let which = (n * n + round as usize) % 3;
                let commit = samples.commit(names[which], Any, 1 + n % 4);
                let (first_position, first_version) = (position + 1 + round % 2, versions[which] + 1);
                position = first_position + commit.count() - 1;
                versions[which] += commit.count();
                confirm(commit, first_position, first_version)
            })
            .collect();
        let change = Change { seen: log.head(), confirmed, ..Change::default() };
        assert_eq!(log.apply(change).await, Ok(Applied::Done));
    }
    for n in 0..12 {
        let drafts = (0..=n % 3).map(|m| samples.draft(names[(n + m) % 3], Any, 1 + m)).collect();
        log.append(drafts, vec![], NOW).await.unwrap();
    }
    log
}

/// From the first, from the last, from the middle of a commit, beyond the end.
pub async fn a_stream_is_loaded_from_any_version_on(database: &impl Database) {
    let samples = Samples::default();
    let log = filled(database, &samples).await;
    for name in log.streams(None) {
        let whole: Vec<RecordedEvent> =
            all(&log).await.into_iter().filter(|event| event.stream == name).collect();
        let mut by_version = whole.clone();
        by_version.sort_by_key(|event| event.version);
        assert_eq!(whole, by_version);
        let version = log.version(&name);
        assert_eq!(whole.len() as u64, version);
        for after in 0..=version + 1 {
            let from = after.min(version) as usize;
            assert_eq!(log.load(&name, after).await.unwrap(), whole[from..], "{name} after {after}");
            for to in [0, 1, after, after + 3, version, version + 5] {
                let end = (to.min(version) as usize).max(from);
                let until = log.load_until(&name, after, to).await.unwrap();
                assert_eq!(until, whole[from..end], "{name} after {after} to {to}");
            }
            let confirmed: Vec<_> =
                whole[from..].iter().filter(|event| event.is_confirmed()).cloned().collect();
            assert_eq!(log.load_confirmed(&name, after).await.unwrap(), confirmed, "{name} after {after}");
        }
        assert_eq!(log.load(&name, u64::MAX).await, Ok(vec![]));
    }
    assert_eq!(log.load(&stream("nobody-1"), 0).await, Ok(vec![]));
}

/// Both ways, with pages that end within commits, at their ends, and at the ends of blocks.
pub async fn pages_of_any_size_join_to_the_whole(database: &impl Database) {
    let samples = Samples::default();
    let log = filled(database, &samples).await;
    let whole = pages(&log, &Query::default(), usize::MAX).await;
    assert_eq!(whole.len() as u64, log.head().confirmed_events + log.head().pending_events);
    let mut reversed = whole.clone();
    reversed.reverse();
    for limit in [1, 2, 3, 5, 7, 50, 1_000] {
        assert_eq!(pages(&log, &Query::default(), limit).await, whole, "forwards by {limit}");
        let backwards = Query { backwards: true, ..Query::default() };
        assert_eq!(pages(&log, &backwards, limit).await, reversed, "backwards by {limit}");
    }
    let none = log.read(&Query::default(), Place::START, 0).await.unwrap();
    assert_eq!((none.events.len(), none.next), (0, Some(Place::START)));
    let end = log.read(&Query::default(), Place::END, 10).await.unwrap();
    assert_eq!((end.events.len(), end.next), (0, None));
    let start = Query { backwards: true, ..Query::default() };
    let start = log.read(&start, Place::START, 10).await.unwrap();
    assert_eq!((start.events.len(), start.next), (0, None));
}

/// Every filter, alone and together, against a plain filter over everything.
pub async fn queries_select(database: &impl Database) {
    let samples = Samples::default();
    let log = filled(database, &samples).await;
    let whole = all(&log).await;
    let middle = Timestamp(NOW.0 + 60);
    let queries = [
        Query { stream: Some(stream("course-2")), ..Query::default() },
        Query { stream: Some(stream("course-9")), ..Query::default() },
        Query { aggregate: Some("course".into()), ..Query::default() },
        Query { aggregate: Some("cour".into()), ..Query::default() },
        Query { types: vec!["AnswerGiven".into()], ..Query::default() },
        Query { types: vec!["ExamHandedIn".into(), "LessonCompleted".into()], ..Query::default() },
        Query { types: vec!["Never".into(), "learner-17".into()], ..Query::default() },
        Query { from: Some(middle), ..Query::default() },
        Query { to: Some(middle), ..Query::default() },
        Query { confirmed_only: true, ..Query::default() },
        Query { positions: 10..=40, ..Query::default() },
        Query { positions: 40..=u64::MAX, ..Query::default() },
        Query { positions: 1_000_000..=u64::MAX, confirmed_only: true, ..Query::default() },
        Query { stream: Some(stream("course-1")), versions: 5..=17, ..Query::default() },
        Query { stream: Some(stream("course-1")), versions: 17..=u64::MAX, ..Query::default() },
        Query { correlation: Some(whole[20].metadata.correlation_id), ..Query::default() },
        Query { correlation: Some(uuid::Uuid::nil()), ..Query::default() },
        Query {
            aggregate: Some("exam".into()),
            types: vec!["AnswerGiven".into()],
            from: Some(Timestamp(NOW.0 + 20)),
            to: Some(Timestamp(NOW.0 + 150)),
            positions: 4..=60,
            ..Query::default()
        },
    ];
    for mut query in queries {
        let wanted = |event: &&RecordedEvent| {
            query.stream.as_ref().is_none_or(|name| event.stream == *name)
                && query.aggregate.as_ref().is_none_or(|name| event.stream.aggregate() == &**name)
                && (query.types.is_empty() || query.types.contains(&event.event.event_type))
                && query.from.is_none_or(|from| event.occurred_at() >= from)
                && query.to.is_none_or(|to| event.occurred_at() < to)
                && query.correlation.is_none_or(|chain| event.metadata.correlation_id == chain)
                && query.positions.contains(&event.position.unwrap_or(u64::MAX))
                && query.versions.contains(&event.version)
                && (!query.confirmed_only || event.is_confirmed())
        };
        let mut expected: Vec<_> = whole.iter().filter(wanted).cloned().collect();
        assert!(expected.len() < whole.len());
        assert_eq!(pages(&log, &query, 4).await, expected, "{query:?}");
        query.backwards = true;
        expected.reverse();
        assert_eq!(pages(&log, &query, 4).await, expected, "{query:?}");
    }
}

/// A place stays good while events come behind it, blocks are merged, and pending commits are confirmed.
pub async fn reading_goes_on_while_the_log_grows(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    for _ in 0..20 {
        append(&log, samples.any("a-1")).await;
    }
    let (mut seen, mut from, mut grown) = (Vec::new(), Place::START, 0);
    loop {
        let page = log.read(&Query::default(), from, 6).await.unwrap();
        seen.extend(page.events.into_iter().map(|event| event.version));
        if grown < 20 {
            grown += 1;
            append(&log, samples.any("a-1")).await;
            log.merge().await.unwrap();
        }
        match page.next {
            Some(next) => from = next,
            None if seen.len() as u64 == log.version(&stream("a-1")) => break,
            None => from = Place::Confirmed(seen.len() as u64),
        }
    }
    assert_eq!(seen, (1..=log.version(&stream("a-1"))).collect::<Vec<_>>());
}

async fn commits<S: Store>(log: &Log<S>, limit: usize) -> Vec<crate::commit::ConfirmedCommit> {
    let (mut commits, mut after) = (Vec::new(), 0);
    loop {
        let page = log.confirmed_commits(after, limit).await.unwrap();
        let Some(last) = page.last() else { return commits };
        assert!(page.len() == 1 || page.iter().map(|c| c.commit.events.len()).sum::<usize>() <= limit);
        after = last.last_position();
        commits.extend(page);
    }
}

/// Whole commits, at least one.
pub async fn confirmed_commits_come_in_pages(database: &impl Database) {
    let samples = Samples::default();
    let log = filled(database, &samples).await;
    let whole = log.confirmed_commits(0, usize::MAX).await.unwrap();
    assert_eq!(whole.iter().map(|c| c.commit.count()).sum::<u64>(), log.head().confirmed_events);
    for limit in [0, 1, 3, 10, 100] {
        assert_eq!(commits(&log, limit).await, whole, "by {limit}");
    }
    assert_eq!(log.confirmed_commits(log.head().position, 10).await, Ok(vec![]));
}

/// By count and by bytes, at least one.
pub async fn pending_commits_come_in_pages(database: &impl Database) {
    let samples = Samples::default();
    let log = filled(database, &samples).await;
    let whole = log.pending(0, usize::MAX, usize::MAX).await.unwrap();
    assert_eq!(whole.len() as u64, log.head().pending_commits);
    assert!(whole.iter().zip(1..).all(|(pending, sequence)| pending.sequence == sequence));
    for (count, bytes) in [(1, usize::MAX), (4, usize::MAX), (usize::MAX, 1), (usize::MAX, 400), (0, 0)] {
        let (mut joined, mut after) = (Vec::new(), 0);
        loop {
            let page = log.pending(after, count, bytes).await.unwrap();
            assert!(page.len() <= count.max(1));
            let Some(last) = page.last() else { break };
            after = last.sequence;
            joined.extend(page);
        }
        assert_eq!(joined, whole, "by {count} and {bytes} bytes");
    }
}
