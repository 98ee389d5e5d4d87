//! The driver: feeds the sync machine and does what it says, in the one tab that holds the lock.

use super::{
    Changed, Engine, Inner,
    pulling::Session,
    status::{Renamed, Rewound, SyncError, SyncState, SyncStatus},
};
use crate::{
    log::{Authority, store::Store},
    metrics::{Counter, Timing},
    sync::{
        live::Heard,
        machine::{Action, Doing, Failure, Input, LOG_CHANGED, Machine},
        transport::{self, Known, Transport},
    },
};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::{
    StreamExt,
    future::{Either, LocalBoxFuture, pending, select},
};
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

/// The message that tells other tabs to catch up.
pub(super) const CHANGED: &str = "log";

/// What tabs tell each other about sync and processes. The status of the tab that runs the loop is the host's to tell.
#[derive(Clone, Copy)]
pub(super) enum Message {
    /// Somebody wants a round.
    Wanted,
    /// Somebody paused sync for all tabs.
    Paused,
    /// Somebody resumed it.
    Resumed,
    /// The loop has reached the server's end for the first time since it began.
    Synced,
    /// A process has gone on.
    Processed,
    /// A tab has opened: the one that runs the loop says whether it is paused.
    Hello,
}

impl Message {
    const ALL: [Self; 6] =
        [Self::Wanted, Self::Paused, Self::Resumed, Self::Synced, Self::Processed, Self::Hello];

    const fn text(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Synced => "synced",
            Self::Processed => "processed",
            Self::Hello => "hello",
        }
    }
}

enum Order {
    Input(Input),
    Stop,
}

/// The switchboard between the app's calls, other tabs and the running loop.
pub(super) struct Driver {
    poll_interval: u64,
    orders: RefCell<Option<UnboundedSender<Order>>>,
    online: Cell<bool>,
    paused: Cell<bool>,
    /// Whether this opening, or another tab's, has reached the server's end.
    synced: Cell<bool>,
    status: RefCell<SyncStatus>,
    /// Another log than this database's, which has answered.
    stranger: RefCell<Option<Arc<str>>>,
}

impl Driver {
    pub(super) fn new(poll_interval: u64) -> Self {
        Self {
            poll_interval,
            orders: RefCell::default(),
            online: Cell::new(true),
            paused: Cell::new(false),
            synced: Cell::new(false),
            status: RefCell::new(SyncStatus { state: SyncState::Following, ..SyncStatus::default() }),
            stranger: RefCell::default(),
        }
    }

    pub(super) fn note_rewound(&self, rewound: Rewound) {
        self.status.borrow_mut().rewound = Some(rewound);
    }

    pub(super) fn note_stranger(&self, log_id: Arc<str>) {
        *self.stranger.borrow_mut() = Some(log_id);
    }

    fn error(&self, Failure { code, message, .. }: &Failure) -> SyncError {
        let log_id = self.stranger.borrow().clone().filter(|_| *code == LOG_CHANGED);
        SyncError { code: (*code).into(), message: message.clone(), log_id }
    }

    pub(super) fn note_renamed(&self, renamed: Renamed) {
        self.status.borrow_mut().renamed = Some(renamed);
    }

    pub(super) fn status(&self) -> SyncStatus {
        self.status.borrow().clone()
    }

    /// Whether all that the server had when this tab opened is here.
    pub(super) fn has_synced(&self) -> bool {
        self.synced.get()
    }

    /// Whether a loop runs in this tab and took the order.
    fn order(&self, order: Order) -> bool {
        let orders = self.orders.borrow();
        orders.as_ref().is_some_and(|orders| orders.unbounded_send(order).is_ok())
    }

    pub(super) fn want(&self) -> bool {
        self.order(Order::Input(Input::Wanted))
    }

    /// Somebody wants a round, whatever the loop waits for.
    fn ask(&self) -> bool {
        self.order(Order::Input(Input::Asked))
    }

    pub(super) fn stop(&self) {
        self.order(Order::Stop);
    }

    fn pause(&self, paused: bool) {
        self.paused.set(paused);
        if !self.order(Order::Input(Input::Paused(paused))) {
            self.status.borrow_mut().state = if paused { SyncState::Paused } else { SyncState::Following };
        }
    }
}

impl<S: Store> Engine<S> {
    /// Asks for a round now, in whatever tab runs the loop.
    pub fn sync_now(&self) {
        if !self.inner.driver.ask() {
            self.inner.tell(Message::Wanted);
        }
    }

