//! Where the database is, and the way there.

use crate::{storage::StorageError, trust};
use rustls::RootCertStore;
use std::{fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long making a connection may take, if the address does not say.
const CONNECT: Duration = Duration::from_secs(5);
/// After how long without traffic a connection is probed, and how long sent data may stay unacknowledged: a machine that
/// has gone is noticed after that.
const SILENCE: Duration = Duration::from_secs(30);

/// The address of a PostgreSQL database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require`.
///
/// Unix sockets (`?host=/run/postgresql`), several hosts and the other parameters are those of
/// [`tokio_postgres::Config`]. `sslmode=require` encrypts and checks the certificate against the system's roots (or those
/// in the file that the variable `SSL_CERT_FILE` names); `prefer`, the default, does so if the server offers encryption,
/// and not at all on this machine itself; `disable` never does. What is shown of an address never has the password.
#[derive(Clone)]
pub struct PostgresAddress(Arc<Config>);

impl FromStr for PostgresAddress {
    type Err = StorageError;

    fn from_str(text: &str) -> Result<Self, StorageError> {
        let unusable = |error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            StorageError::Address(format!("{error}{}", cause.unwrap_or_default()))
        };
        if !Self::is_one(text) {
            return Err(StorageError::Address("it does not begin with postgres://".into()));
        }
        let mut config: Config = text.parse().map_err(unusable)?;
        if config.get_dbname().is_none() {
            return Err(StorageError::Address("it names no database: postgres://HOST/DATABASE".into()));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(StorageError::Address("it names no host: postgres://HOST/DATABASE".into()));
        }
        if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(is_here) {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("tidelog-server");
        }
        config.keepalives_idle(SILENCE).tcp_user_timeout(SILENCE);
        Ok(Self(Arc::new(config)))
    }
}

impl PostgresAddress {
    /// Whether the text has the form of such an address, and not of a file's name.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    pub(super) fn config(&self) -> Config {
        Config::clone(&self.0)
    }

    /// What encrypts, as far as the address wants it.
    pub(super) fn tls(&self) -> Result<MakeRustlsConnect, StorageError> {
        let mode = self.0.get_ssl_mode();
        let roots = if mode == SslMode::Disable { RootCertStore::empty() } else { trust::system_roots() };
        if roots.is_empty() && mode == SslMode::Require {
            let reason = "the system has no root certificates to check the database's against: install them, or name a \
                          file of them in SSL_CERT_FILE";
            return Err(StorageError::Address(reason.into()));
        }
        let config = trust::encryption(roots).map_err(|error| StorageError::Failed(error.into()))?;
        Ok(MakeRustlsConnect::new(config))
    }
}

/// Whether the host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.0.get_hosts().iter().map(|host| match host {
            Host::Unix(path) => path.display().to_string(),
            Host::Tcp(name) => name.clone(),
        });
        let hosts: Vec<_> = hosts.collect();
        write!(f, "postgres://{}/{}", hosts.join(","), self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        PostgresAddress::from_str(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_address_is_said() {
        assert!(refused("mysql://host/logs").contains("postgres://"));
        assert!(refused("postgres://host").contains("no database"));
        assert!(refused("postgres:///logs").contains("no host"));
        assert!(refused("postgres://host/logs?sslmode=perhaps").contains("sslmode"));
        assert!(refused("postgres://host:port/logs").contains("port"));
        assert!(!refused("postgres://user:hidden@host:port/logs").contains("hidden"));
    }

    #[test]
    fn a_password_is_not_shown() {
        let address: PostgresAddress = "postgres://me:secret@db.example,db2.example/logs".parse().unwrap();
        assert_eq!(
            format!("{address} {address:?}"),
            "postgres://db.example,db2.example/logs ".repeat(2).trim_end()
        );
    }

    #[test]
    fn only_the_way_within_a_machine_is_not_encrypted_unasked() {
        let mode = |text: &str| PostgresAddress::from_str(text).unwrap().0.get_ssl_mode();
        for here in ["localhost/a", "127.0.0.1/a", "[::1]/a", "/a?host=/run/postgresql"] {
            assert_eq!(mode(&format!("postgres://{here}")), SslMode::Disable, "{here}");
        }
        assert_eq!(mode("postgres://db.example/a"), SslMode::Prefer);
        assert_eq!(mode("postgres://localhost,db.example/a"), SslMode::Prefer);
        assert_eq!(mode("postgres://localhost/a?sslmode=require"), SslMode::Require);
    }
}
