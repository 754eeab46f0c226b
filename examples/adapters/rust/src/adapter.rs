//! What your service needs. This one has a small HTTPS API: `POST {url}/login` tries a password, and
//! `POST {url}/password` changes it. Replace `authenticate` and `change`, and keep the rest.

use serde_json::{Value, json};

use crate::contract::{Operation, Outcome, Request, Response, VERSION};

/// What came back from the service.
#[derive(Debug)]
pub enum Answer {
    /// The service cannot have carried out the request.
    NotSent,
    /// The service may have carried out the request.
    None,
    /// The status, and the body if it is a JSON object of a sensible length.
    Status(u16, Option<Value>),
}

/// Sends requests to the service.
pub trait Send {
    async fn send(&self, url: &str, body: &Value) -> Answer;
}

/// Answers one request. Never log it, nor an answer of the service: both contain passwords.
pub async fn handle(request: &Request, service: &impl Send) -> Response {
    if request.version != VERSION {
        return Response::new(Outcome::Unclear, Some("version".to_owned()));
    }
    match request.request {
        Operation::Authenticate => authenticate(request, service).await,
        Operation::Change => change(request, service).await,
    }
}

/// Logs in, and changes nothing.
async fn authenticate(request: &Request, service: &impl Send) -> Response {
    let body = json!({ "user": request.username, "password": request.password });
    outcome(&service.send(&url(request, "login"), &body).await)
}

/// Logs in with the password, and replaces it. keyrota may send the same request again.
async fn change(request: &Request, service: &impl Send) -> Response {
    let body = json!({
        "user": request.username,
        "password": request.password,
        "new_password": request.new_password,
    });
    match service.send(&url(request, "password"), &body).await {
        Answer::Status(422, _) => {
            Response::new(Outcome::PasswordRejected, Some("HTTP 422".to_owned()))
        }
        answer => outcome(&answer),
    }
}

fn url(request: &Request, path: &str) -> String {
    let url = request.settings.get("url").map_or("", String::as_str);
    format!("{url}/{path}")
}

/// Returns what an answer means. Everything that the service does not say itself is unclear.
fn outcome(answer: &Answer) -> Response {
    let (outcome, code) = match answer {
        Answer::NotSent => (Outcome::Unreachable, "not sent".to_owned()),
        Answer::None => (Outcome::Unclear, "no answer".to_owned()),
        Answer::Status(200, Some(_)) => return Response::new(Outcome::Success, None),
        Answer::Status(status, _) => {
            let outcome = match status {
                401 => Outcome::Refused,
                503 => Outcome::Unreachable,
                _ => Outcome::Unclear,
            };
            (outcome, format!("HTTP {status}"))
        }
    };
    Response::new(outcome, Some(code))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;

    /// A service with one answer, which keeps what was sent.
    struct Fixed(RefCell<Option<Answer>>, RefCell<Vec<(String, Value)>>);

    impl Send for Fixed {
        async fn send(&self, url: &str, body: &Value) -> Answer {
            self.1.borrow_mut().push((url.to_owned(), body.clone()));
            self.0.borrow_mut().take().unwrap_or(Answer::None)
        }
    }

    async fn ask(request: Operation, answer: Answer) -> (Outcome, Vec<(String, Value)>) {
        let request = Request {
            version: VERSION,
            request,
            username: "billing".to_owned(),
            password: "old".to_owned(),
            new_password: Some("new".to_owned()),
            settings: BTreeMap::from([("url".to_owned(), "https://portal.example.com".to_owned())]),
        };
        let service = Fixed(RefCell::new(Some(answer)), RefCell::default());
        let response = handle(&request, &service).await;
        (response.outcome, service.1.into_inner())
    }

    #[tokio::test]
    async fn an_answer_means_what_the_service_says() {
        let body = || Some(json!({}));
        for (answer, outcome) in [
            (Answer::Status(200, body()), Outcome::Success),
            // A page of something in front of the service.
            (Answer::Status(200, None), Outcome::Unclear),
            (Answer::Status(401, body()), Outcome::Refused),
            (Answer::Status(503, None), Outcome::Unreachable),
            (Answer::Status(500, body()), Outcome::Unclear),
            (Answer::Status(307, None), Outcome::Unclear),
            (Answer::None, Outcome::Unclear),
            (Answer::NotSent, Outcome::Unreachable),
        ] {
            assert_eq!(ask(Operation::Authenticate, answer).await.0, outcome);
        }
        let rejected = ask(Operation::Change, Answer::Status(422, body())).await.0;
        assert_eq!(rejected, Outcome::PasswordRejected);
    }

    #[tokio::test]
    async fn a_change_sends_both_passwords() {
        let (outcome, sent) = ask(Operation::Change, Answer::Status(200, Some(json!({})))).await;
        assert_eq!(outcome, Outcome::Success);
        let body = json!({ "user": "billing", "password": "old", "new_password": "new" });
        assert_eq!(
            sent,
            [("https://portal.example.com/password".to_owned(), body)]
        );
    }
}
