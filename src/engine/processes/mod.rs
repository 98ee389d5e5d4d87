//! Process managers at work: following the confirmed log, carrying out steps, letting timeouts ring.
//!
//! One tab does it, the one that runs [`Engine::run_processes`] while it holds a Web Lock. Where there are no locks several may: each
//! write of rows insists on the process's checkpoint being as the writer knows it, and what they carry out has the same ids.
//!
//! **One instance that fails holds up no other.** Where a function of the app fails, its instance is parked before that event; what comes
//! to it afterwards waits in the log. Where it can't be said which instance an event is for, the whole process stands before it.
//!
//! **History is folded, never acted upon.** When a process first runs on a device, what is confirmed already, and what comes down
//! until the first sync reaches the server's end, only makes states: other devices have acted on it, or a person decided without
//! such a process. What this device itself decided since then is always acted upon.

mod ahead;
mod feed;
mod list;
mod parked;
mod ring;
mod rows;
mod run;
mod work;

pub use list::{ListedProcess, ListedStep, ListedTimeout, ProcessStatus};

use super::{Changed, Inner, Parts, ReadError, WriteError, driver::Message, error::shown};
use crate::{
    health::ProcessSigns,
    id::CommitId,
    log::store::{Bytes, Store},
    process::{Instance, Manager, ProcessError},
    stream::StreamName,
    time::Timestamp,
};
use futures_util::lock::Mutex;
use rows::Checkpoint;
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

/// A process manager at work in this tab.
pub(super) struct Process {
    manager: Rc<dyn Manager>,
    /// Held by whoever works on it.
    turn: Mutex<()>,
    /// How far it is, as far as this tab knows.
    checkpoint: RefCell<Option<Checkpoint>>,
    /// The row of the checkpoint as this tab knows it, which fences its writes.
    stored: RefCell<Option<Bytes>>,
    /// The instances that want something done, and when.
    agenda: RefCell<HashMap<String, Wanted>>,
    /// The epoch and position of the log, and the number of the checkpoint, at which the open steps were last looked at.
    worked: Cell<Option<(u64, u64, u64)>>,
    /// Steps carried out because of pending events.
    ahead: RefCell<HashSet<CommitId>>,
    /// Whether this opening has tried parked instances again.
    tried_parked: Cell<bool>,
    /// What keeps it from going on.
    trouble: RefCell<Option<Trouble>>,
}

/// What an instance wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wanted {
    open: bool,
    due: Option<Timestamp>,
    /// Whether a person has to see to it.
    #[serde(default)]
    stuck: bool,
}

impl Wanted {
    fn of(instance: &Instance) -> Option<Self> {
        let wanted = Self { open: instance.is_open(), due: instance.due(), stuck: instance.is_stuck() };
        (wanted.open || wanted.due.is_some() || wanted.stuck).then_some(wanted)
    }
}

/// What keeps a process or an instance from going on. Nothing is lost: it is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// A stable word, as of [`WriteError::code`].
    pub code: &'static str,
    /// What happened, for a person.
    pub message: String,
    /// The instance, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Process {
    pub(super) fn new(manager: Rc<dyn Manager>) -> Self {
        Self {
            manager,
            turn: Mutex::new(()),
            checkpoint: RefCell::default(),
            stored: RefCell::default(),
            agenda: RefCell::default(),
            worked: Cell::default(),
            ahead: RefCell::default(),
            tried_parked: Cell::default(),
            trouble: RefCell::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.manager.name()
    }

    fn note_trouble(&self, error: &WriteError, instance: Option<&str>) {
        let (code, message) = (error.code(), error.to_string());
        *self.trouble.borrow_mut() = Some(Trouble { code, message, instance: instance.map(str::to_owned) });
    }
}

/// A process has a name that streams can have, and that no aggregate has: its notes go to streams of that name.
pub(super) fn check_names(parts: &Parts) -> Result<(), ReadError> {
    for process in &parts.processes {
        let name = process.name();
        let is_taken = parts.registry.get(name).is_some();
        if is_taken || name.len() > 128 || name.contains('-') || StreamName::of(name, "1").is_err() {
            let reason = "a process has a name of 1 to 128 bytes without hyphens or control characters, which no aggregate has";
            let process = Arc::clone(name);
            return Err(ProcessError { process, place: "opening".into(), reason: reason.into() }.into());
        }
    }
    Ok(())
}

impl<S: Store> Inner<S> {
    fn process(&self, name: &str) -> Result<&Process, ReadError> {
        let named = |process: &&Process| process.name() == name;
        self.processes.iter().find(named).ok_or_else(|| ReadError::UnknownProcess(shown(name)))
    }

    /// Instances are not what they were: tells the host, who waits here, and the other tabs.
    fn tell_of_processes(&self) {
        self.tell(Message::Processed);
        self.signal.notify();
        self.host.changed(Changed { streams: Some(vec![]), sync: true });
    }

    /// What keeps processes from going on, as far as this tab knows.
    pub(super) fn process_signs(&self) -> Vec<ProcessSigns> {
        let signs = |process: &Process| ProcessSigns {
            name: Arc::clone(process.manager.name()),
            stuck: self.stuck_instances(process),
            trouble: process.trouble.borrow().as_ref().map(|it| (it.instance.clone(), it.message.clone())),
        };
        self.processes.iter().map(signs).collect()
    }

    /// Whether streams of this aggregate hold the notes of a process.
    pub(super) fn is_process(&self, aggregate: &str) -> bool {
        self.processes.iter().any(|process| process.name() == aggregate)
    }
}
