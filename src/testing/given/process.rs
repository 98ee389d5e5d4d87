//! Stories about a process manager, with time.

use super::{
    difference::{same, same_json},
    happened::{Happened, recorded},
    offline::Order,
};
use crate::{
    event::RecordedEvent,
    process::{
        Errand, Instance, Manager, ProcessManager, ProcessState, StepState, advance, erase,
        note::{self, Note},
        take_note,
    },
    testing::NOW,
    time::Timestamp,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
    rc::Rc,
};

/// Given these events, which a process manager knows as history: what they led to has been done.
///
/// ```
/// # use tidelog::{commit::Command, event::RecordedEvent, json::Json};
/// # use tidelog::process::{Correlation, Errand, ProcessContext, ProcessManager, Reaction};
/// use serde_json::json;
/// use tidelog::testing::given::{self, command, happened};
///
/// /// A reminder after seven days without a lesson.
/// struct Reminder;
/// # impl ProcessManager for Reminder {
/// #     const NAME: &'static str = "reminder";
/// #     type State = u32;
/// #     fn correlate(event: &RecordedEvent) -> Correlation { Correlation::Start(event.stream.id().to_owned()) }
/// #     fn evolve(lessons: u32, _: &RecordedEvent) -> u32 { lessons + 1 }
/// #     fn react(_: &u32, _: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> {
/// #         vec![Reaction::after("idle", 7 * 86_400_000)]
/// #     }
/// #     fn on_timeout(_: &u32, _: &str, context: &ProcessContext) -> Vec<Reaction> {
/// #         let command = Command { command_type: "Remind".into(), data: Json::null() };
/// #         vec![Reaction::Execute(Errand::new("inbox", &context.instance, command))]
/// #     }
/// # }
/// const DAY: i64 = 86_400_000;
/// let lesson = || happened("course-ada", json!({ "type": "LessonCompleted", "data": null }));
/// given::process::<Reminder>([lesson()])
///     .later(6 * DAY)
///     .when(lesson())
///     .later(6 * DAY)
///     .then_nothing()
///     .later(DAY)
///     .then_commands([command("inbox-ada", json!({ "type": "Remind", "data": null }))]);
/// ```
///
/// # Panics
/// If the process manager's functions break.
#[must_use]
#[track_caller]
pub fn process<P: ProcessManager>(history: impl IntoIterator<Item = Happened>) -> Process<P> {
    let mut process = Process {
        manager: erase::<P>(),
        instances: BTreeMap::new(),
        happened: Vec::new(),
        refusals: HashMap::new(),
        commands: Vec::new(),
        now: NOW,
        process: PhantomData,
    };
    for event in history {
        process.take(event, false);
    }
    process
}

/// A process manager, its instances, and the commands that it has given.
pub struct Process<P> {
    manager: Rc<dyn Manager>,
    instances: BTreeMap<String, Instance>,
    happened: Vec<Happened>,
    refusals: HashMap<String, String>,
    /// Since they were last looked at.
    commands: Vec<Errand>,
    now: Timestamp,
    process: PhantomData<P>,
}

impl<P: ProcessManager> Process<P> {
    /// From now on, commands for this stream are refused with this code.
    #[must_use]
    pub fn refuse(mut self, stream: &str, code: &str) -> Self {
        self.refusals.insert(stream.to_owned(), code.to_owned());
        self
    }

    /// An event happens now.
    ///
    /// # Panics
    /// If the process manager's functions break.
    #[must_use]
    #[track_caller]
    pub fn when(mut self, event: Happened) -> Self {
        self.take(event, true);
        self
    }

    /// So many milliseconds go by; what is due on the way rings.
    ///
    /// # Panics
    /// If the process manager's functions break.
    #[must_use]
    #[track_caller]
    pub fn later(mut self, milliseconds: i64) -> Self {
        let end = Timestamp(self.now.millis() + milliseconds);
        loop {
            let timeouts = self.instances.values().flat_map(|instance| {
                instance.timeouts.iter().map(|timeout| (timeout.due, instance.id.clone(), timeout.clone()))
            });
            let next = timeouts.filter(|(due, ..)| *due <= end).min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            let Some((due, id, timeout)) = next else { break };
            self.now = self.now.max(due);
            let said = Note {
                timeout: Some(timeout.name),
                due: Some(due),
                origin: Some(timeout.origin.event),
                ..Note::default()
            };
            self.note(&id, &said, note::TIMED_OUT);
            self.carry_out(&id);
        }
        self.now = end;
        self
    }

    /// These commands were accepted, in this order, since the last look.
    ///
    /// # Panics
    /// If others were.
    #[track_caller]
    pub fn then_commands(mut self, expected: impl IntoIterator<Item = Order>) -> Self {
        let shape =
            |stream: &str, command: &crate::commit::Command| json!({ "stream": stream, "command": command });
        let expected = expected.into_iter().map(|order| shape(order.stream.as_str(), &order.command));
        let expected: Vec<_> = expected.collect();
        let given = self.commands.drain(..);
        let given: Vec<_> = given
            .map(|errand| shape(&format!("{}-{}", errand.aggregate, errand.id), &errand.command))
            .collect();
        same_json("the commands", &expected, &given);
        self
    }

