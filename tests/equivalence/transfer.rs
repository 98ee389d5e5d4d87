//! Law: export then import is the identity, wherever the text is cut and however often the import is interrupted.

use proptest::prelude::*;
use tidelog::{
    engine::{Engine, Parts, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{Authority, MemoryStore},
    testing::{ManualEnvironment, block_on},
    transfer::{ExportOptions, ImportOptions},
};

async fn open(authority: Authority, seed: u64) -> Engine<MemoryStore> {
    let environment = ManualEnvironment::new(seed);
    Engine::open(MemoryStore::new(), Parts::new(authority, environment.surroundings())).await.unwrap()
}

/// The lines of an export, but for the header and the checks, which hold the moment and the device.
async fn exported(log: &Engine<MemoryStore>) -> (String, Vec<String>) {
    let mut export = log.export(ExportOptions::default());
    let mut text = String::new();
    while let Some(chunk) = export.next().await.unwrap() {
        text.push_str(&chunk);
    }
    let is_content = |line: &&str| !line.starts_with("{\"tidelog\"") && !line.starts_with("{\"check\"");
    let lines = text.lines().filter(is_content).map(str::to_owned).collect();
    (text, lines)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn export_then_import_is_the_identity(
        server in any::<bool>(),
        commits in prop::collection::vec((0..4_u8, prop::collection::vec("[a-z\"\\\\{}\\[\\]é😀\n]{0,12}", 1..4)), 0..24),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        block_on(async {
            let authority = if server { Authority::Server } else { Authority::Device };
            let log = open(authority, 1).await;
            for (stream, events) in &commits {
                let events = events.iter().map(|text| NewEvent {
                    event_type: "Said".into(),
                    schema_version: None,
                    data: Json::of(text).unwrap(),
                    id: None,
                    occurred_at: None,
                    custom: None,
                });
                log.append(&format!("talk-{stream}"), events.collect(), WriteOptions::default()).await.unwrap();
            }
            let (text, lines) = exported(&log).await;
            let fresh = open(authority, 2).await;
            for cut in cuts {
                let at = (0..=cut.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                let mut import = fresh.import(ImportOptions::default());
                import.push(&text[..at]).await.unwrap();
            }
            let mut import = fresh.import(ImportOptions::default());
            import.push(&text).await.unwrap();
            import.finish().await.unwrap();
            assert_eq!(exported(&fresh).await.1, lines);
        });
    }
}
