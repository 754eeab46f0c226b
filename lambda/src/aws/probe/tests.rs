use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;

use super::*;
use crate::port::CallErrorKind;

fn environment(more: &[(&str, &str)]) -> Environment {
    let lambda = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    Environment::read(|name| {
        let mut all = lambda.iter().chain(more);
        all.find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
    .expect("an environment")
}

fn key() -> KeyPair {
    KeyPair {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: SecretString::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    }
}

#[test]
fn a_bucket_is_found_where_its_partition_and_the_settings_say() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/");
    let own = ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000");
    type Case<'case> = (
        &'case [(&'case str, &'case str)],
        [&'case str; 3],
        [&'case str; 2],
    );
    let cases: [Case; 10] = [
        (
            &[],
            ["aws", "artifacts", "eu-west-1"],
            ["https://artifacts.s3.eu-west-1.amazonaws.com", "/"],
        ),
        (
            &[],
            ["aws", "my.artifacts", "us-east-1"],
            ["https://s3.us-east-1.amazonaws.com", "/my.artifacts"],
        ),
        (
            &[],
            ["aws-cn", "artifacts", "cn-north-1"],
            ["https://artifacts.s3.cn-north-1.amazonaws.com.cn", "/"],
        ),
        (
            &[fips],
            ["aws-us-gov", "artifacts", "us-gov-west-1"],
            ["https://artifacts.s3-fips.us-gov-west-1.amazonaws.com", "/"],
        ),
        (
            &[dual_stack],
            ["aws", "artifacts", "eu-west-1"],
            [
                "https://artifacts.s3.dualstack.eu-west-1.amazonaws.com",
                "/",
            ],
        ),
        (
            &[fips, dual_stack],
            ["aws", "a.b", "us-east-1"],
            ["https://s3-fips.dualstack.us-east-1.amazonaws.com", "/a.b"],
        ),
        (
            &[],
            ["aws-eusc", "artifacts", "eusc-de-east-1"],
            ["https://artifacts.s3.eusc-de-east-1.amazonaws.eu", "/"],
        ),
        (
            &[],
            ["aws-iso-b", "artifacts", "us-isob-east-1"],
            ["https://artifacts.s3.us-isob-east-1.sc2s.sgov.gov", "/"],
        ),
        (
            &[endpoint, fips],
            ["aws", "artifacts", "eu-west-1"],
            ["http://127.0.0.1:4566", "/artifacts"],
        ),
        (
            &[endpoint, own],
            ["aws", "artifacts", "eu-west-1"],
            ["http://127.0.0.1:9000", "/artifacts"],
        ),
    ];
    for (variables, [partition, bucket, region], [host, path]) in cases {
        let found = place(&environment(variables), partition, bucket, region);
        assert_eq!((found.host.as_str(), found.path.as_str()), (host, path));
    }
}

/// The expected signatures are those of botocore 1.43 for the same requests.
#[test]
fn a_request_is_signed_as_others_sign_it() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600);
    for (variables, bucket, signature) in [
        (
            &[][..],
            "artifacts",
            "27f011ce706dd634f7ee04f298709aaae0bdf56874ee30d4d7dc1a608485af1f",
        ),
        (
            &[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")],
            "my.artifacts",
            "af4605a90d4e1f28a4d564c9cf6a583c799bd416c20d1dc196f9529c209f3a5f",
        ),
    ] {
        let place = place(&environment(variables), "aws", bucket, "eu-west-1");
        let request = signed(&key(), "eu-west-1", &place, time).expect("a request");
        assert_eq!(request.method(), "GET");
        assert_eq!(
            request.headers().get("authorization"),
            Some(
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-west-1/s3/\
                     aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
                     Signature={signature}"
                )
                .as_str()
            )
        );
    }
}

#[test]
fn what_s3_refuses_it_says_in_xml() {
    let code = |body: &str| refusal(body.as_bytes()).code().map(str::to_owned);
    let whole = r#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidAccessKeyId</Code><Message>It does not exist</Message><RequestId>4</RequestId></Error>"#;
    assert_eq!(code(whole).as_deref(), Some("InvalidAccessKeyId"));
    for body in ["", "<", "<html>", "{}", "<Error><Code>", "<Error></Error>"] {
        assert_eq!(code(body), None, "{body}");
    }
    assert_eq!(refusal(b"\xff\xfe").code(), None);
}

/// Answers each request with the next of these responses, and returns the requests.
fn serve(answers: Vec<(u16, &'static str)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let reader = BufReader::new(stream.try_clone().expect("a stream"));
            let lines = reader.lines().map(|line| line.expect("a line"));
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            requests.push(head.join("\n"));
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\nx-amz-request-id: R1\r\n\
                 content-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).expect("an answer");
        }
        requests
    });
    (address, requests)
}

#[tokio::test]
async fn over_http_each_answer_means_what_its_code_says() {
    let cases = [
        (
            200,
            "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>",
            None,
        ),
        (
            403,
            "<Error><Code>InvalidAccessKeyId</Code></Error>",
            Some(CallErrorKind::NotAuthenticated),
        ),
        (
            403,
            "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>t</StringToSign></Error>",
            Some(CallErrorKind::NotAuthenticated),
        ),
        (
            403,
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
            Some(CallErrorKind::NotAuthorised),
        ),
        (
            404,
            "<Error><Code>NoSuchBucket</Code></Error>",
            Some(CallErrorKind::NotFound),
        ),
        (
            301,
            "<Error><Code>PermanentRedirect</Code></Error>",
            Some(CallErrorKind::Refused),
        ),
        (
            400,
            "<Error><Code>AuthorizationHeaderMalformed</Code></Error>",
            Some(CallErrorKind::Refused),
        ),
        (
            503,
            "<Error><Code>SlowDown</Code></Error>",
            Some(CallErrorKind::Throttled),
        ),
        (
            500,
            "<Error><Code>InternalError</Code></Error>",
            Some(CallErrorKind::Unclear),
        ),
        (502, "<html>bad gateway", Some(CallErrorKind::Unclear)),
    ];
    let answers = cases.map(|(status, body, _)| (status, body)).to_vec();
    let (address, requests) = serve(answers);
    let buckets = Buckets::new(environment_at(&address), super::super::http_client());
    for (status, body, expected) in cases {
        let ended = buckets.list(&key(), "aws", "artifacts", "eu-west-1").await;
        let fault = ended.as_ref().err().map(|error| error.kind);
        assert_eq!(fault, expected, "{status} {body} {ended:?}");
        if let Err(error) = ended {
            assert!(error.to_string().contains("R1"), "{error}");
        }
    }
    for request in requests.join().expect("no panic") {
        assert!(request.starts_with("GET /artifacts?list-type=2&max-keys=1 HTTP/1.1\n"));
        assert!(
            request.contains("Credential=AKIAIOSFODNN7EXAMPLE/"),
            "{request}"
        );
        assert!(!request.contains("wJalr"));
    }

    let gone = environment_at("http://127.0.0.1:1");
    let ended = Buckets::new(gone, super::super::http_client());
    let ended = ended.list(&key(), "aws", "artifacts", "eu-west-1").await;
    assert_eq!(
        ended.map_err(|error| error.kind),
        Err(CallErrorKind::Unsent)
    );
}

fn environment_at(address: &str) -> Environment {
    environment(&[("AWS_ENDPOINT_URL", address)])
}
