//! Counting and timing while the engine works.

use super::{Counter, Counters, Histogram, Latencies, Latency, Timing};
use crate::{environment::Surroundings, time::Timestamp};
use serde::Serialize;
use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// How many of the latest failures are kept.
const FAILURES: usize = 20;

/// A failure, without what it was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What was being done.
    pub doing: &'static str,
    /// The code of the error.
    pub code: String,
}

/// Who is told of every single timing: its name, when it began by the clock of [`Surroundings::elapsed`], and how long it took.
pub(crate) type Listener = Rc<dyn Fn(&'static str, f64, f64)>;

/// What an opening counts and measures as it goes.
pub(crate) struct Meter {
    surroundings: Surroundings,
    listener: Option<Listener>,
    book: RefCell<Book>,
}

struct Book {
    since: Timestamp,
    counters: Counters,
    histograms: [Histogram; Timing::ALL.len()],
    failures: VecDeque<Failure>,
}

/// When something began.
#[derive(Clone, Copy)]
pub(crate) struct Began(f64);

impl Book {
    fn new(since: Timestamp) -> Self {
        Self {
            since,
            counters: Counters::default(),
            histograms: std::array::from_fn(|_| Histogram::default()),
            failures: VecDeque::new(),
        }
    }
}

impl Meter {
    pub(crate) fn new(surroundings: Surroundings, listener: Option<Listener>) -> Self {
        let book = RefCell::new(Book::new(surroundings.stated()));
        Self { surroundings, listener, book }
    }

    pub(crate) fn begin(&self) -> Began {
        Began(self.surroundings.elapsed())
    }

    /// Notes how long something took.
    pub(crate) fn end(&self, timing: Timing, Began(began): Began) {
        let took = self.surroundings.elapsed() - began;
        self.took(timing, took);
        if let Some(tell) = &self.listener {
            tell(timing.name(), began, took.max(0.0));
        }
    }

    /// Notes a duration in milliseconds that no clock of ours measured.
    pub(crate) fn took(&self, timing: Timing, milliseconds: f64) {
        self.book.borrow_mut().histograms[timing as usize].record(milliseconds);
    }

    pub(crate) fn count(&self, counter: Counter, more: u64) {
        self.book.borrow_mut().counters.add(counter, more);
    }

    /// Notes a failure of what was being done.
    pub(crate) fn failed(&self, doing: &'static str, code: &str) {
        let failure = Failure { at: self.surroundings.stated(), doing, code: code.to_owned() };
        let failures = &mut self.book.borrow_mut().failures;
        if failures.len() == FAILURES {
            failures.pop_front();
        }
        failures.push_back(failure);
    }

    pub(crate) fn since(&self) -> Timestamp {
        self.book.borrow().since
    }

    pub(crate) fn counters(&self) -> Counters {
        self.book.borrow().counters
    }

    pub(crate) fn latencies(&self) -> Latencies {
        let mut latencies = [Latency::default(); Timing::ALL.len()];
        for (latency, histogram) in latencies.iter_mut().zip(&self.book.borrow().histograms) {
            *latency = histogram.latency();
        }
        Latencies(latencies)
    }

    /// The latest failures, the oldest first.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.book.borrow().failures.iter().cloned().collect()
    }

    /// Begins anew.
    pub(crate) fn reset(&self) {
        *self.book.borrow_mut() = Book::new(self.surroundings.stated());
    }
}
