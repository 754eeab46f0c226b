//! Tests that values are escaped for the place where they stand.

use keyrota_service_function::service::{Cause, ServiceError};
use serde_json::{Value, json};

use crate::server::{NEW, OLD, Reply, TestServer, USER};

/// Returns what the server receives for a change that was described in another way.
async fn sent(described: Value) -> (String, String) {
    let server = TestServer::start(|_| Reply::status(204));
    let account = server.account(|http| {
        let url = server.url(described["path"].as_str().unwrap_or("/"));
        let change = &mut http["change"];
        for field in ["json", "form", "basic", "headers", "method"] {
            change[field] = match (field, &described[field]) {
                ("method", Value::Null) => json!("POST"),
                ("headers", Value::Null) => json!({}),
                (_, value) => value.clone(),
            };
        }
        change["url"] = json!(url);
    });
    assert!(server.change(&account).await.is_ok());
    let request = server.requests().pop().expect("a request");
    let request = request.replace(&format!("localhost:{}", server.port), "HOST");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn in_json() {
    let template = json!({
        "user": "{{username}}", "{{username}}": ["x{{password}}y", { "n": "{{new_password}}" }, 1, null],
        "tenant": "{{settings.tenant}}",
    });
    let (head, body) = sent(json!({ "json": template })).await;
    let length = body.len().to_string();
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        body,
        json!({
            "user": USER, "{{username}}": [format!("x{OLD}y"), { "n": NEW }, 1, null], "tenant": "4711",
        })
    );
    assert_eq!(
        head,
        "POST / HTTP/1.1\r\nhost: HOST\r\nuser-agent: keyrota\r\naccept: */*\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: 152"
            .replace("152", &length)
    );
}

#[tokio::test]
async fn in_a_form() {
    let form = json!({ "user": "{{username}}", "old&": "{{password}}", "new": "{{new_password}}" });
    let (head, body) = sent(json!({ "form": form, "method": "PUT" })).await;
    assert!(head.starts_with("PUT / HTTP/1.1\r\n"));
    assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert_eq!(
        body,
        "new=new%3Fpass%23word%2520%2B&old%26=old+pass%2Fword%26%3D%22%5C%7B%7Busername%7D%7D\
         &user=billing%40example.com"
    );
}

#[tokio::test]
async fn in_a_path_and_a_query() {
    let path = "/users/{{username}}/a%2Fb?new={{new_password}}&old={{password}}";
    let (head, _) = sent(json!({ "path": path, "method": "PATCH" })).await;
    let line = head.split("\r\n").next().expect("a line");
    assert_eq!(
        line,
        "PATCH /users/billing%40example.com/a%2Fb?new=new%3Fpass%23word%2520%2B\
         &old=old%20pass%2Fword%26%3D%22%5C%7B%7Busername%7D%7D HTTP/1.1"
    );
}

#[tokio::test]
async fn in_headers() {
    let (head, _) = sent(json!({
        "headers": { "x-tenant": "t-{{settings.tenant}}", "content-type": "text/plain" },
        "basic": { "username": "{{username}}", "password": "{{password}}" },
        "json": "{{new_password}}",
    }))
    .await;
    assert!(head.contains("\r\nx-tenant: t-4711\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: text/plain\r\n"), "{head}");
    let basic = "YmlsbGluZ0BleGFtcGxlLmNvbTpvbGQgcGFzcy93b3JkJj0iXHt7dXNlcm5hbWV9fQ==";
    assert!(
        head.contains(&format!("\r\nauthorization: Basic {basic}\r\n")),
        "{head}"
    );
}

/// A value that cannot stand where the file puts it makes the request impossible.
#[tokio::test]
async fn what_cannot_be_escaped_is_not_sent() {
    for (place, template, value) in [
        (
            "/change/headers/x-tenant",
            "{{settings.tenant}}",
            "a\r\nx-admin: yes",
        ),
        ("/change/headers/x-tenant", "{{settings.tenant}}", "a\u{0}"),
        ("/change/headers/x-tenant", "{{settings.tenant}}", "é"),
        ("/change/basic/username", "{{settings.tenant}}", "a:b"),
        ("/change/basic/password", "{{settings.tenant}}", "a\nb"),
        ("/change/url", "/a/{{settings.tenant}}/b", ".."),
        ("/change/url", "/a/{{settings.tenant}}", "."),
    ] {
        let server = TestServer::start(|_| Reply::status(204));
        let mut account = server.account(|http| {
            http["change"]["headers"] = json!({ "x-tenant": "" });
            http["change"]["basic"] = json!({ "username": "", "password": "" });
            let template = match place {
                "/change/url" => server.url(template),
                _ => template.to_owned(),
            };
            *http.pointer_mut(place).expect("a place") = json!(template);
        });
        account
            .settings
            .insert("tenant".to_owned(), value.to_owned());
        let ended = server.change(&account).await;
        assert_eq!(
            ended,
            Err(ServiceError::not_sent(Cause::Unbuilt)),
            "{place}"
        );
        assert!(server.requests().is_empty());
    }
}
