//! The server, and the network that leads to it.

use crate::{
    academy,
    clock::Clock,
    executor::{Executor, Owner},
    front::{Front, heard_after},
    random::Random,
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};
use tidelog::{
    authority::{MemoryLog, PageLimit, Rights, Streams, domain::Counsel},
    commit::ConfirmedCommit,
    sync::{
        live::{Heard, News, Way},
        protocol::{Archived, Cursor, Page, problem},
        transport::{Answer, NoAnswer, Transport},
    },
};
use uuid::Uuid;

/// The processes of the server.
pub(crate) const FRONTS: usize = 2;
/// Milliseconds of silence after which a process looks whether there is something new, and says that it lives.
const HEARTBEAT: u64 = 15_000;
/// Milliseconds after which a request counts as lost.
const TIMEOUT: u64 = 30_000;

/// The server's log behind a network. Clones are the same.
#[derive(Clone)]
pub(crate) struct Server(Rc<Inner>);

struct Inner {
    log: RefCell<MemoryLog>,
    /// The rules, with what they have seen of the log, whatever becomes of it.
    counsel: RefCell<Counsel>,
    misjudged: RefCell<Option<String>>,
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
    fronts: [Front; FRONTS],
    restored: Cell<bool>,
    /// Streams that were archived once, whatever became of them.
    left: RefCell<BTreeSet<String>>,
}

impl Server {
    pub(crate) fn new(clock: &Clock, executor: &Executor, seed: u64) -> Self {
        // of small pages it takes several to get anywhere
        let few = [2, 5, 1_000][(seed % 3) as usize];
        let pages = PageLimit { events: few, passed: few, ..PageLimit::default() };
        Self(Rc::new(Inner {
            log: RefCell::new(
                MemoryLog::new(Uuid::from_u128(0x51_0000_0000_4000_8000_0000_0000_0001)).with_pages(pages),
            ),
            counsel: RefCell::new(Counsel::new(academy::domain().unwrap_or_default())),
            misjudged: RefCell::default(),
            restored: Cell::new(false),
            left: RefCell::default(),
            backup: RefCell::default(),
            token: Cell::new(1),
            trouble: Cell::new(0),
            clock: clock.clone(),
            executor: executor.clone(),
            random: Random::new(seed),
            requests: Cell::new(0),
            fronts: [(); FRONTS].map(|()| Front::default()),
        }))
    }

    pub(crate) fn commits(&self) -> Vec<ConfirmedCommit> {
        self.0.log.borrow().commits().cloned().collect()
    }

    pub(crate) fn version_of(&self, stream: &str) -> u64 {
        let log = self.0.log.borrow();
        let of_stream = log.commits().filter(|it| it.commit.stream.as_str() == stream);
        of_stream.map(|it| it.commit.count()).sum()
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
        self.0.restored.set(true);
        self.0.clock.pass(1_000);
        true
    }

    /// A stream as it stands leaves the log for an archive; nothing if there is none.
    pub(crate) fn archive(&self, stream: &str) {
        let mut log = self.0.log.borrow_mut();
        let leaving = log.leaving(stream, "a digest", "an archive");
        if log.archive(leaving.into_iter().collect(), self.0.clock.timestamp()).is_empty() {
            return;
        }
        self.0.left.borrow_mut().insert(stream.to_owned());
    }

    /// The markers of the streams that are archived now.
    pub(crate) fn archived(&self) -> Vec<Archived> {
        let all = self.0.log.borrow().archived(&Cursor::default(), usize::MAX, &Streams::all());
        all.map_or_else(|_| Vec::new(), |page| page.archived)
    }

    /// The cursor of the last of them.
    pub(crate) fn archive_cursor(&self) -> Cursor {
        let all = self.0.log.borrow().archived(&Cursor::default(), usize::MAX, &Streams::all());
        all.map_or_else(|_| Cursor::default(), |page| page.cursor)
    }

    /// Whether a stream was archived once.
    pub(crate) fn ever_archived(&self, stream: &str) -> bool {
        self.0.left.borrow().contains(stream)
    }

