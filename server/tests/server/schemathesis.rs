//! Requests that Schemathesis makes of the OpenAPI document, sent to the real server: it always answers as the document says, and
//! what it keeps holds afterwards. With `TIDELOG_SCHEMATHESIS_BIN`, the program; `TIDELOG_SCHEMATHESIS_SECONDS` makes it go on for so long.

use crate::{
    contract::File,
    kit::TOKEN,
    process::{Process, run},
};
use tokio::process::Command;

/// What every answer is held against. Which status a request deserves is not asked: a push of bad commits is answered `200` with
/// what is wrong with each, which the document can't say.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants Schemathesis: `cargo xtask test --only openapi` installs it and runs this"]
async fn no_request_breaks_the_server() {
    let program = std::env::var_os("TIDELOG_SCHEMATHESIS_BIN").filter(|program| !program.is_empty());
    let program = program.expect("TIDELOG_SCHEMATHESIS_BIN is not set: run `cargo xtask test --only openapi`, which installs Schemathesis and sets it");
    let file = File::default();
    // Streams and answers that wait end soon, so that each is one answer.
    let server = Process::start(&file.path, &["--live-for", "1", "--feed-wait", "1"]).await;
    let folder = tempfile::tempdir().unwrap();
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let mut command = Command::new(program);
    command
        .args(["run", document, "--url", &server.client.server])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", CHECKS, "--request-timeout", "60", "--continue-on-failure", "--no-color"])
        .current_dir(folder.path());
    match std::env::var("TIDELOG_SCHEMATHESIS_SECONDS") {
        Ok(seconds) => command.args(["--max-time", &seconds, "--max-examples", "1000000"]),
        // The same requests each time: what a test finds shall not depend on luck.
        Err(_) => command.args(["--max-examples", "40", "--seed", "1", "--generation-deterministic"]),
    };
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    let (code, verified, error) = run(&["verify", "--database", file.path.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{verified}{error}");
}
