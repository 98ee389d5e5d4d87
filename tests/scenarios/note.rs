//! The domain's notes: lines that two devices may both change, and a signature that a person is asked about; `pkg/tests/scenarios/note.ts`
//! is the same in TypeScript.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidelog::{
    aggregate::{Aggregate, Context},
    commit::Policy,
    merge::{Conflict, Merged},
};

pub struct Note;

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    lines: BTreeMap<u32, String>,
    signed_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum NoteCommand {
    Write { line: u32, text: String },
    Sign { who: String },
    Count,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum NoteEvent {
    Written { line: u32, text: String },
    Signed { who: String },
    Counted { arrived: usize },
}

#[derive(Debug, thiserror::Error)]
pub enum No {
    #[error("it is signed already")]
    Signed,
    #[error("both changed line {0}")]
    SameLine(u32),
}

impl Aggregate for Note {
    const NAME: &'static str = "note";
    type State = Page;
    type Command = NoteCommand;
    type Event = NoteEvent;
    type Error = No;

    fn decide(page: &Page, command: NoteCommand, context: &Context) -> Result<Vec<NoteEvent>, No> {
        Ok(vec![match command {
            NoteCommand::Sign { .. } if page.signed_by.is_some() => return Err(No::Signed),
            NoteCommand::Sign { who } => NoteEvent::Signed { who },
            NoteCommand::Write { line, text } => NoteEvent::Written { line, text },
            NoteCommand::Count => NoteEvent::Counted { arrived: context.arrived.len() },
        }])
    }

    fn evolve(mut page: Page, event: &NoteEvent) -> Page {
        match event {
            NoteEvent::Written { line, text } => {
                page.lines.insert(*line, text.clone());
            }
            NoteEvent::Signed { who } => page.signed_by = Some(who.clone()),
            NoteEvent::Counted { .. } => {}
        }
        page
    }

    fn policy(command_type: &str) -> Policy {
        match command_type {
            "Write" => Policy::Merge,
            "Sign" => Policy::Ask,
            _ => Policy::Redecide,
        }
    }

    fn merge(conflict: Conflict<'_, Self>, _: &Context) -> Result<Merged<NoteEvent>, No> {
        let NoteCommand::Write { line, text } = conflict.command else { return Ok(Merged::Keep) };
        let theirs = conflict.theirs.state.lines.get(&line);
        match theirs {
            _ if theirs == conflict.base.lines.get(&line) => Ok(Merged::Keep),
            Some(theirs) if *theirs == text => Ok(Merged::Events(vec![])),
            Some(theirs) if text != "!" => {
                Ok(Merged::Events(vec![NoteEvent::Written { line, text: format!("{theirs} / {text}") }]))
            }
            _ => Err(No::SameLine(line)),
        }
    }

    fn code(error: &No) -> Option<String> {
        Some(if matches!(error, No::Signed) { "signed" } else { "same-line" }.into())
    }
}
