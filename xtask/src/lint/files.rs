//! Checks of tracked files that no linter knows.

use std::fs;

use crate::error::Error;
use crate::process;
use crate::setup::Setup;
use crate::workspace::Workspace;

/// A file longer than this is a place to look: it may be doing two things.
const LINES: usize = 450;

pub(super) fn check(setup: &mut Setup) -> Result<(), Error> {
    let workspace = setup.workspace();
    for (file, lines) in long_files(setup) {
        println!("lint files     warning: {file} has {lines} lines, more than {LINES}: may it be two files?");
    }
    package_is_intact(workspace)
}

fn long_files(setup: &Setup) -> Vec<(String, usize)> {
    let list =
        process::answer(setup.command("git").args(["ls-files", "*.rs", "*.ts", "*.js", "*.svelte", "*.css"]));
    let list = list.unwrap_or_default();
    let lines =
        |file: &str| fs::read_to_string(setup.workspace().path(file)).map_or(0, |text| text.lines().count());
    let all = list.lines().map(|file| (file.to_owned(), lines(file)));
    all.filter(|(_, lines)| *lines > LINES).collect()
}

/// A bare `wasm-pack build` replaces our package.json by one that it made up, and hides the folder from git.
fn package_is_intact(workspace: &Workspace) -> Result<(), Error> {
    let package = fs::read_to_string(workspace.path("pkg/package.json")).unwrap_or_default();
    let ignored = fs::read_to_string(workspace.path("pkg/.gitignore")).unwrap_or_default();
    if package.contains("\"exports\"") && ignored.trim() != "*" {
        return Ok(());
    }
    Err(Error::Missing(
        "pkg/package.json is not ours any more: a bare `wasm-pack build` writes its own files into pkg/. Undo it with \
         `git checkout -- pkg && rm -f pkg/tidelog* pkg/LICENSE-*`; to build, use `cargo xtask build`, or \
         `wasm-pack build --no-pack --out-dir pkg/wasm`"
            .into(),
    ))
}
