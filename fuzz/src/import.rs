//! Files that people import: refused with a reason, or taken in; what was there before stays.

use crate::{Edit, complete, damage, engine, exercise};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use tidelog::{
    engine::{Engine, WriteOptions},
    log::{Authority, MemoryStore},
    testing::block_on,
    transfer::{ExportOptions, Form, ImportOptions},
};

#[derive(Arbitrary, Debug)]
pub struct Input {
    cloud_events: bool,
    /// Which line is edited, and how.
    edits: Vec<(u8, Vec<Edit>)>,
    /// Whether the checks are made right again.
    seals: bool,
    /// Where the text is cut into pieces.
    cut: u16,
    over_a_log: bool,
}

pub fn import(input: Input) {
    block_on(async {
        let from = engine(MemoryStore::new(), Authority::Server, 1).await.expect("an empty store");
        decide(&from, 3).await;
        let form = if input.cloud_events { Form::CloudEvents } else { Form::default() };
        let mut export = from.export(ExportOptions { form, ..ExportOptions::default() });
        let mut text = String::new();
        while let Some(chunk) = export.next().await.expect("a log that can be read") {
            text.push_str(&chunk);
        }
        let text = edited(&text, &input);

        let store = MemoryStore::new();
        let to = engine(store.clone(), Authority::Server, 2).await.expect("an empty store");
        if input.over_a_log {
            decide(&to, 2).await;
        }
        let before = exercise(&to).await.commits;
        let mut cut = usize::from(input.cut) % (text.len() + 1);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let mut import = to.import(ImportOptions::default());
        if import.push(&text[..cut]).await.is_ok() && import.push(&text[cut..]).await.is_ok() {
            let _ = import.finish().await;
        }
        to.close();
        let again = engine(store, Authority::Server, 3).await.expect("the log can be opened again");
        let after = exercise(&again).await.commits;
        assert!(before.iter().all(|id| after.contains(id)), "what was there before is gone");
    });
}

async fn decide(log: &Engine<MemoryStore>, count: u32) {
    for lesson in 0..count {
        log.execute("course", "a", complete(&format!("l{lesson}")), WriteOptions::default())
            .await
            .expect("a decision");
    }
}

/// Edits lines by themselves, so that most of the file stays good.
fn edited(text: &str, input: &Input) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, edits) in input.edits.iter().take(8) {
        let at = usize::from(*line) % lines.len();
        lines[at] = damage(&lines[at], edits);
    }
    if !input.seals {
        return lines.join("\n") + "\n";
    }
    let (mut all, mut since) = (String::new(), crc32fast::Hasher::new());
    for (number, line) in lines.into_iter().enumerate() {
        if line.starts_with("{\"check\"") {
            let sum = std::mem::take(&mut since).finalize();
            all += &format!("{{\"check\":{{\"lines\":{number},\"crc32\":\"{sum:08x}\"}}}}\n");
        } else {
            since.update(line.as_bytes());
            since.update(b"\n");
            all += &line;
            all.push('\n');
        }
    }
    all
}
