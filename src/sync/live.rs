//! Hearing of news without asking: which way is tried, and when another one. Pure, a part of the [machine](super::machine).
//!
//! ```text
//!            3 times broken, or unfit        3 times broken, or unfit
//!   stream ───────────────────────► long-poll ──────────────────────► poll
//!     ▲ ▲                               │                              │
//!     │ └── after 12 quiet answers ─────┘                              │
//!     └──────────────────── after 5 minutes ───────────────────────────┘
//! ```
//!
//! 1. News are a page that a pull would have brought: it is taken in by the same path, if it begins where this device stands; otherwise it
//!    is a hint to pull.
//! 2. Listening begins when a pull has reached the server's end. After a break a pull has to succeed first: so a server or network that
//!    is away is told from one that only streams do not get through.
//! 3. While a way is open the server is looked at once a minute rather than each interval.

use super::{
    machine::Action,
    protocol::{Cursor, Page},
};
use serde::Serialize;

/// How news come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// By a stream of server-sent events.
    Stream,
    /// By an answer that waits for them.
    LongPoll,
    /// By looking now and then.
    #[default]
    Poll,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The server answers this way; no news yet.
    Open,
    /// There are commits.
    News(Box<News>),
    /// A sign of life without news, or with none that this device has not.
    Quiet,
    /// The server closed in order.
    Closed,
    /// It broke off, or never came about.
    Broken,
    /// The server does not want to now; ask again after so many milliseconds.
    Busy(u64),
    /// This way does not work between here and the server: something else answered, or collects what should flow.
    Unfit,
}

/// What a pull after a cursor would have been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The cursor before it.
    pub after: Cursor,
    /// The commits behind it.
    pub page: Page,
}

/// How often a way may break in a row before another one is tried.
const PATIENCE: u32 = 3;
/// After how many quiet answers that waited a stream is tried again: about 5 minutes.
const QUIET_ANSWERS: u32 = 12;
/// After how many milliseconds a stream is tried again where nothing but polling worked.
const AGAIN: u64 = 300_000;
/// The wait before listening again after the second break in a row, in milliseconds; it doubles with each further one.
const FIRST_WAIT: u64 = 1_000;
/// Where a way is open, the longest time without a look at the server, in milliseconds.
const LOOK: u64 = 60_000;

/// Where listening stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    trying: Way,
    open: bool,
    listening: bool,
    broken: u32,
    quiet: u32,
}

impl Default for Live {
    fn default() -> Self {
        Self { trying: Way::Stream, open: false, listening: false, broken: 0, quiet: 0 }
    }
}

impl Live {
    /// How news come now.
    #[must_use]
    pub fn way(&self) -> Way {
        if self.open { self.trying } else { Way::Poll }
    }

    /// Whether listening is under way.
    pub(crate) fn is_listening(&self) -> bool {
        self.listening
    }

    /// Milliseconds between looks at the server while idle, of an app that wants this many.
    pub(super) fn interval(&self, wanted: u64) -> u64 {
        if self.open { wanted.max(LOOK) } else { wanted }
    }

    /// A pull has reached the server's end.
    pub(super) fn begin(&mut self) -> Option<Action> {
        if self.listening {
            return None;
        }
        let wait = if self.broken < 2 { 0 } else { FIRST_WAIT << (self.broken - 2).min(6) };
        Some(self.listen(wait))
    }

    /// Nothing may be sent any more; whether something was under way.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(self).listening
    }

    pub(super) fn hear(&mut self, heard: &Heard) -> Option<Action> {
        self.listening = false;
        match heard {
            Heard::Open => {
                self.open = true;
                Some(self.listen(0))
            }
            Heard::News(_) => {
                self.open = true;
                // an answer that waited was whole, a stream may yet be cut; and asked at once, the same news would come again
                if self.trying == Way::LongPoll {
                    self.broken = 0;
                    return None;
                }
                Some(self.listen(0))
            }
            Heard::Quiet => {
                self.open = true;
                self.broken = 0;
                if self.trying == Way::LongPoll {
                    self.quiet += 1;
                    if self.quiet >= QUIET_ANSWERS {
                        *self = Self::default();
                    }
                }
                Some(self.listen(0))
            }
            Heard::Closed => {
                self.broken = 0;
                Some(self.listen(0))
            }
            Heard::Broken => {
                self.open = false;
                self.broken += 1;
                if self.broken >= PATIENCE { self.turn() } else { None }
            }
            Heard::Busy(least) => {
                self.open = false;
                Some(self.listen((*least).clamp(FIRST_WAIT, AGAIN)))
            }
            Heard::Unfit => self.turn(),
        }
    }

    /// Tries the next way.
    fn turn(&mut self) -> Option<Action> {
        let from = std::mem::take(self).trying;
        if from == Way::Stream {
            self.trying = Way::LongPoll;
            return None;
        }
        Some(self.listen(AGAIN))
    }

    fn listen(&mut self, wait: u64) -> Action {
        self.listening = true;
        Action::Listen(self.trying, wait)
    }
}
