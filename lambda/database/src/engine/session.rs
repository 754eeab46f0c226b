//! A session with a server of any engine.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::TlsStream;

use crate::server::{
    Change, ChangeError, Dropped, Endpoint, Engine, Inspection, Login, NewUser, PasswordExpiry,
    Prepared, PreviousPassword, Rights, ServerError,
};

use super::{budget, mysql, postgres, timed};

/// A connection of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// A connection that is logged in. Each call ends it.
pub struct Session(ByProtocol);

enum ByProtocol {
    /// To PostgreSQL.
    Postgres(postgres::Session),
    /// To MySQL or MariaDB.
    MySql(mysql::Session, Engine),
}

impl Session {
    /// Logs in over a stream that needs no TLS, because it is secure already. PostgreSQL begins with
    /// the login, and MySQL and MariaDB with their greeting.
    ///
    /// # Errors
    ///
    /// Fails if the server does not accept the login, or does not follow its protocol.
    pub async fn over<S>(stream: S, endpoint: &Endpoint, login: &Login) -> Result<Self, ServerError>
    where
        S: Duplex + TlsStream + 'static,
    {
        let engine = endpoint.engine;
        Ok(match engine {
            Engine::Postgres => {
                Self::postgres(postgres::log_in_over(stream, endpoint, login).await?)
            }
            Engine::MySql | Engine::MariaDb => {
                Self::mysql(mysql::log_in_over(stream, endpoint, login).await?, engine)
            }
        })
    }

    pub(super) const fn postgres(session: postgres::Session) -> Self {
        Self(ByProtocol::Postgres(session))
    }

    pub(super) const fn mysql(session: mysql::Session, engine: Engine) -> Self {
        Self(ByProtocol::MySql(session, engine))
    }

    /// Reads the session's user.
    ///
    /// # Errors
    ///
    /// Fails if the server does not say it.
    pub async fn authenticate(self) -> Result<(), ServerError> {
        match self.0 {
            ByProtocol::Postgres(mut session) => {
                let read = timed(budget::STATEMENT, session.read()).await;
                session.close().await;
                read
            }
            ByProtocol::MySql(mut session, _) => {
                let read = timed(budget::STATEMENT, session.read()).await;
                session.close().await;
                read.map(drop)
            }
        }
    }

    /// Returns what the server says about the session and about a user.
    ///
    /// # Errors
    ///
    /// Fails if the server does not say who the session's user is.
    pub async fn inspect(self, login: &Login, username: &str) -> Result<Inspection, ServerError> {
        match self.0 {
            ByProtocol::Postgres(mut session) => {
                let inspected = timed(budget::STATEMENT, postgres::inspect(&mut session, username));
                let inspected = inspected.await;
                session.close().await;
                inspected
            }
            ByProtocol::MySql(mut session, engine) => {
                let inspected = timed(
                    budget::STATEMENT,
                    mysql::inspect(&mut session, engine, login, username),
                );
                let inspected = inspected.await;
                session.close().await;
                match inspected {
                    // The login can change its password, and do nothing else.
                    Err(error) if mysql::is_expired(&error) => Ok(Inspection {
                        expiry: Some(PasswordExpiry::Expired),
                        ..Inspection::default()
                    }),
                    inspected => inspected,
                }
            }
        }
    }

    /// Changes a password.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses that, or does not answer.
    pub async fn change(
        self,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<PreviousPassword, ChangeError> {
        match self.0 {
            ByProtocol::Postgres(mut session) => {
                let changed = postgres::change(&mut session, change).await;
                session.close().await;
                changed.map(|()| PreviousPassword::Void)
            }
            ByProtocol::MySql(mut session, engine) => {
                let changed = match engine {
                    Engine::MariaDb => mysql::mariadb::change(&mut session, login, change).await,
                    _ => mysql::oracle::change(&mut session, login, change).await,
                };
                session.close().await;
                changed
            }
        }
    }

    /// Creates a user, or completes what it may do.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses that, or does not answer.
    pub async fn prepare(self, login: &Login, user: &NewUser<'_>) -> Result<Prepared, ChangeError> {
        match self.0 {
            ByProtocol::Postgres(mut session) => {
                let prepared = match user.rights {
                    Rights::Of(other) => postgres::like::prepare(&mut session, user, other).await,
                    Rights::Granted { grants, roles } => {
                        postgres::user::prepare(&mut session, user, grants, roles).await
                    }
                };
                session.close().await;
                prepared
            }
            ByProtocol::MySql(mut session, engine) => {
                let prepared = match user.rights {
                    Rights::Of(other) => {
                        mysql::like::prepare(&mut session, engine, login, user, other).await
                    }
                    Rights::Granted { grants, roles } => {
                        mysql::user::prepare(&mut session, engine, login, user, grants, roles).await
                    }
                };
                session.close().await;
                prepared
            }
        }
    }

    /// Returns whether a user exists.
    ///
    /// # Errors
    ///
    /// Fails if the server does not say it.
    pub async fn has_user(self, username: &str) -> Result<bool, ServerError> {
        match self.0 {
            ByProtocol::Postgres(mut session) => {
                let exists = postgres::user::exists(&mut session, username).await;
                session.close().await;
                exists
            }
            ByProtocol::MySql(mut session, engine) => {
                let exists = mysql::user::exists(&mut session, engine, username).await;
                session.close().await;
                exists
            }
        }
    }

    /// Drops a user that was created with these grants.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses that, or does not answer.
    pub async fn drop_user(
        self,
        username: &str,
        grants: &[String],
    ) -> Result<Dropped, ServerError> {
        match self.0 {
            ByProtocol::Postgres(mut session) => {
                let dropped = postgres::user::drop(&mut session, username, grants).await;
                session.close().await;
                dropped
            }
            ByProtocol::MySql(mut session, engine) => {
                let dropped = mysql::user::drop_user(&mut session, engine, username).await;
                session.close().await;
                dropped
            }
        }
    }

    /// Makes the server discard previous passwords.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses that, or does not answer.
    pub async fn discard(
        self,
        login: &Login,
        username: &str,
        every: bool,
    ) -> Result<(), ServerError> {
        match self.0 {
            ByProtocol::MySql(mut session, Engine::MySql) => {
                let discarded = mysql::oracle::discard(&mut session, login, username, every).await;
                session.close().await;
                discarded
            }
            // The other engines keep one password per user.
            session => Self(session).authenticate().await,
        }
    }
}
