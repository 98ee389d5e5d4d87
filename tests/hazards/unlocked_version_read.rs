//! `ON CONFLICT DO NOTHING` after a version was read without a lock: 20 appends "succeeded", 10 were lost (eventuous#553).
//!
//! The cure: the write itself insists on nobody having appended since the version was read; whoever was slower looks again.

use futures_executor::block_on;
use futures_util::future::join_all;
use std::collections::HashSet;
use tidelog::{
    log::{AppendError, Authority, Log, MemoryStore},
    testing::{FaultyStore, NOW, Samples, stream},
    version::ExpectedVersion,
};

#[test]
fn twenty_appends_at_once_are_twenty_events_or_conflicts() {
    for authority in [Authority::Device, Authority::Server] {
        block_on(async {
            let store = MemoryStore::new();
            let samples = Samples::default();
            let mut tabs = Vec::new();
            for _ in 0..4 {
                tabs.push(Log::open(FaultyStore::yielding(store.clone()), authority).await.unwrap());
            }
            let append = |number: usize, expected| {
                let (tab, draft) = (tabs[number % 4].clone(), samples.draft("course-1", expected, 1));
                async move { (draft.commit.events[0].id, tab.append(vec![draft], vec![], NOW).await) }
            };
            // whatever the version is: all of them count
            let any = join_all((0..20).map(|number| append(number, ExpectedVersion::Any))).await;
            // exactly the version that all of them have read: one counts, and nineteen are told so
            let exact = join_all((0..20).map(|number| append(number, ExpectedVersion::Exact(20)))).await;
            let mut acknowledged = HashSet::new();
            for (id, appended) in any.into_iter().chain(exact) {
                match appended {
                    Ok(_) => assert!(acknowledged.insert(id)),
                    Err(AppendError::Conflict { actual: 21, .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!(acknowledged.len(), 21, "{authority:?}");
            let fresh = Log::open(store, authority).await.unwrap();
            let stored = fresh.load(&stream("course-1"), 0).await.unwrap();
            let stored: HashSet<_> = stored.into_iter().map(|event| event.event.id).collect();
            assert_eq!(stored, acknowledged, "what was acknowledged is what is there");
        });
    }
}
