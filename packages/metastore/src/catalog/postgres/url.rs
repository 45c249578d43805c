//! The address of a Postgres database. It may hold a password, so nothing prints it as it was given.

use std::{fmt, str::FromStr, sync::Arc};

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::catalog::Error;

/// The address of a Postgres database, over TCP or a unix socket.
#[derive(Clone)]
pub struct PostgresUrl(Arc<PgConnectOptions>);

impl PostgresUrl {
    /// Reads a URL such as `postgres://user@host/database` or `postgres:///database?host=/run/postgresql`.
    pub fn parse(url: &str) -> Result<Self, Error> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::Url { source: "it begins with neither postgres:// nor postgresql://".into() });
        }
        let options = PgConnectOptions::from_str(url).map_err(|source| Error::Url { source: source.into() })?;
        // Statements are not logged: an error is, once, where it is answered.
        let options = options.application_name("catgraft").options([("client_min_messages", "warning")]);
        let options = options.disable_statement_logging();
        // As everywhere with Postgres, `sslmode` says nothing about a unix socket.
        let is_socket = options.get_socket().is_some() || options.get_host().starts_with('/');
        Ok(Self(Arc::new(if is_socket { options.ssl_mode(PgSslMode::Disable) } else { options })))
    }

    /// What a connection is made with.
    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.0
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.0.get_username();
        let database = self.0.get_database().unwrap_or(user);
        match self.0.get_socket() {
            Some(folder) => write!(f, "postgres://{user}@/{database}?host={}", folder.display())?,
            None => write!(f, "postgres://{user}@{}:{}/{database}", self.0.get_host(), self.0.get_port())?,
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
