//! The server, and the network that leads to it.

use crate::{
    clock::Clock,
    executor::{Executor, Owner},
    random::Random,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use tidelog::{
    authority::MemoryLog,
    commit::ConfirmedCommit,
    sync::{
        protocol::problem,
        transport::{Answer, NoAnswer, Transport},
    },
};
use uuid::Uuid;

/// Milliseconds after which a request counts as lost.
const TIMEOUT: u64 = 30_000;

/// The server's log behind a network. Clones are the same.
#[derive(Clone)]
pub(crate) struct Server(Rc<Inner>);

struct Inner {
    log: RefCell<MemoryLog>,
    /// The last backup, at first of the empty log.
    backup: RefCell<Option<MemoryLog>>,
    /// The token that counts.
    token: Cell<u32>,
    /// Of a hundred exchanges, how many something happens to.
    trouble: Cell<usize>,
    clock: Clock,
    executor: Executor,
    random: Random,
    requests: Cell<u64>,
}

impl Server {
    pub(crate) fn new(clock: &Clock, executor: &Executor, seed: u64) -> Self {
        Self(Rc::new(Inner {
            log: RefCell::new(MemoryLog::new(Uuid::from_u128(0x51_0000_0000_4000_8000_0000_0000_0001))),
            backup: RefCell::default(),
            token: Cell::new(1),
            trouble: Cell::new(0),
            clock: clock.clone(),
            executor: executor.clone(),
            random: Random::new(seed),
            requests: Cell::new(0),
        }))
    }

    pub(crate) fn commits(&self) -> Vec<ConfirmedCommit> {
        self.0.log.borrow().commits().cloned().collect()
    }

    pub(crate) fn position(&self) -> u64 {
        self.0.log.borrow().position()
    }

    /// The cursor at the end of the log.
    pub(crate) fn cursor(&self) -> String {
        self.0.log.borrow().cursor().0
    }

    pub(crate) fn back_up(&self) {
        let log = self.0.log.borrow().clone();
        *self.0.backup.borrow_mut() = Some(log);
    }

    /// The log is what it was at the last backup; whether there is one. It takes a while.
    pub(crate) fn restore(&self) -> bool {
        let Some(backup) = self.0.backup.borrow().clone() else { return false };
        *self.0.log.borrow_mut() = backup;
        self.0.clock.pass(1_000);
        true
    }

    pub(crate) fn requests(&self) -> u64 {
        self.0.requests.get()
    }

    /// All tokens given out so far stop working.
    pub(crate) fn expire_tokens(&self) {
        self.0.token.set(self.0.token.get() + 1);
    }

    /// Of a hundred exchanges, something happens to so many from now on.
    pub(crate) fn set_trouble(&self, percent: usize) {
        self.0.trouble.set(percent);
    }

    /// A device's line.
    pub(crate) fn line(&self, online: &Rc<Cell<bool>>) -> Line {
        Line {
            server: self.clone(),
            online: Rc::clone(online),
            token: Rc::new(Cell::new(self.0.token.get())),
        }
    }

    fn serve(&self, token: u32, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.0.requests.set(self.0.requests.get() + 1);
        if token != self.0.token.get() {
            return refusal(401, problem::UNAUTHORIZED);
        }
        self.0.log.borrow_mut().answer(method, path, body, self.0.clock.timestamp())
    }
}

fn refusal(status: u16, kind: &str) -> Answer {
    let body = serde_json::json!({ "type": kind, "title": "refused", "status": status }).to_string();
    Answer { status, content_type: "application/problem+json".into(), body, retry_after: None }
}

/// What happens to an exchange.
enum Trouble {
    None,
    /// The request never arrives.
    LoseRequest,
    /// The server does its work, and dies or is cut off before it has answered.
    LoseAnswer,
    /// The answer breaks off.
    CutAnswer,
    /// The request arrives again, much later, when its sender no longer thinks of it.
    Repeat,
    /// Something between answers in the server's place.
    Stranger,
    /// The server says that it is busy.
    Busy,
    /// It takes very long.
    Slow,
}

/// A way to the server, with the token that its app has.
#[derive(Clone)]
pub(crate) struct Line {
    server: Server,
    online: Rc<Cell<bool>>,
    token: Rc<Cell<u32>>,
}

impl Line {
    fn trouble(&self) -> Trouble {
        let Inner { random, trouble, .. } = &*self.server.0;
        if random.below(100) >= trouble.get() {
            return Trouble::None;
        }
        match random.below(7) {
            0 => Trouble::LoseRequest,
            1 => Trouble::LoseAnswer,
            2 => Trouble::CutAnswer,
            3 => Trouble::Repeat,
            4 => Trouble::Stranger,
            5 => Trouble::Busy,
            _ => Trouble::Slow,
        }
    }

    async fn way(&self) {
        self.server.0.clock.sleep(1 + self.server.0.random.below(40) as u64).await;
    }
}

fn lost() -> Result<Answer, NoAnswer> {
    Err(NoAnswer { timeout: true, reason: "nothing came".into() })
}

impl Transport for Line {
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer> {
        let Inner { clock, executor, random, .. } = &*self.server.0;
        self.way().await;
        if !self.online.get() {
            clock.sleep(TIMEOUT).await;
            return lost();
        }
        let token = self.token.get();
        let serve = || self.server.serve(token, method, path, body.as_deref());
        let answer = match self.trouble() {
            Trouble::None => serve(),
            Trouble::LoseRequest => {
                clock.sleep(TIMEOUT).await;
                return lost();
            }
            Trouble::LoseAnswer => {
                serve();
                clock.sleep(TIMEOUT).await;
                return lost();
            }
            Trouble::CutAnswer => {
                let mut answer = serve();
                let half = (0..=answer.body.len() / 2).rev().find(|&at| answer.body.is_char_boundary(at));
                answer.body.truncate(half.unwrap_or_default());
                answer
            }
            Trouble::Repeat => {
                let (server, clock, late) =
                    (self.server.clone(), clock.clone(), random.below(100_000) as u64);
                let (method, path, body) = (method.to_owned(), path.to_owned(), body.clone());
                executor.spawn(Owner::NETWORK, async move {
                    clock.sleep(late).await;
                    server.serve(token, &method, &path, body.as_deref());
                });
                serve()
            }
            Trouble::Stranger => Answer {
                status: [200, 404, 413, 500][random.below(4)],
                content_type: "text/html".into(),
                body: "<title>Log in</title>".into(),
                retry_after: None,
            },
            Trouble::Busy => {
                Answer { retry_after: Some(random.below(2_000) as u64), ..refusal(503, problem::UNAVAILABLE) }
            }
            Trouble::Slow => {
                clock.sleep(random.below(TIMEOUT as usize) as u64).await;
                serve()
            }
        };
        self.way().await;
        if self.online.get() { Ok(answer) } else { lost() }
    }

    async fn renew_token(&self) -> bool {
        self.way().await;
        self.token.set(self.server.0.token.get());
        true
    }

    async fn sleep(&self, milliseconds: u64) {
        self.server.0.clock.sleep(milliseconds).await;
    }
}
