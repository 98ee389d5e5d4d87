//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::build::Part;
use crate::error::Error;

pub(crate) const USAGE: &str = "\
cargo xtask COMMAND: everything this repository does. Each command installs what it needs and is missing.

  demo    builds all, starts the sync server and the demo page, and prints the address; Ctrl-C stops both
            --port N      of the page; the server takes the next one (4173)
            --data DIR    where the server keeps its database (target/demo-data)
  test    runs every test and prints a summary
            --only STAGE  one stage, or several with commas: native, server, postgres, conformance, simulate, fuzz, openapi, wasm-pack,
                          wasm-chromium, wasm-firefox, wasm-webkit, types, unit, guide, e2e, engines
  build   builds the wasm, the npm package, the server and the demo page
            --only PART   one of wasm, package, server, www, with what it needs
  lint    formatting, clippy natively and for wasm, TypeScript lint and types, and checks of our own
  size    prints the size of the JavaScript and the wasm against the budget
  setup   installs what is missing for all of the above, browsers too
  env     prints what a shell needs to run wasm-pack by hand: eval \"$(cargo xtask env)\"
  simulate  plays random histories of devices, network and server, with every fault, until one fails
            --histories N    how many (20000)
            --seed S         from this seed on (else one from the clock)
            --mistakes [N]   instead: makes each known mistake until one of N histories shows it
  fuzz    throws damaged input at what reads requests, answers, stored rows, imported files and short texts
            --target T    one of request, answer, rows, import, text
            --seconds N   for each (600)
  load    measures the server on SQLite and PostgreSQL, and beside message-db and Emmett on the same PostgreSQL
            --devices N       at once (32)
            --seconds S       for each scenario (5)
            --storage WHICH   sqlite, postgres or both
            --no-peers        without the other stores
            --writers N       of each store that is compared (16), with --repetitions N (5)
            --page FILE       where to write the results, as docs/load.md has them
            --quick           a moment of each scenario, to see that it works
  import  builds all and times the import of real learning data
            --oulad DIR   the folder of the OULAD tables

Every command takes --no-install: say what is missing instead of installing it.
Tools are kept in $TIDELOG_CACHE (~/.cache/tidelog). TIDELOG_WASM_TOOLCHAIN=debian builds the wasm with Debian's rustc-web
even where rustup has the target.
";

/// The port of the demo page unless `--port` says otherwise.
const DEMO_PORT: u16 = 4173;

/// How long `fuzz` takes for each target unless `--seconds` says otherwise.
const FUZZ_SECONDS: u32 = 600;

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    Help,
    Demo { port: u16, data: Option<PathBuf>, install: bool },
    Test { only: Option<String>, install: bool },
    Build { only: Option<Part>, install: bool },
    Lint { install: bool },
    Size { install: bool },
    Setup { install: bool },
    Env,
    Import { rest: Vec<OsString>, install: bool },
    Load { rest: Vec<OsString>, install: bool },
    Simulate { rest: Vec<OsString> },
    Fuzz { target: Option<String>, seconds: u32, install: bool },
}

impl Arguments {
    /// Reads the words after `cargo xtask`.
    ///
    /// # Errors
    /// [`Error::Usage`] names the word that is not understood.
    pub(crate) fn parse(words: &[String]) -> Result<Arguments, Error> {
        let Some((command, words)) = words.split_first() else { return Ok(Arguments::Help) };
        if words.iter().any(|word| word == "--help" || word == "-h") {
            return Ok(Arguments::Help);
        }
        let mut options = Options { words: words.to_vec() };
        let install = !options.flag("--no-install");
        let arguments = match command.as_str() {
            "help" | "--help" | "-h" => return Ok(Arguments::Help),
            "demo" => Arguments::Demo {
                port: port(options.value("--port")?)?,
                data: options.value("--data")?.map(PathBuf::from),
                install,
            },
            "test" => Arguments::Test { only: options.value("--only")?, install },
            "build" => Arguments::Build {
                only: options.value("--only")?.map(|part| Part::named(&part)).transpose()?,
                install,
            },
            "lint" => Arguments::Lint { install },
            "size" => Arguments::Size { install },
            "setup" => Arguments::Setup { install },
            "env" => Arguments::Env,
            "fuzz" => Arguments::Fuzz {
                target: options.value("--target")?,
                seconds: seconds(options.value("--seconds")?)?,
                install,
            },
            "import" => Arguments::Import { rest: options.rest(), install },
            "load" => Arguments::Load { rest: options.rest(), install },
            "simulate" => Arguments::Simulate { rest: options.rest() },
            other => return Err(Error::Usage(format!("there is no command `{other}`"))),
        };
        match options.words.first() {
            Some(word) => Err(Error::Usage(format!("`cargo xtask {command}` does not understand `{word}`"))),
            None => Ok(arguments),
        }
    }
}

