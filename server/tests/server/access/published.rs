//! Keys that are fetched from their issuer.

use super::*;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidelog_server::{KEYS_PAUSE, PublishedKeys};
use tokio::net::TcpListener;

/// An address with keys, which can be changed.
#[derive(Clone)]
struct Address {
    url: String,
    answer: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Address {
    async fn with(set: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((StatusCode::OK, set.to_string())));
        let this = Self { url, answer, asked: Arc::default() };
        let tell = async |State(this): State<Self>| {
            this.asked.fetch_add(1, Ordering::SeqCst);
            this.answer.lock().unwrap().clone()
        };
        let router = Router::new().route("/keys", get(tell)).with_state(this.clone());
        tokio::spawn(serve(listener, router));
        this
    }

    fn now_is(&self, status: StatusCode, body: impl ToString) {
        *self.answer.lock().unwrap() = (status, body.to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The server's own way of serving: it takes any router.
async fn serve(listener: TcpListener, router: Router) {
    let limits = tidelog_server::Limits::default();
    tidelog_server::serve(listener, router, limits, std::future::pending()).await;
}

async fn server(address: &Address, pause: Duration) -> Running {
    let keys = PublishedKeys::at(&address.url).unwrap().with_pause(pause);
    let verifier = Verifier::new(Vec::new()).and_published(keys).issued_by(ISSUER).meant_for(AUDIENCE);
    start(Config::new(Counting::new(), Access::Signed(Vec::new(), Arc::new(verifier)))).await
}

async fn status(server: &Running, token: &str) -> u16 {
    pull_as(&server.client, Some(token), "").send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn keys_are_fetched_when_one_is_missing() {
    let issuer = Issuer::new();
    let address = Address::with(&issuer.set()).await;
    let server = server(&address, Duration::ZERO).await;
    assert_eq!(address.asked(), 0);
    for algorithm in ["EdDSA", "RS256", "ES256"] {
        assert_eq!(status(&server, &issuer.token(algorithm, Some(algorithm), &claims(ada()))).await, 200);
    }
    assert_eq!(address.asked(), 1);
    assert_eq!(status(&server, &hs256(&claims(ada()))).await, 401, "what is published is no secret");
    // The issuer changes its key.
    let next = Issuer::new();
    let mut set = next.set();
    set["keys"][2]["kid"] = "next".into();
    address.now_is(StatusCode::OK, &set);
    assert_eq!(status(&server, &next.token("EdDSA", Some("next"), &claims(ada()))).await, 200);
    assert_eq!(address.asked(), 2);
    assert_eq!(
        status(&server, &issuer.token("EdDSA", Some("EdDSA"), &claims(ada()))).await,
        401,
        "withdrawn"
    );
    // When they can't be had, those that are known stay.
    for (code, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, set.to_string()),
        (StatusCode::OK, "<html>".to_owned()),
        (StatusCode::OK, format!("{set}{}", " ".repeat(300_000))),
        (StatusCode::OK, r#"{"keys":[]}"#.to_owned()),
        (StatusCode::FOUND, set.to_string()),
    ] {
        address.now_is(code, body);
        let before = address.asked();
        assert_eq!(status(&server, &next.token("EdDSA", Some("unknown"), &claims(ada()))).await, 401);
        assert_eq!(address.asked(), before + 1);
        assert_eq!(status(&server, &next.token("EdDSA", Some("next"), &claims(ada()))).await, 200);
    }
}

#[tokio::test]
async fn keys_are_not_asked_for_over_and_over() {
    let issuer = Issuer::new();
    let address = Address::with(&issuer.set()).await;
    address.now_is(StatusCode::NOT_FOUND, "");
    let server = server(&address, KEYS_PAUSE * 1_000).await;
    for number in 0..5 {
        let token = issuer.token("EdDSA", Some(&format!("unknown-{number}")), &claims(ada()));
        assert_eq!(status(&server, &token).await, 401);
    }
    assert_eq!(address.asked(), 1);
}
