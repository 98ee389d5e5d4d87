//! What a page in a browser needs: CORS.

use crate::kit::*;
use reqwest::{Method, Response};
use tidelog::sync::protocol::problem;
use tidelog_server::{Config, Origins};

async fn preflight(server: &Running, origin: &str) -> Response {
    let request = server.client.http.request(Method::OPTIONS, format!("{}/commits", server.client.log));
    let request = request.header("origin", origin).header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization,content-type").send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn any_page_may_ask_by_default() {
    let server = start(config()).await;
    let answer = preflight(&server, "https://academy.example").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    assert_eq!(header(&answer, "access-control-allow-methods"), "GET,POST");
    assert_eq!(header(&answer, "access-control-allow-headers"), "authorization,content-type");
    assert_eq!(header(&answer, "access-control-max-age"), "7200");
    assert_eq!(header(&answer, "access-control-allow-credentials"), "", "tokens are no cookies");
}

#[tokio::test]
async fn errors_can_be_read_by_the_page_too() {
    let server = start(config()).await;
    let request = server.client.http.get(format!("{}/events", server.client.log));
    let answer = request.header("origin", "https://academy.example").send().await.unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    let exposed =
        "retry-after,www-authenticate,x-request-id,etag,stream-cursor,stream-next-offset,stream-up-to-date";
    assert_eq!(header(&answer, "access-control-expose-headers"), exposed);
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "cross-origin-resource-policy"), "cross-origin");
    problem(answer, (401, problem::UNAUTHORIZED)).await;
}

#[tokio::test]
async fn only_listed_origins_may_ask_where_there_is_a_list() {
    let origins = ["https://academy.example", "http://localhost:5173"];
    let these = Origins::These(origins.map(|origin| origin.parse().unwrap()).to_vec());
    let server = start(Config { origins: these, ..config() }).await;
    for origin in origins {
        let answer = preflight(&server, origin).await;
        assert_eq!(header(&answer, "access-control-allow-origin"), origin);
        assert!(header(&answer, "vary").contains("origin"));
        assert_eq!(header(&answer, "cross-origin-resource-policy"), "same-origin");
    }
    for origin in ["https://academy.example.evil", "http://academy.example", "null"] {
        assert_eq!(header(&preflight(&server, origin).await, "access-control-allow-origin"), "", "{origin}");
    }
}
