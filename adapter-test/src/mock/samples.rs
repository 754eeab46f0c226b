//! What the mock service answers: for an HTTP adapter, an answer that its file describes; for a Lambda
//! adapter, statuses that most services use. Pure.

use keyrota_contract::adapter::{Outcome, Previous};
use keyrota_contract::pins::service::{Http, HttpRequest, Method};
use keyrota_contract::url::HttpsUrl;
use serde_json::{Map, Value, json};

use super::state::{Asked, Made};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The HTTP status code.
    pub status: u16,
    /// The body, in JSON.
    pub body: String,
}

/// The answers of a service.
#[derive(Clone, Debug)]
pub enum Samples {
    /// Those that an HTTP adapter's file describes.
    Described(Box<Http>),
    /// 200, 401 for a wrong password, and an object in JSON.
    Usual,
}

impl Samples {
    /// Returns whether the service keeps the previous password.
    pub fn previous(&self) -> Previous {
        let Self::Described(http) = self else {
            return Previous::Void;
        };
        let answers = &http.change.answers;
        answers
            .iter()
            .find(|answer| answer.outcome == Outcome::Success)
            .map_or(Previous::Void, |answer| answer.previous)
    }

    /// Returns whether a request goes where changes go, and no logins.
    pub fn asks_for_change(&self, method: &hyper::Method, path: &str) -> bool {
        let Self::Described(http) = self else {
            return false;
        };
        let fits = |request: &HttpRequest| {
            let described = HttpsUrl::parse(&request.url).map_or("", |url| url.path);
            name(request.method) == method.as_str() && is_of_template(path, described)
        };
        fits(&http.change) && !fits(&http.authenticate)
    }

    /// Returns the answer.
    pub fn sample(&self, asked: Asked, made: Made) -> Sample {
        let outcome = match made {
            Made::Done => Outcome::Success,
            Made::Refused => Outcome::Refused,
        };
        let described = match (self, asked) {
            (Self::Usual, _) => None,
            (Self::Described(http), Asked::Login) => Some(&http.authenticate),
            (Self::Described(http), Asked::Change) => Some(&http.change),
        };
        let answers = described.iter().flat_map(|request| &request.answers);
        let answer = answers.clone().find(|answer| answer.outcome == outcome);
        match (answer, made) {
            (Some(answer), _) => Sample {
                status: answer.status.first().copied().unwrap_or(200),
                body: body(&answer.json).to_string(),
            },
            (None, Made::Done) => Sample {
                status: 200,
                body: "{}".to_owned(),
            },
            (None, Made::Refused) => Sample {
                status: 401,
                body: json!({ "error": "wrong_password" }).to_string(),
            },
        }
    }
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
    }
}

/// Returns whether a path can come from a template: its segments without placeholders are the same.
fn is_of_template(path: &str, template: &str) -> bool {
    let (path, template): (Vec<_>, Vec<_>) =
        (path.split('/').collect(), template.split('/').collect());
    path.len() == template.len()
        && path
            .iter()
            .zip(template)
            .all(|(segment, described)| described.contains("{{") || *segment == described)
}

/// Returns a body that has these values at these JSON pointers.
fn body<'a>(values: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Value {
    let mut body = Value::Object(Map::new());
    for (pointer, value) in values {
        let mut place = &mut body;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[name.as_str()];
        }
        *place = value.clone();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_values_at_their_pointers() {
        let values = [
            ("/error".to_owned(), json!("weak")),
            ("/a/b~1c".to_owned(), json!(1)),
            ("/a/d".to_owned(), json!(true)),
        ];
        let body = body(values.iter().map(|(pointer, value)| (pointer, value)));
        for (pointer, value) in &values {
            assert_eq!(body.pointer(pointer), Some(value));
        }
    }

    #[test]
    fn a_path_of_a_template_is_recognized() {
        assert!(is_of_template(
            "/users/a%2Fb/password",
            "/users/{{username}}/password"
        ));
        assert!(!is_of_template(
            "/users/a/b/password",
            "/users/{{username}}/password"
        ));
        assert!(!is_of_template("/users/a", "/user/{{username}}"));
    }
}
