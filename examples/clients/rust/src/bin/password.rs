//! Logs in to PostgreSQL every 100 milliseconds with a rotating password:
//!
//!     PGSSLROOTCERT=rds.pem password SECRET
//!
//! If the server refuses the password, it reads the secret until that has another one, and logs in a second
//! and last time.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rotating_clients::RotatingSecret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

#[derive(PartialEq, Deserialize)]
struct Login {
    host: String,
    port: u16,
    dbname: String,
    username: String,
    password: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let id = std::env::args().nth(1).ok_or("usage: password SECRET")?;
    let secret = RotatingSecret::new(id).await?;
    let tls = tls()?;
    for number in 1.. {
        let client = connect(&secret, &tls).await?;
        let row = client.query_one("SELECT current_user::text", &[]).await?;
        println!("request {number}: {}", row.get::<_, &str>(0));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Opens a connection. A pool calls this for each of its connections.
async fn connect(
    secret: &RotatingSecret,
    tls: &MakeRustlsConnect,
) -> Result<Client, Box<dyn Error>> {
    let login: Login = secret.read().await?;
    let error = match log_in(&login, tls).await {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    if error.code() != Some(&SqlState::INVALID_PASSWORD) {
        return Err(error.into());
    }
    let Some(newer) = secret.newer(&login).await? else {
        return Err(error.into());
    };
    println!("refreshed: the password was refused");
    Ok(log_in(&newer, tls).await?)
}

async fn log_in(login: &Login, tls: &MakeRustlsConnect) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = Config::new()
        .host(&login.host)
        .port(login.port)
        .dbname(&login.dbname)
        .user(&login.username)
        .password(&login.password)
        .ssl_mode(SslMode::Require)
        .connect(tls.clone())
        .await?;
    // The connection ends when its client is dropped.
    tokio::spawn(connection);
    Ok(client)
}

/// Trusts the authorities in the file that PGSSLROOTCERT names, and checks the host's name.
fn tls() -> Result<MakeRustlsConnect, Box<dyn Error>> {
    let file = std::env::var("PGSSLROOTCERT")?;
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        authorities.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
