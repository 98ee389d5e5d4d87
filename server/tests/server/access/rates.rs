//! Limits of one token.

use super::*;
use std::num::NonZeroU64;
use tidelog::{sync::protocol::problem as problems, version::ExpectedVersion::Any};
use tidelog_server::Limits;

async fn limited(limits: Limits) -> Running {
    let verifier = Verifier::new(vec![Key::secret(SECRET).unwrap()]).meant_for(AUDIENCE);
    let access = Access::Signed(vec![Token::parse(TOKEN).unwrap()], Arc::new(verifier));
    start(Config { limits, ..Config::new(Counting::new(), access) }).await
}

/// Sends requests until one is refused, which comes soon: less fills up again than is used.
async fn until_refused(request: impl Fn() -> RequestBuilder) {
    for _ in 0..1_000 {
        let answer = request().send().await.unwrap();
        if answer.status() != 200 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!(wait >= 1);
            problem(answer, (429, problems::RATE_LIMITED)).await;
            return;
        }
    }
    panic!("nothing was refused");
}

fn of(subject: &str) -> String {
    let mut claims = claims(ada());
    claims["sub"] = subject.into();
    hs256(&claims)
}

#[tokio::test]
async fn one_token_does_not_take_up_the_server() {
    let server = limited(Limits { rate: NonZeroU64::new(1), burst: 2, ..Limits::default() }).await;
    let ada = of("ada");
    until_refused(|| pull_as(&server.client, Some(&ada), "")).await;
    assert_eq!(pull_as(&server.client, Some(&of("bob")), "").send().await.unwrap().status(), 200);
    assert_eq!(server.client.events("").send().await.unwrap().status(), 200);
    let health = server.client.http.get(format!("{}/healthz", server.client.server));
    assert_eq!(health.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn one_token_does_not_fill_the_disk() {
    let limits = Limits { byte_rate: NonZeroU64::new(1), max_body: 2_000, ..Limits::default() };
    let server = limited(limits).await;
    let ada = of("ada");
    until_refused(|| push_as(&server.client, Some(&ada), &push(vec![commit("exam-ada-1", Any, 1)]))).await;
    assert_eq!(pull_as(&server.client, Some(&ada), "").send().await.unwrap().status(), 200);
}
