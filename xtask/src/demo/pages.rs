//! A small server of files for the demo page: GET and HEAD of what is in one folder, and `/config.json`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The longest head of a request that is read, in bytes.
const HEAD: u64 = 16 * 1024;

/// How long a browser may take to say what it wants; some open connections that they never use.
const PATIENCE: Duration = Duration::from_secs(10);

/// The files to be served.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    folder: PathBuf,
    config: String,
}

/// What is sent back.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

impl Pages {
    /// `config` is the JSON text at `/config.json`.
    pub(super) fn new(folder: PathBuf, config: String) -> Pages {
        Pages { folder, config }
    }

    /// Answers until the program ends, each connection on a thread of its own.
    pub(super) fn serve(self, listener: &TcpListener) {
        let pages = Arc::new(self);
        for stream in listener.incoming().flatten() {
            let pages = Arc::clone(&pages);
            // a browser that goes away in the middle is no concern of ours
            thread::spawn(move || pages.converse(&stream).ok());
        }
    }

    fn converse(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.take(HEAD)).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        for header in lines.by_ref() {
            if header?.is_empty() {
                break;
            }
        }
        let Some((answer, with_body)) = self.answer(&request) else { return Ok(()) };
        write!(
            stream,
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n",
            answer.status,
            answer.kind,
            answer.body.len()
        )?;
        if with_body { stream.write_all(&answer.body) } else { Ok(()) }
    }

    /// The answer to a request line, and whether its body is wanted; `None` for an empty line.
    fn answer(&self, request: &str) -> Option<(Answer, bool)> {
        let mut words = request.split_ascii_whitespace();
        let (method, target) = (words.next()?, words.next().unwrap_or("/"));
        if method != "GET" && method != "HEAD" {
            return Some((plain("405 Method Not Allowed", "only GET and HEAD"), true));
        }
        let path = target.split(['?', '#']).next().unwrap_or("/");
        Some((self.find(path), method == "GET"))
    }

    fn find(&self, path: &str) -> Answer {
        if path == "/config.json" {
            return Answer {
                status: "200 OK",
                kind: "application/json",
                body: self.config.clone().into_bytes(),
            };
        }
        let Some(file) = inside(path) else { return plain("404 Not Found", "not found") };
        let mut file = self.folder.join(file);
        if file.is_dir() {
            file.push("index.html");
        }
        match fs::read(&file) {
            Ok(body) => Answer { status: "200 OK", kind: kind(&file), body },
            Err(_) => plain("404 Not Found", "not found"),
        }
    }
}

fn plain(status: &'static str, text: &str) -> Answer {
    Answer { status, kind: "text/plain; charset=utf-8", body: text.as_bytes().to_vec() }
}

/// The path of a URL as one below a folder; `None` if it would lead out of it. Nothing that the demo's build makes has a
/// name that needs percent-encoding.
fn inside(path: &str) -> Option<&Path> {
    let path = Path::new(path.trim_start_matches('/'));
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("csv") => "text/csv; charset=utf-8",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves this crate's own source, which is there wherever the tests are.
    fn pages() -> Pages {
        Pages::new(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src"), "{\"sync\":{}}".into())
    }

    #[track_caller]
    fn check(request: &str, status: &str, kind: &str) {
        let answer = pages().answer(request).map(|(answer, _)| (answer.status, answer.kind));
        assert_eq!(answer, Some((status, kind)), "{request}");
    }

    #[test]
    fn files_are_found_whatever_the_query() {
        check("GET /size/measure.mjs?v=1 HTTP/1.1", "200 OK", "text/javascript; charset=utf-8");
        check("HEAD /main.rs HTTP/1.1", "200 OK", "application/octet-stream");
        check("GET /config.json HTTP/1.1", "200 OK", "application/json");
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        for request in [
            "GET /../Cargo.toml HTTP/1.1",
            "GET //etc/passwd HTTP/1.1",
            "GET /demo/../../Cargo.toml HTTP/1.1",
        ] {
            check(request, "404 Not Found", "text/plain; charset=utf-8");
        }
    }

    #[test]
    fn other_methods_are_refused_and_silence_is_not_answered() {
        check("POST / HTTP/1.1", "405 Method Not Allowed", "text/plain; charset=utf-8");
        assert_eq!(pages().answer(""), None);
    }
}