/// The words not consumed yet.
struct Options {
    words: Vec<String>,
}

impl Options {
    /// All that are left.
    fn rest(&mut self) -> Vec<OsString> {
        self.words.drain(..).map(OsString::from).collect()
    }

    fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// The value of `--name VALUE` or `--name=VALUE`.
    fn value(&mut self, name: &str) -> Result<Option<String>, Error> {
        let assigned = format!("{name}=");
        let Some(at) = self.words.iter().position(|word| word == name || word.starts_with(&assigned)) else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        if let Some(value) = word.strip_prefix(&assigned) {
            return Ok(Some(value.to_owned()));
        }
        if at == self.words.len() {
            return Err(Error::Usage(format!("`{name}` wants a value")));
        }
        Ok(Some(self.words.remove(at)))
    }
}

/// Two neighbouring ports are needed, so the last one is not enough.
fn port(value: Option<String>) -> Result<u16, Error> {
    let Some(value) = value else { return Ok(DEMO_PORT) };
    match value.parse() {
        Ok(port) if (1..u16::MAX).contains(&port) => Ok(port),
        _ => Err(Error::Usage(format!("`--port` wants a number from 1 to {}, not `{value}`", u16::MAX - 1))),
    }
}

fn seconds(value: Option<String>) -> Result<u32, Error> {
    let Some(value) = value else { return Ok(FUZZ_SECONDS) };
    match value.parse() {
        Ok(seconds @ 1..=86_400) => Ok(seconds),
        _ => Err(Error::Usage(format!("`--seconds` wants a number from 1 to 86400, not `{value}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(line: &str, expected: Arguments) {
        assert_eq!(parse(line), Ok(expected), "{line}");
    }

    #[track_caller]
    fn check_refused(line: &str, message: &str) {
        assert_eq!(parse(line), Err(message.to_owned()), "{line}");
    }

    #[test]
    fn no_word_or_a_question_is_help() {
        check("", Arguments::Help);
        check("help", Arguments::Help);
        check("test --help", Arguments::Help);
    }

    #[test]
    fn options_come_in_any_order_and_both_spellings() {
        check("demo", Arguments::Demo { port: 4173, data: None, install: true });
        check(
            "demo --no-install --data=here --port 5000",
            Arguments::Demo { port: 5000, data: Some("here".into()), install: false },
        );
        check("test --only native,e2e", Arguments::Test { only: Some("native,e2e".into()), install: true });
        check("build --only wasm", Arguments::Build { only: Some(Part::Wasm), install: true });
    }

    #[test]
    fn words_are_handed_on() {
        let rest = vec!["--oulad".into(), "data".into()];
        check("import --oulad data --no-install", Arguments::Import { rest, install: false });
        check("load --quick", Arguments::Load { rest: vec!["--quick".into()], install: true });
    }

    #[test]
    fn fuzz_takes_a_target_and_a_time() {
        check("fuzz", Arguments::Fuzz { target: None, seconds: 600, install: true });
        check(
            "fuzz --target rows --seconds 20",
            Arguments::Fuzz { target: Some("rows".into()), seconds: 20, install: true },
        );
        check_refused("fuzz --seconds 0", "`--seconds` wants a number from 1 to 86400, not `0`");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        check_refused("dance", "there is no command `dance`");
        check_refused("lint --fast", "`cargo xtask lint` does not understand `--fast`");
        check_refused("demo --port", "`--port` wants a value");
        check_refused("demo --port 65535", "`--port` wants a number from 1 to 65534, not `65535`");
        check_refused(
            "build --only moon",
            "there is no part `moon`; there are wasm, package, server, www, modules",
        );
    }
}
