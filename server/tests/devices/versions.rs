//! A server that no longer speaks the protocol of this client: nothing is lost, nobody is asked over and over, and it goes on by itself.

use super::world::{World, run, server_log};
use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use tidelog::engine::{Status, SyncState};

const REFUSAL: &str = r#"{"type":"urn:tidelog:problem:unsupported-protocol","title":"no","status":400,"detail":"no","supported":[2,3]}"#;

/// A server that speaks versions 2 and 3 alone.
fn newer() -> Router {
    let refuse = || async {
        (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/problem+json")], REFUSAL).into_response()
    };
    Router::new().fallback(refuse)
}

#[test]
fn an_app_that_is_too_old_keeps_everything_and_waits_to_be_told() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.complete("l1").await;
        phone.sync().await;
        let spoken = world.server.replace(newer());
        phone.complete("l2").await;
        phone.engine.sync_resume();
        phone.until("it is told", |it| it.engine.status().sync.state == SyncState::Waiting).await;
        let error = phone.engine.status().sync.error.unwrap();
        assert_eq!(error.code, "upgrade-needed");
        assert!(error.message.contains("update the app"), "{}", error.message);

        let asked = phone.network.requests();
        phone.complete("l3").await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(phone.network.requests(), asked, "what is decided meanwhile is no reason to ask again");
        phone.engine.sync_now();
        phone.until("it asks again", |it| it.network.requests() > asked).await;
        phone.until("it waits again", |it| it.engine.status().sync.state == SyncState::Waiting).await;
        assert!(phone.rejected().await.is_empty());
        assert_eq!(phone.engine.status().pending_commits, 2);

        *world.server.borrow_mut() = spoken;
        phone.engine.sync_now();
        let is_done = |status: &Status| status.pending_commits == 0 && status.sync.state == SyncState::Idle;
        phone.until("it goes on", |it| is_done(&it.engine.status())).await;
        assert_eq!(phone.engine.status().sync.error, None);
        assert_eq!(server_log(&world).await.len(), 3);
    });
}
