//! A network between engine and server that can be told to misbehave.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};
use tidelog::sync::transport::{Answer, NoAnswer, Transport};
use tokio::sync::Notify;
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "token-of-the-tests";

/// What happens to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request never arrives.
    LoseRequest,
    /// The server does its work, but the answer never arrives.
    LoseAnswer,
    /// The answer breaks off in the middle.
    CutAnswer,
    /// The request arrives three times; the first answer counts.
    Repeat,
    /// A login page answers in the server's place.
    LoginPage,
    /// The server is said to be out of order.
    Unavailable,
    /// Something between finds the request too large.
    TooLargeBetween,
}

#[derive(Clone)]
pub(crate) struct Network {
    server: Rc<RefCell<Router>>,
    faults: Rc<RefCell<VecDeque<Option<Fault>>>>,
    requests: Rc<Cell<u64>>,
    token: Rc<RefCell<String>>,
    renewed: Rc<RefCell<Option<String>>>,
    /// The method whose requests are held back on their way, while they are.
    held: Rc<RefCell<Option<&'static str>>>,
    holding: Rc<Cell<bool>>,
    released: Rc<Notify>,
}

impl Network {
    pub(crate) fn new(server: Rc<RefCell<Router>>) -> Self {
        Self {
            server,
            faults: Rc::default(),
            requests: Rc::default(),
            token: Rc::new(RefCell::new(TOKEN.into())),
            renewed: Rc::default(),
            held: Rc::default(),
            holding: Rc::default(),
            released: Rc::default(),
        }
    }

    /// The next exchanges go like this; after them all is well.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults.borrow_mut().extend(faults);
    }

    /// From now on requests of a method stay on their way.
    pub(crate) fn hold(&self, method: &'static str) {
        *self.held.borrow_mut() = Some(method);
    }

    /// Whether one is held back.
    pub(crate) fn is_holding(&self) -> bool {
        self.holding.get()
    }

    /// What was held back goes on.
    pub(crate) fn release(&self) {
        self.held.take();
        self.holding.set(false);
        self.released.notify_waiters();
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// The token sent from now on, and the one that the app has if asked.
    pub(crate) fn tokens(&self, now: &str, renewed: Option<&str>) {
        *self.token.borrow_mut() = now.into();
        *self.renewed.borrow_mut() = renewed.map(str::to_owned);
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/logs/academy{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.borrow()))
            .body(Body::from(body.unwrap_or_default()))
            .unwrap();
        let server = self.server.borrow().clone();
        let response = server.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, content_type, body: String::from_utf8(body.to_vec()).unwrap(), retry_after: None }
    }
}

impl Transport for Network {
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer> {
        self.requests.set(self.requests.get() + 1);
        let fault = self.faults.borrow_mut().pop_front().flatten();
        if *self.held.borrow() == Some(method) {
            let released = self.released.notified();
            self.holding.set(true);
            released.await;
        }
        let lost = |reason: &str| Err(NoAnswer { timeout: false, reason: reason.into() });
        match fault {
            None => Ok(self.exchange(method, path, body).await),
            Some(Fault::LoseRequest) => lost("request lost"),
            Some(Fault::LoseAnswer) => {
                self.exchange(method, path, body).await;
                lost("answer lost")
            }
            Some(Fault::CutAnswer) => {
                let mut answer = self.exchange(method, path, body).await;
                answer.body.truncate(answer.body.len() / 2);
                Ok(answer)
            }
            Some(Fault::Repeat) => {
                let answer = self.exchange(method, path, body.clone()).await;
                self.exchange(method, path, body.clone()).await;
                self.exchange(method, path, body).await;
                Ok(answer)
            }
            Some(Fault::LoginPage) => Ok(Answer {
                status: 200,
                content_type: "text/html".into(),
                body: "<!doctype html><title>Log in</title>".into(),
                retry_after: None,
            }),
            Some(Fault::Unavailable) => Ok(Answer {
                status: 503,
                content_type: "text/plain".into(),
                body: "busy".into(),
                retry_after: Some(1),
            }),
            Some(Fault::TooLargeBetween) => Ok(Answer {
                status: 413,
                content_type: "text/html".into(),
                body: "<h1>Request Entity Too Large</h1>".into(),
                retry_after: None,
            }),
        }
    }

    async fn renew_token(&self) -> bool {
        let renewed = self.renewed.borrow_mut().take();
        let found = renewed.is_some();
        if let Some(token) = renewed {
            *self.token.borrow_mut() = token;
        }
        found
    }

    /// Back-offs pass at once, so that a test takes no longer than its work; the look at the server while idle never comes by
    /// itself, so that nothing happens that a test did not ask for.
    async fn sleep(&self, milliseconds: u64) {
        if milliseconds >= super::world::POLL {
            Notify::new().notified().await;
        }
        tokio::task::yield_now().await;
    }
}
