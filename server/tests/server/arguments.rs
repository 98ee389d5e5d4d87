//! What the binary says to its arguments.

use crate::kit::*;
use crate::process::{Process, run};
use tidelog::sync::protocol::problem;

#[tokio::test]
async fn help_and_version() {
    let (code, out, _) = run(&["--version"]).await;
    assert_eq!((code, out.as_str()), (Some(0), concat!("tidelog-server ", env!("CARGO_PKG_VERSION"), "\n")));
    let (code, out, _) = run(&["--help"]).await;
    assert_eq!(code, Some(0));
    for option in [
        "--listen",
        "--database",
        "--token",
        "--no-auth",
        "--jwt-key",
        "--jwt-keys-url",
        "--jwt-issuer",
        "--jwt-audience",
        "--allow-origin",
        "--max-body",
    ] {
        assert!(out.contains(option), "{option}");
    }
}

#[tokio::test]
async fn what_makes_no_server_is_said() {
    let cases: [(&[&str], i32, &str); 14] = [
        (&[], 1, "--no-auth"),
        (&["--token", ""], 1, "visible ASCII"),
        (&["--token", "a b"], 1, "visible ASCII"),
        (&["--token", "a", "--no-auth"], 2, "cannot be used with"),
        (&["--jwt-key", "k.pem", "--no-auth"], 2, "cannot be used with"),
        (&["--jwt-key", "/nowhere/k.pem"], 1, "/nowhere/k.pem: No such file"),
        (&["--jwt-key", "/dev/null"], 1, "not a public key in PEM"),
        (&["--token", "a", "--jwt-audience", "b"], 1, "need a key"),
        (&["--jwt-keys-url", "http://academy.example/keys"], 1, "no address of keys"),
        (&["--no-auth", "--database", "/nowhere/at/all.sqlite"], 1, "/nowhere/at/all.sqlite"),
        (&["--no-auth", "--database", ":memory:", "--listen", "nowhere"], 1, "nowhere"),
        (&["--no-auth", "--database", ":memory:", "--listen", "192.0.2.1:1"], 1, "192.0.2.1:1"),
        (&["--no-auth", "--database", ":memory:", "--allow-origin", "academy.example"], 1, "academy.example"),
        (&["--no-auth", "--max-body", "many"], 2, "many"),
    ];
    for (args, expected, says) in cases {
        let (code, out, error) = run(args).await;
        assert_eq!((code, out.as_str()), (Some(expected), ""), "{args:?}: {error}");
        assert!(error.contains(says) && !error.contains("panicked"), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, error) = run(&["--no-auth", "--database", ":memory:", "--listen", &address]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains(&format!("can't listen on {address}")), "{error}");
}

#[tokio::test]
async fn options_reach_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.sqlite");
    let options = ["--token", "second", "--max-body", "10", "--allow-origin", "https://academy.example"];
    let server = Process::start(&file, &options).await;
    let client = &server.client;
    for (token, status) in [(TOKEN, 413), ("second", 413), ("third", 401)] {
        let request = client.http.post(format!("{}/commits", client.log)).bearer_auth(token);
        let answer = request.json(&push(Vec::new())).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{token}");
    }
    let too_large = client.commits().json(&push(Vec::new())).send().await.unwrap();
    problem(too_large, (413, problem::TOO_LARGE)).await;
    let health = client.http.get(format!("{}/healthz", client.server));
    let answer = health.header("origin", "https://elsewhere.example").send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}