    /// It gave no command since the last look.
    ///
    /// # Panics
    /// If it gave one.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then_commands([])
    }

    /// Where an instance stands; none if there is no such instance.
    ///
    /// # Panics
    /// If it stands elsewhere.
    #[track_caller]
    pub fn then_status(self, instance: &str, expected: Option<ProcessState>) -> Self {
        let status = self.instances.get(instance).map(|it| it.status);
        same(&format!("the statuses of {instance}"), &expected, &status);
        self
    }

    /// What the process remembers of an instance; none if there is no such instance.
    ///
    /// # Panics
    /// If it remembers something else.
    #[track_caller]
    pub fn then_state(self, instance: &str, expected: Option<&P::State>) -> Self {
        same_json(
            &format!("the states of {instance}"),
            &expected,
            &self.instances.get(instance).map(|it| &it.state),
        );
        self
    }

    /// What an instance waits for: the names of its timeouts, and in how many milliseconds each rings.
    ///
    /// # Panics
    /// If it waits for something else.
    #[track_caller]
    pub fn then_waits<'a>(self, instance: &str, expected: impl IntoIterator<Item = (&'a str, i64)>) -> Self {
        let timeouts = self.instances.get(instance).map_or(&[][..], |it| &it.timeouts);
        let left = timeouts.iter().map(|it| (&*it.name, it.due.millis() - self.now.millis()));
        let (expected, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (expected.into_iter().collect(), left.collect());
        same(&format!("the timeouts of {instance}"), &expected, &left);
        self
    }

    #[track_caller]
    fn take(&mut self, event: Happened, live: bool) {
        let event = self.recorded(event);
        if !self.manager.types().is_empty() && !self.manager.types().contains(&event.event.event_type) {
            return;
        }
        let correlations = self.manager.correlate(std::slice::from_ref(&event));
        for correlation in correlations.unwrap_or_else(|error| panic!("{error}")) {
            use crate::process::Correlation::{Continue, Ignore, Start, Stop};
            let (Start(id) | Continue(id) | Stop(id)) = &correlation else {
                debug_assert_eq!(correlation, Ignore);
                continue;
            };
            let advanced = advance(&*self.manager, self.instances.remove(id), &event, &correlation, live);
            let Some(instance) = advanced.unwrap_or_else(|error| panic!("{error}")) else { continue };
            self.instances.insert(id.clone(), instance);
            self.carry_out(id);
            if !live {
                self.commands.clear();
            }
        }
    }

    /// The event with what recording adds, now.
    fn recorded(&mut self, mut event: Happened) -> RecordedEvent {
        event.event.occurred_at = event.event.occurred_at.or(Some(self.now));
        self.happened.push(event);
        let mut recorded = recorded(self.happened.iter().cloned()).pop().expect("the event just pushed");
        recorded.recorded_at = Some(self.now);
        recorded
    }

    #[track_caller]
    fn note(&mut self, id: &str, said: &Note, event_type: &str) {
        let stream = crate::stream::StreamName::of(self.manager.name(), id).expect("the stream of a process");
        let event = self.recorded(Happened { stream, event: said.event(event_type), actor: None });
        let Some(instance) = self.instances.remove(id) else { return };
        let taken = take_note(&*self.manager, instance, &event, true);
        self.instances.insert(id.to_owned(), taken.unwrap_or_else(|error| panic!("{error}")));
    }

    /// Carries the steps of an instance out, in order; then, if one was refused, what makes up for those before it.
    #[track_caller]
    fn carry_out(&mut self, id: &str) {
        while let Some((index, undo)) = self.next_step(id) {
            let Some(instance) = self.instances.get_mut(id) else { return };
            let step = &mut instance.steps[index];
            let (step_id, errand) = match (undo, &step.errand.compensation) {
                (false, _) => (step.id, Some(step.errand.clone())),
                (true, compensation) => (step.undo_id(), compensation.as_deref().cloned()),
            };
            let stream = errand.as_ref().map(|errand| format!("{}-{}", errand.aggregate, errand.id));
            let code = stream.and_then(|stream| self.refusals.get(&stream).cloned());
            match (errand, code) {
                (Some(errand), Some(code)) => {
                    let said = Note::of_step(step_id, &errand, Some((code.clone(), code)));
                    self.note(id, &said, note::STEP_FAILED);
                }
                (errand, _) => {
                    step.state = if undo { StepState::Undone } else { StepState::Done };
                    instance.settle();
                    self.commands.extend(errand);
                }
            }
        }
    }

    /// The next step to carry out, or else the latest to make up for.
    fn next_step(&mut self, id: &str) -> Option<(usize, bool)> {
        let instance = self.instances.get_mut(id)?;
        for step in instance.steps.iter_mut().filter(|step| step.undo && step.state == StepState::Open) {
            step.state = StepState::Skipped;
        }
        instance.settle();
        if instance.status == ProcessState::Failed {
            return None;
        }
        let open = instance.steps.iter().position(|step| step.state == StepState::Open);
        let undo = || instance.steps.iter().rposition(|step| step.undo && step.state == StepState::Done);
        open.map(|index| (index, false)).or_else(|| Some((undo()?, true)))
    }
}
