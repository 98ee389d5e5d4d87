//! A toolchain for the browser from Debian's packages, for machines that rustup's server can't be reached from.
//!
//! Debian carries a current compiler, `rustc-web`, with the source of its standard library and the crates that needs. The
//! library for the browser is compiled once into our cache, and a thin toolchain beside it, linked into rustup as
//! [`NAME`], points the compiler to it. Nothing is written into /usr.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Setup, TARGET, apt, wasm_target};
use crate::error::Error;
use crate::process;
use crate::step;
use crate::workspace::Workspace;

/// What rustup calls it.
pub(super) const NAME: &str = "tidelog-web";

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LINKER: &str = "/usr/bin/rust-lld";

/// Without the linker, whose package carries the version that `rust-lld` points to.
const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "rust-web-clippy"];

/// Its folder, if it is built for the compiler that is installed and linked into rustup.
pub(super) fn ready(workspace: &Workspace) -> Option<PathBuf> {
    folder(workspace)
        .filter(|folder| wasm_target::has_standard_library(&library(folder)) && linked_to(folder))
}

/// Installs the packages, compiles the library, links the toolchain, and gives its folder.
pub(super) fn install(setup: &mut Setup) -> Result<PathBuf, Error> {
    if setup.find("rustup").is_none() {
        return Err(Error::Missing(format!(
            "the target {TARGET}: install it the way your toolchain came, or use rustup (https://rustup.rs)"
        )));
    }
    install_packages(setup)?;
    let Some(folder) = folder(setup.workspace()) else {
        return Err(Error::Missing(format!("{RUSTC} does not run, although rustc-web is installed")));
    };
    if !wasm_target::has_standard_library(&library(&folder)) {
        compile_library(setup, &folder)?;
    }
    lay_out(&folder).map_err(Error::io(format!("making the toolchain in {}", folder.display())))?;
    let mut link = setup.command("rustup");
    link.args(["toolchain", "link", NAME]).arg(&folder);
    step::run(setup.workspace(), "setup link", &format!("rustup toolchain link {NAME}"), &mut link)?;
    Ok(folder)
}

fn install_packages(setup: &mut Setup) -> Result<(), Error> {
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|package| !apt::is_installed(package)).collect();
    if !missing.is_empty() {
        setup.apt.install(&setup.workspace, &missing)?;
    }
    // rust-lld is a link into the package of one LLVM version
    if !Path::new(LINKER).exists() {
        let linker = fs::read_link(LINKER).map_err(Error::io(format!("reading where {LINKER} points")))?;
        let package = linker.file_name().unwrap_or(linker.as_os_str()).to_string_lossy().into_owned();
        setup.apt.install(&setup.workspace, &[&package])?;
    }
    Ok(())
}

/// The folder of the toolchain for the compiler that is installed; `None` if there is none.
fn folder(workspace: &Workspace) -> Option<PathBuf> {
    let version = process::answer(Command::new(RUSTC).arg("--version"))?;
    let number = version.split_whitespace().nth(1)?.to_owned();
    Some(workspace.cache().join(format!("{NAME}-{number}")))
}

fn library(folder: &Path) -> PathBuf {
    folder.join("lib/rustlib").join(TARGET).join("lib")
}

fn linked_to(folder: &Path) -> bool {
    let list = process::answer(Command::new("rustup").args(["toolchain", "list", "--verbose"]));
    let path = folder.display().to_string();
    list.is_some_and(|list| list.lines().any(|line| line.starts_with(NAME) && line.contains(&path)))
}

/// Compiles std, as cargo does with `-Zbuild-std`, from a crate with nothing in it, and keeps what came of it.
fn compile_library(setup: &Setup, folder: &Path) -> Result<(), Error> {
    let doing = |folder: &Path| format!("preparing {}", folder.display());
    let seed = folder.join("seed");
    fs::create_dir_all(seed.join("src")).map_err(Error::io(doing(&seed)))?;
    let manifest =
        "[package]\nname = \"seed\"\nedition = \"2021\"\n[workspace]\n[profile.release]\npanic = \"abort\"\n";
    fs::write(seed.join("Cargo.toml"), manifest).map_err(Error::io(doing(&seed)))?;
    fs::write(seed.join("src/lib.rs"), "#![no_std]\n").map_err(Error::io(doing(&seed)))?;

    let mut build = setup.command(CARGO);
    build
        .current_dir(&seed)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort,test", "--target", TARGET])
        .env("CARGO_TARGET_DIR", seed.join("target"))
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        // without the bitcode a build with link-time optimization can't use the library
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("LD_LIBRARY_PATH");
    step::run(setup.workspace(), "setup std", "compiling the standard library for the browser", &mut build)?;

    let built = seed.join("target").join(TARGET).join("release/deps");
    let library = library(folder);
    let copy = || -> std::io::Result<()> {
        fs::create_dir_all(&library)?;
        for file in fs::read_dir(&built)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(".rlib") && !name.starts_with("libseed") {
                fs::copy(file.path(), library.join(name))?;
            }
        }
        fs::remove_dir_all(&seed)
    };
    copy().map_err(Error::io(doing(&library)))
}

/// Programs that run Debian's with our folder as their root, and Debian's own library for what runs on this machine.
fn lay_out(folder: &Path) -> std::io::Result<()> {
    let programs = folder.join("bin");
    fs::create_dir_all(&programs)?;
    let root = folder.display();
    for program in ["rustc", "rustdoc"] {
        let script = format!("#!/bin/sh\nexec /usr/bin/{program} --sysroot '{root}' \"$@\"\n");
        let file = programs.join(program);
        fs::write(&file, script)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    for program in ["cargo", "cargo-clippy", "clippy-driver"] {
        relink(&Path::new("/usr/bin").join(program), &programs.join(program))?;
    }
    for host in fs::read_dir("/usr/lib/rustlib")? {
        let host = host?;
        let name = host.file_name();
        if name != TARGET {
            relink(&host.path(), &folder.join("lib/rustlib").join(name))?;
        }
    }
    Ok(())
}

fn relink(original: &Path, link: &Path) -> std::io::Result<()> {
    let _ = fs::remove_file(link);
    symlink(original, link)
}
