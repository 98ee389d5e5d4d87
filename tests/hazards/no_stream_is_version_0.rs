//! "No stream" was -1 in one place and null in another, and every caller had to know which (seen in KurrentDB-Client-NodeJS,
//! issue 348, and LiquidProjections, issue 80).
//!
//! The cure: the version is the number of events, so that no stream is version 0, on every path and as an expected version too.

use super::domain::*;
use futures_util::TryStreamExt;
use tidelog::{
    engine::{At, Engine, WriteError, WriteOptions},
    log::{AppendError, Authority, MemoryStore, Place, Query},
    stream::StreamName,
    testing::{ManualEnvironment, block_on},
    time::Timestamp,
    version::ExpectedVersion,
};

#[test]
fn on_every_path_a_stream_that_is_not_there_has_version_0() {
    block_on(async {
        for authority in [Authority::Device, Authority::Server] {
            let parts = parts(authority, &ManualEnvironment::new(1));
            let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
            // another stream, so that the log is not empty
            engine.execute("course", "other", complete("l1"), WriteOptions::default()).await.unwrap();
            let stream = StreamName::parse("course-a").unwrap();
            let log = engine.log();
            assert_eq!(
                (log.version(&stream), log.confirmed_version(&stream), log.exists(&stream)),
                (0, 0, false)
            );
            let known = Timestamp(1_767_225_600_000);
            for at in [At::Now, At::Version(0), At::Version(7), At::Occurred(known), At::Known(known)] {
                let (state, version) = engine.load("course", "a", at).await.unwrap();
                assert_eq!(version, 0, "{at:?}");
                assert!(state.downcast_ref::<std::collections::BTreeSet<String>>().unwrap().is_empty());
            }
            let query = Query { stream: Some(stream.clone()), ..Query::default() };
            for backwards in [false, true] {
                let query = Query { backwards, ..query.clone() };
                let events: Vec<_> = engine.events(query).try_collect().await.unwrap();
                assert!(events.is_empty());
            }
            assert_eq!(engine.place_of(&stream, 0).await.unwrap(), Place::START);
            assert_eq!(log.load(&stream, 0).await, Ok(vec![]));
            assert_eq!(engine.snapshots("course", "a").await, Ok(vec![]));
            assert!(!log.streams(Some("course")).contains(&stream));

            // a miss says 0, and 0 is what an append may expect
            let at_1 =
                WriteOptions { expected_version: Some(ExpectedVersion::Exact(1)), ..Default::default() };
            match engine.execute("course", "a", complete("l1"), at_1).await {
                Err(WriteError::Append(AppendError::Conflict { actual, missing, .. })) => {
                    assert_eq!((actual, missing.len()), (0, 0));
                }
                other => panic!("{other:?}"),
            }
            let at_0 =
                WriteOptions { expected_version: Some(ExpectedVersion::Exact(0)), ..Default::default() };
            let first = engine.execute("course", "a", complete("l1"), at_0).await.unwrap();
            assert_eq!((first.version, first.events[0].version), (1, 1), "the first event has version 1");
        }
    });
}
