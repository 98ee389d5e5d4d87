//! A PostgreSQL of the tests' own: a cluster in a temporary folder, reached through a Unix socket there, with durability as it
//! comes. It runs as an ordinary user, for PostgreSQL refuses to run as root, and ends with the test process, however
//! that ends.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;
use tidelog_server::storage::postgres::PostgresAddress;
use tokio_postgres::{Client, NoTls};

/// A running cluster.
pub(crate) struct Cluster {
    programs: PathBuf,
    user: Option<(u32, u32)>,
    folder: PathBuf,
    /// Stops the cluster and removes its folder once its input ends, which is at the latest when this process ends.
    keeper: Child,
}

impl Cluster {
    /// The one that tests share which only want a database.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One that a test may stop.
    pub(crate) fn start() -> Self {
        let cluster = Self::make();
        cluster.set("listen_addresses = ''");
        cluster.resume();
        cluster
    }

    /// One that is reached over TCP, encrypted, and not otherwise; and its port.
    pub(crate) fn start_encrypted(certificate: &str, key: &str) -> (Self, u16) {
        let cluster = Self::make();
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = cluster.folder.join("data").join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = cluster.user {
                chown(&file, Some(uid), Some(gid)).unwrap();
            }
        }
        let who = "local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n";
        fs::write(cluster.folder.join("data/pg_hba.conf"), who).unwrap();
        cluster.set("ssl = on\nlisten_addresses = '127.0.0.1'");
        // Somebody else may take a free port before the cluster does.
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            cluster.set(&format!("port = {free}"));
            if cluster.try_resume().is_ok() {
                return (cluster, free);
            }
        }
        panic!("no port is free for long enough");
    }

    /// A cluster that was never started.
    fn make() -> Self {
        let programs = programs();
        let user = user();
        let folder = TempDir::with_prefix_in("tidelog-postgres-", "/tmp").unwrap().keep();
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let cluster = Self { keeper: keeper(&folder), programs, user, folder };
        // The cluster itself is synced when it is written to, as any; only its making is not.
        cluster.run(
            "initdb",
            &["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"],
        );
        cluster
            .set(&format!("unix_socket_directories = '{}'\nmax_connections = 500", cluster.folder.display()));
        cluster
    }

    /// Adds settings; the last of a name counts.
    fn set(&self, settings: &str) {
        let file = self.folder.join("data/postgresql.conf");
        let written = fs::read_to_string(&file).unwrap() + settings + "\n";
        fs::write(&file, written).unwrap();
    }

    /// Starts it again after [`Cluster::crash`].
    pub(crate) fn resume(&self) {
        self.try_resume().unwrap();
    }

    fn try_resume(&self) -> Result<(), String> {
        let log = self.folder.join("log");
        self.try_run(
            "pg_ctl",
            &["start", "--wait", "--timeout=120", "--silent", "--log", log.to_str().unwrap()],
        )
    }

    /// As the power failing, for the database: no process of it goes on, nothing is written any more.
    pub(crate) fn crash(&self) {
        self.run("pg_ctl", &["stop", "--wait", "--timeout=120", "--silent", "--mode=immediate"]);
    }

    /// An empty database in it.
    pub(crate) async fn database(&self) -> Database {
        self.database_with("").await
    }

    /// An empty database made with these options.
    pub(crate) async fn database_with(&self, options: &str) -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let name = format!("logs_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let make = format!("CREATE DATABASE {name} TEMPLATE template0 {options}");
        connect(&self.url("postgres")).await.batch_execute(&make).await.unwrap();
        Database { url: self.url(&name) }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={}", self.folder.display())
    }

    fn run(&self, program: &str, args: &[&str]) {
        self.try_run(program, args).unwrap();
    }

    fn try_run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(args)
            .env("PGDATA", self.folder.join("data"))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        // Not a pipe: the database, which goes on, would hold its other end.
        let said = self.folder.join("said");
        let file = fs::File::create(&said).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.status().unwrap_or_else(|error| panic!("{program}: {error}"));
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(format!("{program}: {}\n{log}", fs::read_to_string(said).unwrap_or_default()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Waits for the end of its input; in a process group of its own, so that what ends the tests does not end it first.
fn keeper(folder: &Path) -> Child {
    let script = r#"
        cat
        id=$(head -n 1 "$0/data/postmaster.pid") && kill -QUIT "$id"
        tries=0
        while kill -0 "$id" && [ $tries -lt 200 ]; do tries=$((tries + 1)); sleep 0.05; done
        rm -rf "$0"
    "#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.process_group(0).spawn().unwrap()
}

/// The folder of `initdb` and `pg_ctl`: as told, on the path, or where Debian puts them.
fn programs() -> PathBuf {
    let has_them = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let told = std::env::var_os("TIDELOG_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    told.into_iter().chain(std::env::split_paths(&path)).chain(debian.into_iter().rev()).find(has_them).expect(
        "PostgreSQL is not installed: `cargo xtask test --only postgres` sees to it, or install the package postgresql",
    )
}

/// Whom to run as, if this is root: `postgres`, else `nobody`.
fn user() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if String::from_utf8(id.stdout).unwrap().trim() != "0" {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let user = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = user.split(':').skip(2).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user other than root"))
}

/// A database of a cluster.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn address(&self) -> PostgresAddress {
        self.url.parse().unwrap()
    }

    /// A connection to say what a server would not.
    pub(crate) async fn sql(&self) -> Client {
        connect(&self.url).await
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async {
        // It ends with its client, or with the cluster.
        let _ = connection.await;
    });
    client
}
