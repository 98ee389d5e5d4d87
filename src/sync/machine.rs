//! The sync machine: a pure function from a state and an input to a state and what to do.
//!
//! ```text
//!            ┌────────────── commit, poke, now, timer ──────────────┐
//!            ▼                                                      │
//!  idle ──► pulling ──► pushing ──► pulling (confirmations) ──► … ──► idle, timer
//!            │  ▲          │
//!            │  └── timer ─┤ failure: waiting (back-off with full jitter)
//!            └─────────────┴ 401: ask for a token once, then unauthorized
//! ```
//!
//! 1. At most one request is under way.
//! 2. A round pulls to the server's end before it pushes, so that a push seldom conflicts.
//! 3. After a push it pulls again: only a pull confirms.
//! 4. A round that changes nothing twice in a row backs off instead of spinning.
//! 5. Beside that it listens for news ([`super::live`]); what it hears leads to a round.
//! 6. Offline and paused send nothing; what was under way may still answer, and its answer counts.

use super::{
    live::{Heard, Live, Way},
    protocol::problem,
};
use std::sync::Arc;

/// The wait after the first failure, in milliseconds; it doubles with each further one.
pub const FIRST_BACKOFF: f64 = 500.0;
/// The longest wait after a failure, in milliseconds.
pub const LONGEST_BACKOFF: f64 = 60_000.0;
/// The wait until a server is asked again that speaks no version of the protocol that this code does, in milliseconds: half of it at least.
pub const UPGRADE_BACKOFF: f64 = 3_600_000.0;
/// The code of a failure because client and server speak no common version of the protocol.
pub(crate) const UPGRADE_NEEDED: &str = "upgrade-needed";
/// The code of a failure because another log answers.
pub(crate) const LOG_CHANGED: &str = "log-changed";
/// The code of a failure because the storage of this device is full.
pub(crate) const QUOTA_EXCEEDED: &str = "quota-exceeded";

/// What the machine is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Nothing; a timer for the next look at the server may run.
    #[default]
    Idle,
    /// A pull is under way.
    Pulling,
    /// A push is under way.
    Pushing,
    /// A failure is being waited out.
    Waiting,
    /// The app is being asked for a token.
    Asking,
    /// The server does not know the token, and the app has no other.
    Unauthorized,
}

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A stable word: `network`, `timeout`, `bad-answer`, `unauthorized`, `too-large`, `invalid`, `rate-limited`, `server`, `refused`,
    /// `upgrade-needed`, `log-changed`, `storage`, `quota-exceeded`, `app`.
    pub code: &'static str,
    /// What happened, for a person.
    pub message: String,
    /// The least wait that the server asked for, in milliseconds.
    pub retry_after: Option<u64>,
    /// The type of the problem, if the server itself named one in the words of the protocol (see [`problem`]); none if something
    /// else failed or answered in its place.
    ///
    /// [`problem`]: super::protocol::problem
    pub problem: Option<Arc<str>>,
}

impl Failure {
    /// Whether the server does not know the cursor: it was restored from a backup, or it is another log.
    #[must_use]
    pub fn is_of_lost_history(&self) -> bool {
        matches!(self.problem.as_deref(), Some(problem::HISTORY_LOST | problem::INVALID_CURSOR))
    }
}

