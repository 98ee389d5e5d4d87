//! One change at a time: whoever wants to change the log leaves a job and waits, and those who wait drive the work together.
//!
//! The work is one future that belongs to no caller. It is polled by whichever caller is awake, so a caller that is dropped
//! halfway neither cuts a write in two nor leaves the others hanging. A job whose caller is gone before its turn is skipped.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Work that runs to its end once it has begun.
pub(super) type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Where an answer will be.
#[derive(Debug)]
pub(super) struct Slot<T>(Rc<RefCell<Option<T>>>);

impl<T> Slot<T> {
    pub(super) fn new() -> Self {
        Self(Rc::default())
    }

    pub(super) fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }

    pub(super) fn answer(&self, value: T) {
        self.0.replace(Some(value));
    }

    /// Whether the caller is gone: all that is left are the job's own `copies`.
    pub(super) fn is_left_to(&self, copies: usize) -> bool {
        Rc::strong_count(&self.0) <= copies
    }
}

/// Those who wait, in the order they came.
#[derive(Default)]
struct Waiting(Mutex<Vec<(u64, Waker)>>);

impl Waiting {
    fn with<T>(&self, look: impl FnOnce(&mut Vec<(u64, Waker)>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, id: u64, waker: &Waker) {
        self.with(|list| match list.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => known.clone_from(waker),
            None => list.push((id, waker.clone())),
        });
    }

    fn wake_all(&self) {
        for (_, waker) in self.with(|list| list.clone()) {
            waker.wake();
        }
    }
}

/// Progress of the work wakes everybody who waits: nobody can tell who of them is still being polled.
impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

/// The desk where jobs of type `J` are left.
pub(super) struct Desk<J> {
    jobs: RefCell<VecDeque<J>>,
    work: RefCell<Option<Work>>,
    busy: Cell<bool>,
    waiting: Arc<Waiting>,
    callers: Cell<u64>,
}

impl<J> Desk<J> {
    pub(super) fn new() -> Self {
        Self {
            jobs: RefCell::default(),
            work: RefCell::default(),
            busy: Cell::new(false),
            waiting: Arc::default(),
            callers: Cell::new(0),
        }
    }

    pub(super) fn leave(&self, job: J) {
        self.jobs.borrow_mut().push_back(job);
    }

    /// The next job, if it is one that `wanted` takes.
    pub(super) fn next_if(&self, wanted: impl FnOnce(&J) -> bool) -> Option<J> {
        let mut jobs = self.jobs.borrow_mut();
        if jobs.front().is_some_and(wanted) { jobs.pop_front() } else { None }
    }

    /// Answers were given: those who wait look for theirs.
    pub(super) fn announce(&self) {
        self.waiting.wake_all();
    }

    /// Waits for an answer, driving the work meanwhile; `begin` makes the future that does all jobs there are.
    pub(super) async fn wait<T>(&self, slot: Slot<T>, begin: impl Fn() -> Work) -> T {
        let id = self.callers.get();
        self.callers.set(id + 1);
        let _leaving = Leaving { waiting: &self.waiting, id };
        poll_fn(|cx| {
            if let Some(answer) = slot.0.take() {
                return Poll::Ready(answer);
            }
            self.waiting.set(id, cx.waker());
            self.drive(&begin);
            match slot.0.take() {
                Some(answer) => Poll::Ready(answer),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Polls the work as far as it goes now.
    fn drive(&self, begin: &impl Fn() -> Work) {
        if self.busy.replace(true) {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.waiting));
        let mut cx = Context::from_waker(&waker);
        loop {
            let work = self.work.take();
            let mut work = match work {
                Some(work) => work,
                None if self.jobs.borrow().is_empty() => break,
                None => begin(),
            };
            if work.as_mut().poll(&mut cx).is_pending() {
                self.work.replace(Some(work));
                break;
            }
        }
        self.busy.set(false);
    }
}

/// A caller that has its answer or is dropped hands the work to the next.
struct Leaving<'d> {
    waiting: &'d Waiting,
    id: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.waiting.with(|list| list.retain(|(id, _)| *id != self.id));
        self.waiting.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    type Sums = Desk<(u32, Slot<u32>)>;

    /// Adds one to every number, once the gate is open.
    fn work(desk: &Rc<Sums>, gate: &Rc<Cell<bool>>) -> Work {
        let (desk, gate) = (Rc::clone(desk), Rc::clone(gate));
        Box::pin(async move {
            while let Some((number, answer)) = desk.next_if(|_| true) {
                let pass = |cx: &mut Context<'_>| {
                    cx.waker().wake_by_ref();
                    if gate.get() { Poll::Ready(()) } else { Poll::Pending }
                };
                poll_fn(pass).await;
                answer.answer(number + 1);
                desk.announce();
            }
        })
    }

    async fn next(desk: Rc<Sums>, gate: Rc<Cell<bool>>, number: u32) -> u32 {
        let slot = Slot::new();
        desk.leave((number, slot.share()));
        desk.wait(slot, || work(&desk, &gate)).await
    }

    #[test]
    fn a_caller_dropped_in_the_middle_does_not_stop_the_others() {
        let (desk, gate) = (Rc::new(Desk::new()), Rc::new(Cell::new(false)));
        let mut dropped = Box::pin(next(Rc::clone(&desk), Rc::clone(&gate), 1));
        let mut stays = Box::pin(next(Rc::clone(&desk), Rc::clone(&gate), 2));
        assert!(dropped.as_mut().now_or_never().is_none());
        assert!(stays.as_mut().now_or_never().is_none());
        drop(dropped);
        gate.set(true);
        assert_eq!(futures_executor::block_on(stays), 3);
    }

    #[test]
    fn work_that_everybody_left_goes_on_with_the_next_caller() {
        let (desk, gate) = (Rc::new(Desk::new()), Rc::new(Cell::new(false)));
        assert!(next(Rc::clone(&desk), Rc::clone(&gate), 1).now_or_never().is_none());
        gate.set(true);
        assert_eq!(futures_executor::block_on(next(desk, gate, 5)), 6);
    }
}
