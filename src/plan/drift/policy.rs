//! Whether resource policies do what the stack needs. CloudFormation compares some properties of a
//! permission, but not every condition of its statement, and no policy of a topic.

use serde_json::Value as Json;

/// A request of an AWS service to invoke a function.
#[derive(Clone, Copy, Debug)]
pub struct ServiceRequest<'a> {
    /// The service, such as `secretsmanager.amazonaws.com`.
    pub service: &'a str,
    /// The account of the secret or rule, `aws:SourceAccount`.
    pub account: &'a str,
    /// The ARN of the secret or rule, `aws:SourceArn`.
    pub source: &'a str,
}

/// Returns why a function's resource policy does not admit a request, or `None` if it does. A
/// condition that is not understood is taken for one that is not met.
pub fn refusal(policy: Option<&str>, request: ServiceRequest<'_>) -> Option<String> {
    let Some(policy) = policy else {
        return Some("the function has no resource policy".to_owned());
    };
    let Ok(policy) = serde_json::from_str::<Json>(policy) else {
        return Some("the function's resource policy cannot be read".to_owned());
    };
    let service = request.service;
    let mut unmet = Vec::new();
    let mut is_allowed = false;
    for statement in items(policy.get("Statement")) {
        if !applies(statement, service) {
            continue;
        }
        let sid = statement.get("Sid").and_then(Json::as_str).unwrap_or("-");
        let condition = unmet_condition(statement, request);
        match (statement.get("Effect").and_then(Json::as_str), condition) {
            (Some("Deny"), None) => {
                return Some(format!(
                    "the statement `{sid}` of the function's resource policy denies {service} to invoke it"
                ));
            }
            (Some("Allow"), None) => is_allowed = true,
            (Some("Allow"), Some(condition)) => {
                unmet.push(format!("`{sid}` requires `{condition}`"));
            }
            _ => {}
        }
    }
    if is_allowed {
        return None;
    }
    let unmet = match unmet.as_slice() {
        [] => String::new(),
        unmet => format!(": {}", unmet.join(", ")),
    };
    Some(format!(
        "no statement of the function's resource policy allows {service} to invoke it for {}{unmet}",
        request.source
    ))
}

/// Returns whether a statement is about invocations by a service.
fn applies(statement: &Json, service: &str) -> bool {
    let principal = statement.get("Principal");
    let is_service = match principal {
        Some(Json::String(any)) => any == "*",
        Some(principal) => {
            let named = |key: &str| items(principal.get(key)).filter_map(Json::as_str);
            named("Service").any(|it| it == service || it == "*")
                || named("AWS").any(|it| it == "*")
        }
        None => false,
    };
    let mut actions = items(statement.get("Action")).filter_map(Json::as_str);
    is_service && actions.any(|action| matches(action, "lambda:InvokeFunction"))
}

/// Returns the first condition of a statement that the request does not meet, as operator and key.
fn unmet_condition(statement: &Json, request: ServiceRequest<'_>) -> Option<String> {
    let operators = statement.get("Condition").and_then(Json::as_object);
    for (operator, keys) in operators.into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let actual = match key.to_ascii_lowercase().as_str() {
                "aws:sourceaccount" => Some(request.account),
                "aws:sourcearn" => Some(request.source),
                _ => None,
            };
            let values = || items(Some(values)).filter_map(Json::as_str);
            let base = operator.strip_suffix("IfExists").unwrap_or(operator);
            let is_met = actual.is_some_and(|actual| match base {
                "StringEquals" => values().any(|value| value == actual),
                "StringLike" | "ArnLike" | "ArnEquals" => {
                    values().any(|value| matches(value, actual))
                }
                _ => false,
            });
            if !is_met {
                return Some(format!("{operator} {key}"));
            }
        }
    }
    None
}

/// Returns whether a text matches a pattern with `*` and `?`, without regard to case.
fn matches(pattern: &str, text: &str) -> bool {
    fn rest(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', after)), _) => {
                (0..=text.len()).any(|skipped| rest(after, &text[skipped..]))
            }
            (Some((b'?', after)), Some((_, text))) => rest(after, text),
            (Some((one, after)), Some((other, text))) => {
                one.eq_ignore_ascii_case(other) && rest(after, text)
            }
            _ => false,
        }
    }
    rest(pattern.as_bytes(), text.as_bytes())
}

/// Returns how a policy differs from the template's, one text for each statement, or `None` if it has
/// none of the template's statements.
pub fn policy_differences(expected: &Json, actual: &str) -> Option<Vec<String>> {
    let actual: Json = serde_json::from_str(actual).unwrap_or_default();
    let sid = |statement: &Json| {
        let sid = statement.get("Sid").and_then(Json::as_str);
        sid.unwrap_or_default().to_owned()
    };
    let held: Vec<&Json> = items(actual.get("Statement")).collect();
    let wanted: Vec<&Json> = items(expected.get("Statement")).collect();
    let mut texts = Vec::new();
    let mut has_any = false;
    for statement in &wanted {
        let name = sid(statement);
        match held.iter().find(|it| sid(it) == name) {
            None => texts.push(format!("the statement `{name}` is missing")),
            Some(other) => {
                has_any = true;
                if plain(other) != plain(statement) {
                    texts.push(format!("the statement `{name}` differs"));
                }
            }
        }
    }
    for statement in held {
        let name = sid(statement);
        if !wanted.iter().any(|it| sid(it) == name) {
            texts.push(format!("the statement `{name}` is not in the template"));
        }
    }
    (has_any || texts.is_empty()).then_some(texts)
}

