//! A profile of `aws login`: the session that the AWS CLI cached is used, and without one the
//! error names the command that creates it.

use keyrota::bundle::sha256_hex;
use serde_json::json;

use crate::environment::{Signed, TestEnvironment};

const SESSION: &str = "arn:aws:iam::000000000000:user/admin";
const EVERYTHING: &str = r#"{ "Version": "2012-10-17", "Statement": [
    { "Effect": "Allow", "Action": "*", "Resource": "*" }
] }"#;

/// Returns the text of the first XML element with a name.
fn element<'text>(answer: &'text str, name: &str) -> &'text str {
    let (_, rest) = answer.split_once(&format!("<{name}>")).expect("the start");
    rest.split_once("</").expect("the end").0
}

#[tokio::test]
async fn a_session_of_aws_login_is_used() {
    let test = TestEnvironment::without_function().await;
    test.make_user("ci-deployer").await;
    let admin = test.make_deployer("admin", EVERYTHING).await;
    test.manifest("version: 1\nstack: a\naccess_keys: [{ user: ci-deployer }]\n");
    test.home.write(
        ".aws/config",
        format!("[profile ci]\nlogin_session = {SESSION}\nregion = us-east-1\n"),
    );
    let status = || {
        let mut command = test.program("status --profile ci --format json");
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        test.run("status --profile ci --format json", command)
    };
    let ran = status().await.exits(1);
    ran.fails("credentials", &["`ci`", "aws login"]);

    let request =
        Signed::new("sts", "POST", "/").header("content-type", "application/x-www-form-urlencoded");
    let body = "Action=GetSessionToken&Version=2011-06-15";
    let answer = request.answer(test.endpoint(), &admin, body).await;
    let cached = json!({
        "accessToken": {
            "accessKeyId": element(&answer, "AccessKeyId"),
            "secretAccessKey": element(&answer, "SecretAccessKey"),
            "sessionToken": element(&answer, "SessionToken"),
            "accountId": "000000000000",
            "expiration": "2126-01-01T00:00:00Z",
        },
        "tokenType": "aws_sigv4",
        "refreshToken": "none",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": "none",
    });
    let file = format!(".aws/login/cache/{}.json", sha256_hex(SESSION.as_bytes()));
    test.home.write(&file, cached.to_string());
    let ran = status().await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["state"], "missing");
}
