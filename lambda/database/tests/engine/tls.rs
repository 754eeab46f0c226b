//! Verification of a server's certificate, for each setting.

use keyrota_database_function::server::{
    Endpoint, Server as _, ServerError, ServerFault, Verification,
};
use keyrota_test_servers::Certificate;

use crate::bench::{Bench, Kind, check, login, told};

use Verification::{Authority, Full, None as Any};

async fn at(bench: &Bench, verification: Verification) -> Result<(), ServerError> {
    let endpoint = Endpoint {
        verification,
        ..bench.endpoint.clone()
    };
    bench
        .engines
        .authenticate(&endpoint, &login("app", "old"))
        .await
}

fn showing(certificate: Certificate) -> Bench {
    let bench = Bench::showing(Kind::Postgres, certificate, &[]);
    bench.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
    bench
}

#[tokio::test]
async fn the_right_certificate_is_right() {
    let bench = showing(Certificate::Valid);
    for verification in [Full, Authority, Any] {
        assert_eq!(at(&bench, verification).await, Ok(()));
    }
    // By its address, which the certificate also contains.
    let endpoint = Endpoint {
        host: "127.0.0.1".to_owned(),
        ..bench.endpoint.clone()
    };
    let result = bench
        .engines
        .authenticate(&endpoint, &login("app", "old"))
        .await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn authorities_that_do_not_know_the_server_do_not_trust_it() {
    let bench = showing(Certificate::Valid);
    let with = async |authorities: Option<&str>| {
        let authorities = authorities.map(str::to_owned);
        let endpoint = Endpoint {
            authorities,
            ..bench.endpoint.clone()
        };
        bench
            .engines
            .authenticate(&endpoint, &login("app", "old"))
            .await
    };
    // The operating system's own authorities.
    check(with(None).await, ServerFault::Untrusted, "UnknownIssuer");
    check(
        with(Some("not packed.pem")).await,
        ServerFault::Untrusted,
        "no authorities",
    );
}

#[tokio::test]
async fn another_name_is_refused_where_the_name_counts() {
    let bench = showing(Certificate::OtherName);
    check(
        at(&bench, Full).await,
        ServerFault::Untrusted,
        "NotValidForName",
    );
    assert_eq!(at(&bench, Authority).await, Ok(()));
    assert_eq!(at(&bench, Any).await, Ok(()));
}

#[tokio::test]
async fn another_authority_is_refused_where_one_counts() {
    let bench = showing(Certificate::OtherAuthority);
    assert_eq!(told(at(&bench, Full).await).0, ServerFault::Untrusted);
    assert_eq!(told(at(&bench, Authority).await).0, ServerFault::Untrusted);
    assert_eq!(at(&bench, Any).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_refused() {
    let bench = showing(Certificate::Expired);
    check(at(&bench, Full).await, ServerFault::Untrusted, "Expired");
    check(
        at(&bench, Authority).await,
        ServerFault::Untrusted,
        "Expired",
    );
    assert_eq!(at(&bench, Any).await, Ok(()));
}

#[tokio::test]
async fn without_tls_nothing_is_sent() {
    for kind in [Kind::Postgres, Kind::MariaDb, Kind::MySql] {
        let bench = Bench::showing(kind, Certificate::None, &[]);
        if kind == Kind::Postgres {
            bench.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
        } else {
            bench.sql("CREATE USER app@'%' IDENTIFIED BY 'old'");
        }
        for verification in [Full, Authority, Any] {
            check(at(&bench, verification).await, ServerFault::NoTls, "");
        }
        assert!(!bench.server.log().contains("app@127.0.0.1"));
    }
}