/// Returns a statement in a form in which equal ones are the same text: services reorder lists,
/// write a list of one item as that item, and change the case of actions.
fn plain(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(plain).collect();
            items.sort_by_key(Json::to_string);
            match items.as_slice() {
                [one] => one.clone(),
                _ => Json::Array(items),
            }
        }
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let value = match key.as_str() {
                    "Action" => in_lower_case(value),
                    _ => plain(value),
                };
                (key.clone(), value)
            });
            Json::Object(entries.collect())
        }
        other => other.clone(),
    }
}

fn in_lower_case(value: &Json) -> Json {
    let lower = |text: &Json| match text {
        Json::String(text) => Json::String(text.to_ascii_lowercase()),
        other => other.clone(),
    };
    plain(&match value {
        Json::Array(items) => Json::Array(items.iter().map(lower).collect()),
        one => lower(one),
    })
}

/// Returns the items of a list. A single value counts as a list with one item.
fn items(value: Option<&Json>) -> impl Iterator<Item = &Json> {
    let (one, many) = match value {
        Some(Json::Array(items)) => (None, items.as_slice()),
        other => (other, [].as_slice()),
    };
    one.into_iter().chain(many)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/app-AbCdEf";

    fn request() -> ServiceRequest<'static> {
        ServiceRequest {
            service: "secretsmanager.amazonaws.com",
            account: "111122223333",
            source: SECRET,
        }
    }

    fn statement(condition: Json) -> Json {
        json!({
            "Sid": "one", "Effect": "Allow", "Action": "lambda:InvokeFunction",
            "Principal": { "Service": "secretsmanager.amazonaws.com" },
            "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:f",
            "Condition": condition,
        })
    }

    fn of(statements: Json) -> Option<String> {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        refusal(Some(&policy.to_string()), request())
    }

    #[test]
    fn a_statement_admits_if_its_conditions_are_met() {
        let account = json!({ "StringEquals": { "AWS:SourceAccount": "111122223333" } });
        assert_eq!(of(json!([statement(account.clone())])), None);
        assert_eq!(of(statement(json!({}))), None);
        let like = json!({ "ArnLike": { "aws:SourceArn": "arn:*:secret:prod/app-??????" } });
        assert_eq!(of(json!([statement(like)])), None);
        let star = json!([{ "Effect": "Allow", "Action": "lambda:*", "Principal": "*" }]);
        assert_eq!(of(star), None);
        // One that does not is no obstacle.
        let other = json!({ "StringEquals": { "aws:SourceAccount": "444455556666" } });
        assert_eq!(of(json!([statement(other), statement(account)])), None);
    }

    #[test]
    fn what_is_not_admitted_is_told_with_its_reason() {
        let of_condition = |condition: Json| of(json!([statement(condition)])).unwrap();
        for condition in [
            json!({ "StringEquals": { "aws:SourceAccount": "444455556666" } }),
            json!({ "ArnLike": { "aws:SourceArn": "arn:aws:secretsmanager:*:*:secret:other-*" } }),
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
            json!({ "Bool": { "aws:SecureTransport": "true" } }),
            json!({
                "StringEquals": { "aws:SourceAccount": "111122223333" },
                "ArnEquals": { "aws:SourceArn": "arn:aws:secretsmanager:*:*:secret:other-*" },
            }),
        ] {
            let told = of_condition(condition.clone());
            assert!(told.contains("`one` requires"), "{condition} {told}");
        }
        let told = refusal(None, request()).unwrap();
        assert!(told.contains("no resource policy"), "{told}");
        let mut event = statement(json!({}));
        event["Principal"] = json!({ "Service": "events.amazonaws.com" });
        assert!(of(json!([event])).unwrap().contains(SECRET));
        let mut other = statement(json!({}));
        other["Action"] = json!("lambda:GetFunction");
        assert!(of(json!([other])).is_some());
        let mut deny = statement(json!({}));
        deny["Effect"] = json!("Deny");
        deny["Sid"] = json!("no");
        let told = of(json!([statement(json!({})), deny])).unwrap();
        assert!(told.contains("`no`"), "{told}");
    }

    #[test]
    fn a_policy_is_the_same_in_another_notation() {
        let wanted = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "A", "Effect": "Allow", "Action": "sns:Publish", "Resource": "t",
              "Condition": { "ArnEquals": { "aws:SourceArn": ["one", "two"] } } },
            { "Sid": "B", "Effect": "Allow", "Action": "sns:Publish", "Resource": "t" },
        ] });
        let told = |actual: &Json| policy_differences(&wanted, &actual.to_string());
        let mut held = wanted.clone();
        held["Statement"][0]["Action"] = json!(["SNS:Publish"]);
        held["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"] = json!(["two", "one"]);
        assert_eq!(told(&held).unwrap(), [""; 0]);
        held["Statement"][1]["Resource"] = json!("other");
        assert_eq!(told(&held).unwrap(), ["the statement `B` differs"]);
        held["Statement"][1]["Sid"] = json!("C");
        assert_eq!(
            told(&held).unwrap(),
            [
                "the statement `B` is missing",
                "the statement `C` is not in the template"
            ]
        );
        let default = json!({ "Statement": [{ "Sid": "__default_statement_ID" }] });
        assert_eq!(told(&default), None);
    }
}
