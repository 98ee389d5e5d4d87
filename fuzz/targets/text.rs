//! Short texts with a meaning: what is read and written again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidelog::{
    authority::cursor::Mark, command_id::CommandId, json::Json, stream::StreamName, sync::protocol::Cursor,
};

fuzz_target!(|text: &str| {
    let cursor = Cursor(text.to_owned());
    if let Some(mark) = Mark::read(&cursor) {
        assert_eq!(mark.write(), cursor);
    }
    if let Ok(name) = StreamName::parse(text) {
        assert_eq!(name.as_str(), text);
        let json = serde_json::to_string(&name).expect("a text");
        assert_eq!(serde_json::from_str::<StreamName>(&json).ok(), Some(name));
    }
    if let Ok(id) = CommandId::parse(text) {
        // The same command gives the same commit, whoever asks.
        let stream = StreamName::parse("course-a").expect("a name");
        assert_eq!(id.commit_id(&stream), CommandId::parse(text).expect("it was one").commit_id(&stream));
    }
    if let Ok(json) = Json::parse(text) {
        let again = serde_json::to_string(&json).expect("JSON");
        assert_eq!(again, text.trim_matches([' ', '\t', '\n', '\r']));
    }
});
