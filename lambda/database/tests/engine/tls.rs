//! Verification of a server's certificate, for each setting.

use keyrota_database_function::server::{
    Endpoint, Server as _, ServerError, ServerFault, Verification,
};
use keyrota_test_servers::Certificate;

use crate::test_server::{Kind, TestServer, check, fault_and_code, login};

use Verification::{Authority, Full, None as Any};

async fn at(test_server: &TestServer, verification: Verification) -> Result<(), ServerError> {
    let endpoint = Endpoint {
        verification,
        ..test_server.endpoint.clone()
    };
    test_server
        .engines
        .authenticate(&endpoint, &login("app", "old"))
        .await
}

fn showing(certificate: Certificate) -> TestServer {
    let test_server = TestServer::showing(Kind::Postgres, certificate, &[]);
    test_server.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
    test_server
}

#[tokio::test]
async fn the_right_certificate_is_right() {
    let test_server = showing(Certificate::Valid);
    for verification in [Full, Authority, Any] {
        assert_eq!(at(&test_server, verification).await, Ok(()));
    }
    // By its address, which the certificate also contains.
    let endpoint = Endpoint {
        host: "127.0.0.1".to_owned(),
        ..test_server.endpoint.clone()
    };
    let result = test_server
        .engines
        .authenticate(&endpoint, &login("app", "old"))
        .await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn authorities_that_do_not_know_the_server_do_not_trust_it() {
    let test_server = showing(Certificate::Valid);
    let with = async |authorities: Option<&str>| {
        let authorities = authorities.map(str::to_owned);
        let endpoint = Endpoint {
            authorities,
            ..test_server.endpoint.clone()
        };
        test_server
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
    let test_server = showing(Certificate::OtherName);
    check(
        at(&test_server, Full).await,
        ServerFault::Untrusted,
        "NotValidForName",
    );
    assert_eq!(at(&test_server, Authority).await, Ok(()));
    assert_eq!(at(&test_server, Any).await, Ok(()));
}

#[tokio::test]
async fn another_authority_is_refused_where_one_counts() {
    let test_server = showing(Certificate::OtherAuthority);
    assert_eq!(
        fault_and_code(at(&test_server, Full).await).0,
        ServerFault::Untrusted
    );
    assert_eq!(
        fault_and_code(at(&test_server, Authority).await).0,
        ServerFault::Untrusted
    );
    assert_eq!(at(&test_server, Any).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_refused() {
    let test_server = showing(Certificate::Expired);
    check(
        at(&test_server, Full).await,
        ServerFault::Untrusted,
        "Expired",
    );
    check(
        at(&test_server, Authority).await,
        ServerFault::Untrusted,
        "Expired",
    );
    assert_eq!(at(&test_server, Any).await, Ok(()));
}

#[tokio::test]
async fn without_tls_nothing_is_sent() {
    for kind in [Kind::Postgres, Kind::MariaDb, Kind::MySql] {
        let test_server = TestServer::showing(kind, Certificate::None, &[]);
        if kind == Kind::Postgres {
            test_server.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
        } else {
            test_server.sql("CREATE USER app@'%' IDENTIFIED BY 'old'");
        }
        for verification in [Full, Authority, Any] {
            check(at(&test_server, verification).await, ServerFault::NoTls, "");
        }
        assert!(!test_server.server.log().contains("app@127.0.0.1"));
    }
}
