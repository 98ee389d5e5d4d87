//! The rules of an academy, as real apps have them: each can be broken by two devices that don't know of each other, and must not be.

use crate::badge::{self, App};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use tidelog::{
    aggregate::{Aggregate, Context, RegisterError, Registry},
    authority::domain::Domain,
    commit::Policy,
    event::RecordedEvent,
    merge::{Conflict, Merged},
    projection::Projection,
};

/// Seats in a group.
pub(crate) const SEATS: usize = 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("lesson {0} is completed already")]
    CompletedAlready(u8),
    #[error("lesson {0} needs the one before it")]
    Prerequisite(u8),
    #[error("the exam has been handed in")]
    HandedIn,
    #[error("{0} is in the group already")]
    Member(u8),
    #[error("the group is full")]
    Full,
    #[error("a note on {0} makes {1}")]
    Sides(u32, u32),
}

/// A learner's way through lessons: each counts once, and needs the one before it.
pub(crate) struct Course;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum CourseCommand {
    CompleteLesson {
        lesson: u8,
    },
    /// As `CompleteLesson`, but silent if it is so already.
    EnsureLesson {
        lesson: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum CourseEvent {
    LessonCompleted { lesson: u8 },
}

impl Aggregate for Course {
    const NAME: &'static str = "course";
    type State = BTreeSet<u8>;
    type Command = CourseCommand;
    type Event = CourseEvent;
    type Error = Refusal;

    fn decide(done: &BTreeSet<u8>, command: CourseCommand, _: &Context) -> Result<Vec<CourseEvent>, Refusal> {
        let lesson = match command {
            CourseCommand::EnsureLesson { lesson } if done.contains(&lesson) => return Ok(vec![]),
            CourseCommand::CompleteLesson { lesson } | CourseCommand::EnsureLesson { lesson } => lesson,
        };
        if done.contains(&lesson) {
            return Err(Refusal::CompletedAlready(lesson));
        }
        if lesson > 0 && !done.contains(&(lesson - 1)) {
            return Err(Refusal::Prerequisite(lesson));
        }
        Ok(vec![CourseEvent::LessonCompleted { lesson }])
    }

    fn evolve(mut done: BTreeSet<u8>, CourseEvent::LessonCompleted { lesson }: &CourseEvent) -> BTreeSet<u8> {
        done.insert(*lesson);
        done
    }
}

/// An exam: answers until it is handed in, once. Whether a hand-in counts that was decided on other answers is asked.
pub(crate) struct Exam;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum ExamCommand {
    Answer { question: u8 },
    HandIn,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum ExamEvent {
    Answered { question: u8 },
    HandedIn { answers: u8 },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sheet {
    answered: BTreeSet<u8>,
    handed_in: bool,
}

impl Aggregate for Exam {
    const NAME: &'static str = "exam";
    type State = Sheet;
    type Command = ExamCommand;
    type Event = ExamEvent;
    type Error = Refusal;

    fn decide(sheet: &Sheet, command: ExamCommand, _: &Context) -> Result<Vec<ExamEvent>, Refusal> {
        if sheet.handed_in {
            return Err(Refusal::HandedIn);
        }
        Ok(match command {
            ExamCommand::Answer { question } => vec![ExamEvent::Answered { question }],
            ExamCommand::HandIn => vec![ExamEvent::HandedIn { answers: sheet.answered.len() as u8 }],
        })
    }

    fn evolve(mut sheet: Sheet, event: &ExamEvent) -> Sheet {
        match event {
            ExamEvent::Answered { question } => {
                sheet.answered.insert(*question);
            }
            ExamEvent::HandedIn { .. } => sheet.handed_in = true,
        }
        sheet
    }

    fn policy(command_type: &str) -> Policy {
        if command_type == "HandIn" { Policy::Ask } else { Policy::Redecide }
    }
}

/// A group with ten seats.
pub(crate) struct Group;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum GroupCommand {
    Join {
        learner: u8,
    },
    /// Two learners at once: two events or none.
    JoinBoth {
        learners: (u8, u8),
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum GroupEvent {
    Joined { learner: u8 },
}

impl Aggregate for Group {
    const NAME: &'static str = "group";
    type State = BTreeSet<u8>;
    type Command = GroupCommand;
    type Event = GroupEvent;
    type Error = Refusal;

    fn decide(
        members: &BTreeSet<u8>,
        command: GroupCommand,
        _: &Context,
    ) -> Result<Vec<GroupEvent>, Refusal> {
        let learners = match command {
            GroupCommand::Join { learner } => vec![learner],
            GroupCommand::JoinBoth { learners: (one, other) } if one == other => vec![one],
            GroupCommand::JoinBoth { learners: (one, other) } => vec![one, other],
        };
        if let Some(known) = learners.iter().find(|learner| members.contains(learner)) {
            return Err(Refusal::Member(*known));
        }
        if members.len() + learners.len() > SEATS {
            return Err(Refusal::Full);
        }
        Ok(learners.into_iter().map(|learner| GroupEvent::Joined { learner }).collect())
    }

    fn evolve(mut members: BTreeSet<u8>, GroupEvent::Joined { learner }: &GroupEvent) -> BTreeSet<u8> {
        members.insert(*learner);
        members
    }
}

/// Notes: facts that stand whatever else was written meanwhile; how many there were before is put right.
pub(crate) struct Notes;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum NotesCommand {
    Write { text: u8 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum NotesEvent {
    Written { text: u8, after: u32 },
}

impl Aggregate for Notes {
    const NAME: &'static str = "notes";
    type State = u32;
    type Command = NotesCommand;
    type Event = NotesEvent;
    type Error = Refusal;

    fn decide(
        count: &u32,
        NotesCommand::Write { text }: NotesCommand,
        _: &Context,
    ) -> Result<Vec<NotesEvent>, Refusal> {
        Ok(vec![NotesEvent::Written { text, after: *count }])
    }

    fn evolve(count: u32, _: &NotesEvent) -> u32 {
        count + 1
    }

    fn policy(_: &str) -> Policy {
        Policy::Merge
    }

    fn merge(conflict: Conflict<'_, Self>, _: &Context) -> Result<Merged<NotesEvent>, Refusal> {
        let NotesCommand::Write { text } = conflict.command;
        if conflict.mine.state - conflict.base != conflict.mine.events.len() as u32 {
            return Err(Refusal::Sides(*conflict.base, *conflict.mine.state));
        }
        Ok(Merged::Events(vec![NotesEvent::Written { text, after: *conflict.theirs.state }]))
    }
}

/// How many events each stream has, by type.
pub(crate) struct Counts;

impl Projection for Counts {
    const NAME: &'static str = "counts";
    const TYPES: &'static [&'static str] = &["LessonCompleted", "Answered", "HandedIn", "Joined", "Written"];
    type Row = BTreeMap<String, u32>;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(event.stream.as_str().to_owned())
    }

    fn apply(row: Option<Self::Row>, event: &RecordedEvent) -> Option<Self::Row> {
        let mut row = row.unwrap_or_default();
        *row.entry(event.event.event_type.to_string()).or_default() += 1;
        Some(row)
    }
}

/// What a version of the app has on its devices.
pub(crate) fn registry(app: App) -> Result<Registry, RegisterError> {
    let mut registry = Registry::default();
    registry.add::<Course>()?;
    registry.add::<Exam>()?;
    registry.add::<Group>()?;
    registry.add::<Notes>()?;
    badge::add(&mut registry, app)?;
    Ok(registry)
}

/// The rules of the server, which takes badges as they come.
pub(crate) fn domain() -> Result<Domain, RegisterError> {
    Domain::default().aggregate::<Course>()?.aggregate::<Exam>()?.aggregate::<Group>()?.aggregate::<Notes>()
}

/// Checks a stream's events against the rules.
///
/// # Errors
/// What is wrong.
pub(crate) fn check(aggregate: &str, events: &[&RecordedEvent]) -> Result<(), String> {
    match aggregate {
        "course" => check_course(&read(events)?),
        "exam" => check_exam(&read(events)?),
        "group" => check_group(&read(events)?),
        "notes" => check_notes(&read(events)?),
        badge::NAME => badge::check(events),
        _ => Ok(()),
    }
}

fn check_course(events: &[CourseEvent]) -> Result<(), String> {
    let mut done = BTreeSet::new();
    for CourseEvent::LessonCompleted { lesson } in events {
        if *lesson > 0 && !done.contains(&(lesson - 1)) {
            return Err(format!("lesson {lesson} stands before the one it needs"));
        }
        if !done.insert(*lesson) {
            return Err(format!("lesson {lesson} counts twice"));
        }
    }
    Ok(())
}

fn check_exam(events: &[ExamEvent]) -> Result<(), String> {
    let (mut answered, mut handed_in) = (BTreeSet::new(), false);
    for event in events {
        match event {
            _ if handed_in => return Err(format!("{event:?} stands after the hand-in")),
            ExamEvent::Answered { question } => {
                answered.insert(question);
            }
            ExamEvent::HandedIn { answers } if usize::from(*answers) == answered.len() => handed_in = true,
            ExamEvent::HandedIn { answers } => {
                return Err(format!(
                    "it was handed in with {answers} answers, and {} were given",
                    answered.len()
                ));
            }
        }
    }
    Ok(())
}

fn check_notes(events: &[NotesEvent]) -> Result<(), String> {
    for (NotesEvent::Written { after, .. }, before) in events.iter().zip(0..) {
        if *after != before {
            return Err(format!("a note says that it stands after {after}, and stands after {before}"));
        }
    }
    Ok(())
}

fn check_group(events: &[GroupEvent]) -> Result<(), String> {
    let mut members = BTreeSet::new();
    for GroupEvent::Joined { learner } in events {
        if !members.insert(learner) {
            return Err(format!("{learner} joined twice"));
        }
    }
    if members.len() > SEATS { Err(format!("{} learners on {SEATS} seats", members.len())) } else { Ok(()) }
}

/// The events as their aggregate's.
fn read<E: DeserializeOwned>(events: &[&RecordedEvent]) -> Result<Vec<E>, String> {
    events.iter().map(|event| event.fact().map_err(|error| error.to_string())).collect()
}