    /// Stops sending, in all tabs, until [`Engine::sync_resume`]. What is decided meanwhile waits in the queue.
    pub fn sync_pause(&self) {
        self.set_paused(true);
    }

    /// Goes on sending, in all tabs.
    pub fn sync_resume(&self) {
        self.set_paused(false);
    }

    fn set_paused(&self, paused: bool) {
        self.inner.driver.pause(paused);
        self.inner.tell(if paused { Message::Paused } else { Message::Resumed });
        self.inner.host.changed(Changed { streams: Some(vec![]), sync: true });
    }

    /// Says whether the browser has a network.
    pub fn set_online(&self, online: bool) {
        self.inner.driver.online.set(online);
        self.inner.driver.order(Order::Input(Input::Online(online)));
    }

    /// Ends the loop of this tab; a request under way is given up.
    pub fn sync_stop(&self) {
        self.inner.driver.stop();
    }

    /// Runs the sync loop until [`Engine::sync_stop`] or [`Engine::close`]. Only one tab may run it: hold the lock. Returns at
    /// once if this device is the authority or a loop runs here already.
    pub async fn sync_run<T: Transport>(&self, transport: T) {
        let inner = &*self.inner;
        if inner.log.authority() == Authority::Device || inner.driver.orders.borrow().is_some() {
            return;
        }
        let (sender, orders) = unbounded();
        *inner.driver.orders.borrow_mut() = Some(sender);
        inner.run(&transport, orders).await;
        *inner.driver.orders.borrow_mut() = None;
        inner.driver.status.borrow_mut().leader = false;
        inner.driver.status.borrow_mut().state = SyncState::Following;
        inner.host.changed(Changed { streams: Some(vec![]), sync: true });
    }
}

impl<S: Store> Inner<S> {
    /// Asks the tab that runs the loop, if there is one, how things stand.
    pub(super) fn greet(&self) {
        self.tell(Message::Hello);
    }

    /// Takes a message of another tab; whether it was about sync. A tab with a newer version of the app may say more than this
    /// one understands: then the log is caught up with, which is always right.
    pub(super) fn heard(&self, message: &str) -> bool {
        let Some(message) = Message::ALL.into_iter().find(|known| known.text() == message) else {
            return false;
        };
        match message {
            Message::Wanted => {
                self.driver.ask();
            }
            Message::Paused => self.driver.pause(true),
            Message::Resumed => self.driver.pause(false),
            Message::Synced => {
                self.driver.synced.set(true);
                self.signal.notify();
            }
            Message::Processed => self.signal.notify(),
            Message::Hello => {
                if self.driver.paused.get() {
                    self.tell(Message::Paused);
                }
                if self.driver.synced.get() {
                    self.tell(Message::Synced);
                }
            }
        }
        true
    }

    pub(super) fn tell(&self, message: Message) {
        self.host.post(message.text());
    }

    async fn run<T: Transport>(&self, transport: &T, mut orders: UnboundedReceiver<Order>) {
        let session = Session::default();
        let mut machine = Machine::new(self.driver.poll_interval, self.driver.online.get());
        machine.paused = self.driver.paused.get();
        // at most one exchange, one timer and one listening are under way; a new timer or listening takes the place of the old
        let mut exchange: LocalBoxFuture<'_, Input> = Box::pin(pending());
        let mut timer: LocalBoxFuture<'_, Input> = Box::pin(pending());
        let mut listening: LocalBoxFuture<'_, Input> = Box::pin(pending());
        let mut deaf: LocalBoxFuture<'_, Input> = Box::pin(pending());
        let mut way = None;
        let mut input = Input::Start;
        loop {
            let synced = matches!(input, Input::Pulled { up_to_date: true, .. });
            let news =
                if let Input::Heard(Heard::News(news), _) = &input { Some(news.clone()) } else { None };
            let (stepped, actions) = machine.step(input);
            machine = stepped;
            // only the pull that they lead to may take them for its answer: one that was asked for has to ask
            *session.news.borrow_mut() = news.filter(|_| actions.contains(&Action::Pull));
            let mut retry_in = None;
            for action in actions {
                let doing = self.act(action, transport, &session);
                match action {
                    Action::SetTimer(_, milliseconds) => {
                        retry_in = Some(milliseconds);
                        timer = doing;
                    }
                    Action::Listen(by, _) => {
                        listening = doing;
                        way = Some(by);
                    }
                    Action::HangUp => {
                        listening = doing;
                        transport.hang_up();
                    }
                    Action::Pull | Action::Push | Action::AskToken => exchange = doing,
                }
            }
            if let Some(way) = way.filter(|_| synced && machine.live.is_listening())
                && *session.listened.borrow() != self.listened_streams()
            {
                transport.hang_up();
                listening = self.act(Action::Listen(way, 0), transport, &session);
            }
            self.report(&machine, synced, retry_in);
            // what is heard during an exchange waits for its end: it may bring just that
            let exchanging = matches!(machine.doing, Doing::Pulling | Doing::Pushing);
            let hearing = if exchanging { &mut deaf } else { &mut listening };
            let under_way = select(select(&mut exchange, hearing), &mut timer);
            input = match select(orders.next(), under_way).await {
                Either::Left((Some(Order::Input(input)), _)) => input,
                Either::Left((Some(Order::Stop) | None, _)) => {
                    transport.hang_up();
                    return;
                }
                Either::Right((Either::Left((Either::Left((input, _)), _)), _)) => {
                    exchange = Box::pin(pending());
                    input
                }
                Either::Right((Either::Left((Either::Right((input, _)), _)), _)) => {
                    listening = Box::pin(pending());
                    input
                }
                Either::Right((Either::Right((input, _)), _)) => {
                    timer = Box::pin(pending());
                    input
                }
            };
        }
    }