    /// Whether it ever lost something.
    pub(crate) fn was_restored(&self) -> bool {
        self.0.restored.get()
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
            open: Rc::default(),
        }
    }

    /// A process dies, or is started again.
    pub(crate) fn set_up(&self, front: usize, up: bool) {
        self.0.fronts[front].set_up(up);
    }

    /// The answer of one of the processes: of a push it tells the others.
    fn serve_by(&self, front: usize, token: u32, method: &str, path: &str, body: Option<&str>) -> Answer {
        let before = self.position();
        let answer = self.serve(token, method, path, body);
        if self.position() > before {
            self.0.fronts[front].ring();
            for other in (0..FRONTS).filter(|other| *other != front) {
                let Some(late) = heard_after(&self.0.random) else { continue };
                let server = self.clone();
                self.0.executor.spawn(Owner::NETWORK, async move {
                    server.0.clock.sleep(late).await;
                    server.0.fronts[other].ring();
                });
            }
        }
        answer
    }

    fn serve(&self, token: u32, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.0.requests.set(self.0.requests.get() + 1);
        if token != self.0.token.get() {
            return refusal(401, problem::UNAUTHORIZED);
        }
        let answer = self.answer(method, path, body);
        // whoever decides as the server does is never refused by it
        if method == "POST" && [problem::RULE, problem::NOT_DECIDED].iter().any(|it| answer.body.contains(it))
        {
            self.0.misjudged.borrow_mut().get_or_insert_with(|| answer.body.clone());
        }
        answer
    }

    fn answer(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let (mut log, mut counsel) = (self.0.log.borrow_mut(), self.0.counsel.borrow_mut());
        log.answer_by(&mut counsel, &Rights::default(), method, path, body, self.0.clock.timestamp())
    }

    /// Something other than the app pushes, with a token that counts.
    pub(crate) fn push_as_cheat(&self, push: &str) {
        let _ = self.answer("POST", "/commits", Some(push));
    }

    /// An answer in which the rules refuse what an app has decided by the same rules.
    pub(crate) fn misjudged(&self) -> Option<String> {
        self.0.misjudged.borrow().clone()
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
    /// The process that a stream of news is open to, and the cursor behind what came over it.
    open: Rc<RefCell<Option<(usize, Cursor)>>>,
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
        // whatever stands before the processes picks any
        let front = random.below(FRONTS);
        if !self.server.0.fronts[front].is_up() {
            return Err(NoAnswer { timeout: false, reason: "nobody listens".into() });
        }
        let serve = || self.server.serve_by(front, token, method, path, body.as_deref());
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
                    server.serve_by(front, token, &method, &path, body.as_deref());
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

    async fn listen(&self, _: Way, after: &Cursor, follow: &str) -> Heard {
        let Inner { clock, random, fronts, .. } = &*self.server.0;
        let Some((number, from)) = self.open.borrow().clone() else {
            self.way().await;
            let number = random.below(FRONTS);
            if !self.online.get() || !fronts[number].is_up() {
                return Heard::Broken;
            }
            *self.open.borrow_mut() = Some((number, after.clone()));
            return Heard::Open;
        };
        let front = &fronts[number];
        // before the look: what comes between is not missed
        let rung = front.rung();
        let path = format!("/events?after={}&limit=1000{follow}", from.0);
        let answer = self.server.serve(self.token.get(), "GET", &path, None);
        let page = serde_json::from_str::<Page>(&answer.body).ok();
        let Some(page) = page.filter(|_| self.online.get() && front.is_up()) else {
            self.hang_up();
            return Heard::Broken;
        };
        if page.cursor != from {
            *self.open.borrow_mut() = Some((number, page.cursor.clone()));
            self.way().await;
            return Heard::News(Box::new(News { after: from, page }));
        }
        front.wait(rung, clock, HEARTBEAT).await;
        Heard::Quiet
    }

    fn hang_up(&self) {
        self.open.take();
    }

    async fn sleep(&self, milliseconds: u64) {
        self.server.0.clock.sleep(milliseconds).await;
    }
}