impl Failure {
    /// Whether archived events stand in the way that this device does not know to be gone.
    #[must_use]
    pub fn is_of_archived(&self) -> bool {
        self.problem.as_deref() == Some(problem::ARCHIVED)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The loop starts, or starts again.
    Start,
    /// A commit was queued here, or a poke says that the server has news.
    Wanted,
    /// Somebody asks for a round: also a server that is not to be asked for long.
    Asked,
    /// The network came or went.
    Online(bool),
    /// The app paused or resumed.
    Paused(bool),
    /// The timer with this number rang.
    Rang(u32),
    /// A page was pulled and applied.
    Pulled {
        /// Whether it reached the server's end.
        up_to_date: bool,
        /// How many commits are pending now.
        pending: u64,
        /// Whether it changed anything here.
        news: bool,
    },
    /// A push was answered.
    Pushed {
        /// Whether any commit is in the server's log now that was not known to be.
        accepted: bool,
    },
    /// An exchange failed; with a number from 0 up to 1 for the jitter.
    Failed(Failure, f64),
    /// The app was asked for a token: whether there is a new one.
    Token(bool),
    /// Something was heard of the server without asking; with a number from 0 up to 1 for the jitter.
    Heard(Heard, f64),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Listen for news this way after so many milliseconds, once; earlier listening no longer counts.
    Listen(Way, u64),
    /// Stop listening.
    HangUp,
    /// Pull the next page and apply it.
    Pull,
    /// Push the first pending commits.
    Push,
    /// Ask the app for a new token.
    AskToken,
    /// Ring after this many milliseconds with this number; an earlier timer no longer counts.
    SetTimer(u32, u64),
}

/// The state of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What it is doing.
    pub doing: Doing,
    /// Whether the browser says that there is a network.
    pub online: bool,
    /// Whether the app paused it.
    pub paused: bool,
    /// The last failure, until an exchange succeeds.
    pub failure: Option<Failure>,
    /// Milliseconds between looks at the server while idle.
    pub poll_interval: u64,
    /// How it hears of news.
    pub live: Live,
    attempts: u32,
    wanted: bool,
    fruitless: u32,
    asked: bool,
    timer: u32,
}

impl Machine {
    /// A machine that has not started.
    #[must_use]
    pub fn new(poll_interval: u64, online: bool) -> Self {
        Self {
            doing: Doing::Idle,
            online,
            paused: false,
            failure: None,
            poll_interval,
            live: Live::default(),
            attempts: 0,
            wanted: false,
            fruitless: 0,
            asked: false,
            timer: 0,
        }
    }

    /// The number of the timer that counts.
    #[must_use]
    pub fn timer(&self) -> u32 {
        self.timer
    }

    /// Takes an input and answers with the next state and what to do.
    #[must_use]
    pub fn step(mut self, input: Input) -> (Self, Vec<Action>) {
        let reached = matches!(input, Input::Pulled { up_to_date: true, .. });
        let mut actions = self.take(input);
        if !self.may_send() || self.doing == Doing::Unauthorized || self.has_failed_by(UPGRADE_NEEDED) {
            if self.live.end() {
                actions.push(Action::HangUp);
            }
        } else if reached {
            actions.extend(self.live.begin());
        }
        (self, actions)
    }