    fn act<'a, T: Transport>(
        &'a self,
        action: Action,
        transport: &'a T,
        session: &'a Session,
    ) -> LocalBoxFuture<'a, Input> {
        if let Action::Listen(..) = action {
            *session.listened.borrow_mut() = self.listened_streams();
        }
        Box::pin(async move {
            let done = match action {
                Action::Pull => self.exchange(Timing::Pull, Box::pin(self.pull(transport, session))).await,
                Action::Push => self.exchange(Timing::Push, Box::pin(self.push(transport, session))).await,
                Action::AskToken => Ok(Input::Token(transport.renew_token().await)),
                Action::Listen(way, wait) => {
                    if wait > 0 {
                        transport.sleep(wait).await;
                    }
                    let streams = session.listened.borrow().clone();
                    let held = self.log.archive().cursor_of(&streams);
                    let known = transport::archived_query(Known::Markers(&held));
                    let follow = transport::follow_query(&streams) + &known;
                    let heard = transport.listen(way, &self.log.head().cursor, &follow).await;
                    Ok(Input::Heard(self.news_or_quiet(heard), self.surroundings.fraction()))
                }
                Action::HangUp => pending().await,
                Action::SetTimer(timer, milliseconds) => {
                    transport.sleep(milliseconds).await;
                    Ok(Input::Rang(timer))
                }
            };
            done.unwrap_or_else(|failure: Failure| Input::Failed(failure, self.surroundings.fraction()))
        })
    }

    /// News of what is here already, such as an own push, are none. Cursors of one log sort as text.
    fn news_or_quiet(&self, heard: Heard) -> Heard {
        match heard {
            Heard::News(news) if news.page.cursor <= self.log.head().cursor => Heard::Quiet,
            heard => heard,
        }
    }

    /// An exchange with the server, and what it took.
    async fn exchange(
        &self,
        timing: Timing,
        doing: LocalBoxFuture<'_, Result<Input, Failure>>,
    ) -> Result<Input, Failure> {
        let began = self.meter.begin();
        let done = doing.await;
        match &done {
            Ok(_) => self.meter.end(timing, began),
            Err(failure) => {
                self.meter.count(Counter::SyncFailures, 1);
                self.meter.failed(timing.name(), failure.code);
            }
        }
        done
    }

    fn report(&self, machine: &Machine, synced: bool, retry_in: Option<u64>) {
        if synced && !self.driver.synced.replace(true) {
            self.tell(Message::Synced);
            self.signal.notify();
        }
        let now = self.surroundings.now().map(crate::time::Timestamp::millis).ok();
        let before = self.driver.status();
        let state = SyncState::of(machine);
        let retry_at = match (state, retry_in) {
            (SyncState::Waiting, Some(milliseconds)) => {
                now.map(|now| now.saturating_add_unsigned(milliseconds))
            }
            (SyncState::Waiting, None) => before.retry_at,
            _ => None,
        };
        let status = SyncStatus {
            state,
            leader: true,
            last_synced_at: if synced { now } else { before.last_synced_at },
            error: machine.failure.as_ref().map(|failure| self.driver.error(failure)),
            retry_at,
            live: machine.live.way(),
            rewound: before.rewound,
            renamed: before.renamed,
            fetching: false,
        };
        if status != before {
            *self.driver.status.borrow_mut() = status;
            self.host.changed(Changed { streams: Some(vec![]), sync: true });
        }
    }
}
