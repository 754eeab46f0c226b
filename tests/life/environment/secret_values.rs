//! The secrets in requests and responses, which must not appear anywhere else: secret
//! keys, passwords, session tokens, and the tokens that let a caller fill a version.

use serde_json::Value;

use super::request::Request;

/// Returns the secret values in a request and its response.
pub fn values(request: &Request, answer: &[u8]) -> Vec<String> {
    let mut values: Vec<String> = request
        .header("x-amz-security-token")
        .into_iter()
        .map(str::to_owned)
        .collect();
    for text in [request.body(), body(answer)].map(String::from_utf8_lossy) {
        match serde_json::from_str(&text) {
            Ok(document) => of_document(&document, &mut values),
            Err(_) => of_elements(&text, &mut values),
        }
    }
    values.retain(|value| !value.is_empty());
    values
}

fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(&[], |end| &answer[end + 4..])
}

/// Searches JSON, including JSON in its strings.
fn of_document(document: &Value, values: &mut Vec<String>) {
    const TOLD: [&str; 11] = [
        "AWS_SECRET_ACCESS_KEY",
        "ClientRequestToken",
        "MoveToVersionId",
        "PGPASSWORD",
        "RandomPassword",
        "RemoveFromVersionId",
        "RotationToken",
        "SecretBinary",
        "VersionId",
        "password",
        "secretkey",
    ];
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if TOLD.contains(&name.as_str()) => {
                        values.push(text.clone());
                    }
                    Value::Object(versions) if name == "VersionIdsToStages" => {
                        values.extend(versions.keys().cloned());
                    }
                    Value::String(text) if name == "SecretString" => {
                        values.push(text.clone());
                        if let Ok(value) = serde_json::from_str(text) {
                            of_document(&value, values);
                        }
                    }
                    _ => of_document(value, values),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| of_document(item, values)),
        _ => {}
    }
}

/// Searches XML.
fn of_elements(text: &str, values: &mut Vec<String>) {
    for name in ["SecretAccessKey", "SessionToken"] {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        for rest in text.split(&open).skip(1) {
            if let Some((value, _)) = rest.split_once(&close) {
                values.push(value.to_owned());
            }
        }
    }
}
