use hyper::header::HeaderValue;

use super::super::account::{ROLE_KEY, SECRET_ARN, SECRET_NAME, USER};
use super::super::secret::{CURRENT, PENDING};
use super::*;

struct Caller {
    account: Account,
}

impl Caller {
    fn new() -> Self {
        let account = Account::of_key().unwrap();
        Self { account }
    }

    fn call(&mut self, service: Service, signer: &str, target: &str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        let credential = format!("AWS4-HMAC-SHA256 Credential={signer}/20260101/us-east-1/x");
        let credential = HeaderValue::from_str(&credential).unwrap();
        headers.insert("authorization", credential);
        headers.insert("x-amz-target", HeaderValue::from_str(target).unwrap());
        service.answer(&mut self.account, &headers, body.as_bytes())
    }

    fn secret(&mut self, action: &str, mut request: Value) -> Result<Value, &'static str> {
        if request.get("SecretId").is_none() {
            request["SecretId"] = SECRET_ARN.into();
        }
        let target = format!("secretsmanager.{action}");
        let body = request.to_string();
        let answer = self.call(Service::SecretsManagerClient, ROLE_KEY, &target, &body);
        assert_eq!(answer.action, format!("secretsmanager:{action}"));
        match answer.refused {
            None => Ok(serde_json::from_str(&answer.body).unwrap()),
            Some(code) => Err(code),
        }
    }

    fn form(&mut self, signer: &str, form: &str) -> Answer {
        let service = if form.contains("GetCallerIdentity") {
            Service::Sts
        } else {
            Service::Iam
        };
        self.call(service, signer, "", form)
    }
}

const FIRST_KEY: &str = "AKIA0000000000000001";

#[test]
fn a_rotation_by_hand() {
    let mut caller = Caller::new();
    let token = caller.account.begin_rotation();
    let described = caller.secret("DescribeSecret", json!({})).unwrap();
    assert_eq!(described["VersionIdsToStages"][&token], json!([PENDING]));

    let pending = json!({ "VersionId": token });
    let missing = Err("ResourceNotFoundException");
    assert_eq!(caller.secret("GetSecretValue", pending.clone()), missing);

    let create = format!("Action=CreateAccessKey&UserName={USER}&Version=2010-05-08");
    let made = caller.form(FIRST_KEY, &create).body;
    assert!(made.contains("<AccessKeyId>AKIA0000000000000002</AccessKeyId>"));
    let full = caller.form(ROLE_KEY, &create);
    assert_eq!((full.status, full.refused), (409, Some("LimitExceeded")));

    let value = r#"{"accesskey":"AKIA0000000000000002"}"#;
    let put = json!({
        "ClientRequestToken": token,
        "SecretString": value,
        "VersionStages": [PENDING, "MADE"],
    });
    caller.secret("PutSecretValue", put).unwrap();
    let found = caller.secret("GetSecretValue", pending).unwrap();
    assert_eq!(found["SecretString"], value);

    let described = caller.secret("DescribeSecret", json!({})).unwrap();
    let stages = described["VersionIdsToStages"].as_object().unwrap();
    let before = stages
        .iter()
        .find(|(_, labels)| **labels == json!([CURRENT]))
        .map(|(id, _)| id.clone())
        .unwrap();
    let promote = json!({
        "VersionStage": CURRENT,
        "MoveToVersionId": token,
        "RemoveFromVersionId": before,
    });
    caller.secret("UpdateSecretVersionStage", promote).unwrap();
    assert!(caller.account.end_rotation(&token).is_some());

    let delete = format!("Action=DeleteAccessKey&UserName={USER}&AccessKeyId={FIRST_KEY}");
    assert_eq!(caller.form(FIRST_KEY, &delete).status, 200);
    let gone = caller.form(FIRST_KEY, &delete);
    assert_eq!(
        (gone.status, gone.refused),
        (403, Some("InvalidClientTokenId"))
    );
}

#[test]
fn a_dead_key_does_not_sign() {
    let mut caller = Caller::new();
    let identify = "Action=GetCallerIdentity";
    let mine = caller.form(FIRST_KEY, identify).body;
    assert!(mine.contains("<Arn>arn:aws:iam::111122223333:user/ci-deployer</Arn>"));
    let update =
        format!("Action=UpdateAccessKey&UserName={USER}&AccessKeyId={FIRST_KEY}&Status=Inactive");
    assert_eq!(caller.form(ROLE_KEY, &update).status, 200);
    assert_eq!(caller.form(FIRST_KEY, identify).status, 403);
    let list = caller.form(ROLE_KEY, &format!("Action=ListAccessKeys&UserName={USER}"));
    assert!(list.body.contains("<Status>Inactive</Status>"));
}

#[test]
fn what_was_used_says_so() {
    let mut caller = Caller::new();
    let ask = format!("Action=GetAccessKeyLastUsed&AccessKeyId={FIRST_KEY}");
    let never = caller.form(ROLE_KEY, &ask).body;
    assert!(never.contains("<ServiceName>N/A</ServiceName>"), "{never}");
    caller.form(FIRST_KEY, "Action=GetCallerIdentity");
    let used = caller.form(ROLE_KEY, &ask).body;
    assert!(used.contains("<ServiceName>iam</ServiceName>"), "{used}");
}

#[test]
fn only_the_role_reads_the_secret_and_only_this_one() {
    let mut caller = Caller::new();
    let body = json!({ "SecretId": SECRET_NAME }).to_string();
    let target = "secretsmanager.GetSecretValue";
    let service = Service::SecretsManagerClient;
    assert_eq!(caller.call(service, ROLE_KEY, target, &body).status, 200);
    let refused = caller.call(service, FIRST_KEY, target, &body).refused;
    assert_eq!(refused, Some("UnrecognizedClientException"));
    let other = json!({ "SecretId": "other" });
    let missing = Err("ResourceNotFoundException");
    assert_eq!(caller.secret("GetSecretValue", other), missing);
    let unknown = caller.form(ROLE_KEY, &format!("Action=DeleteUser&UserName={USER}"));
    assert_eq!(unknown.refused, Some("InvalidAction"));
}

#[test]
fn the_role_is_given_passwords() {
    let mut caller = Caller::new();
    let asked = json!({ "PasswordLength": 24, "ExcludeCharacters": "/" });
    let made = caller.secret("GetRandomPassword", asked.clone()).unwrap();
    assert_eq!(made["RandomPassword"].as_str().map(str::len), Some(24));
    let another = caller.secret("GetRandomPassword", asked).unwrap();
    assert_ne!(made, another);
}