    fn take(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Start => self.pull(),
            Input::Asked if self.has_failed_by(UPGRADE_NEEDED) || self.has_failed_by(LOG_CHANGED) => {
                self.begin_again()
            }
            Input::Wanted | Input::Asked => match self.doing {
                Doing::Idle => self.pull(),
                Doing::Pulling | Doing::Pushing => {
                    self.wanted = true;
                    vec![]
                }
                // a new wish does not shorten a back-off, and does not make a token
                Doing::Waiting | Doing::Asking | Doing::Unauthorized => vec![],
            },
            Input::Online(online) => {
                let came = online && !self.online;
                self.online = online;
                if came { self.begin_again() } else { vec![] }
            }
            Input::Paused(paused) => {
                let resumed = !paused && self.paused;
                self.paused = paused;
                if resumed { self.begin_again() } else { vec![] }
            }
            Input::Rang(timer) if timer == self.timer => match self.doing {
                Doing::Idle | Doing::Waiting => self.pull(),
                _ => vec![],
            },
            Input::Rang(_) => vec![],
            Input::Pulled { up_to_date, pending, news } => self.pulled(up_to_date, pending, news),
            Input::Pushed { .. } if self.is_full() => self.wait(LONGEST_BACKOFF),
            Input::Pushed { accepted } => {
                self.succeeded();
                self.fruitless = if accepted { 0 } else { self.fruitless + 1 };
                self.pull()
            }
            Input::Failed(failure, jitter) => self.failed(failure, jitter),
            Input::Heard(heard, jitter) => self.heard(&heard, jitter),
            Input::Token(true) => self.pull(),
            Input::Token(false) => {
                self.doing = Doing::Unauthorized;
                vec![]
            }
        }
    }

    fn heard(&mut self, heard: &Heard, jitter: f64) -> Vec<Action> {
        let before = self.live.way();
        let listen = self.live.hear(heard);
        let mut actions = match heard {
            Heard::News(_) => self.take(Input::Wanted),
            _ if self.doing != Doing::Idle => vec![],
            // whether the server can be reached at all is to be seen; what broke for one broke for many
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 up to 1
            Heard::Broken | Heard::Unfit => self.set_timer((FIRST_BACKOFF * jitter) as u64 + 1),
            _ if self.live.way() != before => self.set_timer(self.live.interval(self.poll_interval)),
            _ => vec![],
        };
        actions.extend(listen);
        actions
    }

    /// Whether anything may be sent.
    fn may_send(&self) -> bool {
        self.online && !self.paused
    }

    fn pull(&mut self) -> Vec<Action> {
        if !self.may_send() {
            self.doing = Doing::Idle;
            return vec![];
        }
        self.doing = Doing::Pulling;
        self.wanted = false;
        vec![Action::Pull]
    }

    /// The network or the app came back: waiting any longer has no reason, and a token may be there.
    fn begin_again(&mut self) -> Vec<Action> {
        match self.doing {
            Doing::Pulling | Doing::Pushing | Doing::Asking => {
                self.wanted = true;
                vec![]
            }
            Doing::Idle | Doing::Waiting | Doing::Unauthorized => {
                self.attempts = 0;
                self.fruitless = 0;
                self.asked = false;
                self.pull()
            }
        }
    }

    fn pulled(&mut self, up_to_date: bool, pending: u64, news: bool) -> Vec<Action> {
        // a server may answer pulls and fail at pushes: only an answered push ends the failure then
        if pending == 0 || (news && self.is_full()) {
            self.succeeded();
        }
        if news {
            self.fruitless = 0;
        }
        if !self.may_send() {
            self.doing = Doing::Idle;
            return vec![];
        }
        if !up_to_date {
            return self.pull();
        }
        if pending > 0 {
            if self.fruitless >= 2 {
                // the server takes nothing and has nothing new: somebody else must move first
                self.attempts = self.attempts.saturating_add(1);
                return self
                    .wait(LONGEST_BACKOFF.min(FIRST_BACKOFF * f64::from(1_u32 << self.fruitless.min(7))));
            }
            self.doing = Doing::Pushing;
            return vec![Action::Push];
        }
        if self.wanted {
            return self.pull();
        }
        self.doing = Doing::Idle;
        self.set_timer(self.live.interval(self.poll_interval))
    }

    /// Whether the storage of this device took nothing more the last time.
    fn is_full(&self) -> bool {
        self.has_failed_by(QUOTA_EXCEEDED)
    }

    fn has_failed_by(&self, code: &str) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.code == code)
    }

    fn succeeded(&mut self) {
        self.failure = None;
        self.attempts = 0;
        self.asked = false;
    }

    fn failed(&mut self, failure: Failure, jitter: f64) -> Vec<Action> {
        let unauthorized = failure.code == "unauthorized";
        let retry_after = failure.retry_after;
        self.failure = Some(failure);
        if self.is_full() {
            // what is on this device only gets out all the same; where it arrived, a pull tells once there is room
            if self.doing == Doing::Pulling && self.may_send() {
                self.doing = Doing::Pushing;
                return vec![Action::Push];
            }
            return self.wait(LONGEST_BACKOFF);
        }
        if self.has_failed_by(UPGRADE_NEEDED) {
            return self.wait(UPGRADE_BACKOFF * (1.0 + jitter) / 2.0);
        }
        if unauthorized {
            if self.asked {
                self.doing = Doing::Unauthorized;
                return vec![];
            }
            self.asked = true;
            self.doing = Doing::Asking;
            return vec![Action::AskToken];
        }
        let ceiling = LONGEST_BACKOFF.min(FIRST_BACKOFF * 2_f64.powi(self.attempts.min(10).cast_signed()));
        self.attempts = self.attempts.saturating_add(1);
        #[allow(clippy::cast_precision_loss)] // a wait of 2^53 ms is not honoured to the millisecond
        let least = retry_after.unwrap_or(0) as f64;
        self.wait((ceiling * jitter).max(least))
    }

    fn wait(&mut self, milliseconds: f64) -> Vec<Action> {
        self.doing = Doing::Waiting;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded above and below
        self.set_timer(milliseconds.clamp(1.0, 86_400_000.0) as u64)
    }

    fn set_timer(&mut self, milliseconds: u64) -> Vec<Action> {
        self.timer = self.timer.wrapping_add(1);
        vec![Action::SetTimer(self.timer, milliseconds)]
    }
}

#[cfg(test)]
mod listening;
#[cfg(test)]
mod tests;
