//! Who may call what.

use std::{sync::Arc, time::Duration};

use catgraft_service::{
    Secret,
    http::Auth,
    token::{Role, TokenKey, generate_key},
};

use crate::{
    client::{Answer, Request},
    fixture::{Fixture, NOW, start},
};

struct Case {
    service: Fixture,
    key: TokenKey,
}

impl Case {
    fn new() -> Self {
        let text: Secret = generate_key();
        let key = TokenKey::from_hex(&text).unwrap();
        let service = start(Auth::Required(Arc::new(TokenKey::from_hex(&text).unwrap())));
        Self { service, key }
    }

    async fn call(&self, name: &str, authorization: &str) -> Answer {
        Request::call(name).header("Authorization", authorization).send(self.service.address).await
    }
}

#[tokio::test]
async fn a_good_token_may_call() {
    let case = Case::new();
    let token = case.key.issue("alice", None, Some(Duration::from_secs(1)), NOW);
    assert_eq!(case.call("echo", &format!("Bearer {token}")).await.status, 200);
    assert_eq!(case.call("echo", &format!("bearer {token}")).await.status, 200);
}

#[tokio::test]
async fn no_token_or_a_bad_one_is_401() {
    let case = Case::new();
    let told = Request::call("echo").send(case.service.address).await.error(401, 4);
    assert!(told.contains("Authorization: Bearer"), "{told}");
    let token = case.key.issue("alice", None, None, NOW);
    for authorization in [String::new(), "Bearer".into(), "Basic eDp5".into(), token.clone()] {
        let told = case.call("echo", &authorization).await.error(401, 4);
        assert_eq!(told, "the Authorization header is not \"Bearer <token>\"");
    }
    let told = case.call("echo", &format!("Bearer {token}x")).await.error(401, 4);
    assert!(told.starts_with("the token is not valid: "), "{told}");
    let other = TokenKey::from_hex(&generate_key()).unwrap().issue("alice", None, None, NOW);
    case.call("echo", &format!("Bearer {other}")).await.error(401, 4);
}

#[tokio::test]
async fn a_token_is_good_in_its_time_only() {
    let case = Case::new();
    let later = catgraft_core::Timestamp::from_millis(NOW.as_millis() + 1);
    let token = case.key.issue("alice", None, None, later);
    let told = case.call("echo", &format!("Bearer {token}")).await.error(401, 4);
    assert_eq!(told, "the token is not valid: it is not valid yet");
    let earlier = catgraft_core::Timestamp::from_millis(NOW.as_millis() - 1000);
    let token = case.key.issue("alice", None, Some(Duration::from_secs(1)), earlier);
    let told = case.call("echo", &format!("Bearer {token}")).await.error(401, 4);
    assert_eq!(told, "the token is not valid: it has expired");
}

#[tokio::test]
async fn a_call_between_services_needs_the_role() {
    let case = Case::new();
    let without = case.key.issue("alice", None, None, NOW);
    case.call("register", &format!("Bearer {without}")).await.error(403, 4);
    let with = case.key.issue("pagestore", Some(Role::Pagestore), None, NOW);
    assert_eq!(case.call("register", &format!("Bearer {with}")).await.status, 200);
    assert_eq!(case.call("echo", &format!("Bearer {with}")).await.status, 200);
}

#[tokio::test]
async fn without_authentication_every_call_is_open() {
    let service = start(Auth::Off);
    assert_eq!(Request::call("register").send(service.address).await.status, 200);
    let request = Request::call("echo").header("Authorization", "Bearer nonsense");
    assert_eq!(request.send(service.address).await.status, 200);
}

#[tokio::test]
async fn the_status_pages_need_no_token() {
    let case = Case::new();
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(Request::new("GET", path).send(case.service.address).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn no_other_spelling_of_a_call_reaches_it() {
    let case = Case::new();
    for path in [
        "/%6detastore/v1/echo",
        "/%6Detastore/v1/echo",
        "/metastore%2fv1/echo",
        "//metastore/v1/echo",
        "/./metastore/v1/echo",
        "/METASTORE/v1/echo",
        "/metastor%65/v1/internal",
    ] {
        let request = Request::new("POST", path).header("Content-Type", "application/x-protobuf");
        assert_eq!(request.send(case.service.address).await.status, 404, "{path}");
    }
    for path in
        ["/metastore/v1/%65cho", "/metastore/v1/echo/", "/metastore/v1//echo", "/metastore/../metastore/v1/echo"]
    {
        let request = Request::new("POST", path).header("Content-Type", "application/x-protobuf");
        request.send(case.service.address).await.error(400, 1);
    }
}

#[tokio::test]
async fn no_answer_and_no_log_line_holds_a_token_or_a_key() {
    let case = Case::new();
    let good = case.key.issue("alice", None, None, NOW);
    let other = TokenKey::from_hex(&generate_key()).unwrap().issue("alice", None, None, NOW);
    let long = format!("v4.local.{}", "A".repeat(20_000));
    for token in [format!("{good}x"), format!("{good}.{good}"), other, long, good.replace("v4.local", "v4.public")] {
        let answer = case.call("echo", &format!("Bearer {token}")).await;
        let told = answer.error(401, 4);
        assert!(told.starts_with("the token is not valid: ") && told.len() < 100, "{told}");
        let shown = format!("{answer:?} {told} {:?}", case.key);
        assert!(
            !token.as_bytes().windows(20).any(|part| shown.contains(std::str::from_utf8(part).unwrap())),
            "{shown}"
        );
    }
}
