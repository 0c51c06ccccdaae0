//! The people in the stories.
use std::time::Duration;

use kernel::testing::found;
use reqwest::{
    Method, RequestBuilder,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::world::Shop;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// An HTTP client as anybody has one.
#[expect(clippy::disallowed_methods, reason = "this is a client of the shop, not a part of it")]
pub(crate) fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
    // The shop closes a connection on which nothing comes for ten seconds; one that is about to be is not used.
    client.pool_idle_timeout(Duration::from_secs(5)).build().unwrap()
}

/// Somebody who uses the shop over its public API.
#[derive(Clone)]
pub(crate) struct Actor<'a> {
    name: String,
    shop: &'a Shop,
    client: reqwest::Client,
    headers: HeaderMap,
}

/// What the shop answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The text at `pointer` of the body.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} of {:#}", self.body)).to_owned()
    }

    /// The number at `pointer` of the body.
    pub(crate) fn number(&self, pointer: &str) -> i64 {
        let found = self.body.pointer(pointer).and_then(Value::as_i64);
        found.unwrap_or_else(|| panic!("no number at {pointer} of {:#}", self.body))
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}

impl Shop {
    /// Somebody nobody knows.
    pub(crate) fn guest(&self, name: &str) -> Actor<'_> {
        Actor { name: name.into(), shop: self, client: client(), headers: HeaderMap::new() }
    }

    /// Somebody with a new account, signed in.
    pub(crate) async fn customer(&self, name: &str) -> Actor<'_> {
        let guest = self.guest(name);
        let account = json!({"email": format!("{name}@example.com"), "password": PASSWORD, "name": name});
        let opened = guest.send(Method::POST, "/v1/users", Some(&account), &[]).await;
        assert_eq!(opened.status, 201, "{opened:?}");
        guest.session().await
    }

    /// Somebody who runs the shop, signed in.
    pub(crate) async fn staff(&self, name: &str, role: &str) -> Actor<'_> {
        let email = format!("{name}@example.com");
        let made = self.stoa("users", &["user", "create", "--email", &email, "--role", role, "--name", name], PASSWORD);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        self.guest(name).session().await
    }

    /// Tells the reader what happens next.
    pub(crate) fn note(&self, text: &str) {
        self.transcript.lock().unwrap().note(text);
    }
}

impl Actor<'_> {
    /// A new session of an account, which the story does not tell of.
    pub(crate) async fn session_of(&self, email: &str) -> Reply {
        let credentials = json!({"email": email, "password": PASSWORD});
        let session = self.send(Method::POST, "/v1/sessions", Some(&credentials), &[]).await;
        assert_eq!(session.status, 201, "{session:?}");
        session
    }

    /// The same person, signed in.
    pub(crate) async fn session(self) -> Self {
        let session = self.session_of(&format!("{}@example.com", self.name)).await;
        self.with("authorization", &format!("Bearer {}", session.text("/access_token")))
    }

    /// The same person, who sends one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        self
    }

    /// A header that this person sends.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The same person without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.told(Method::GET, path, None).await
    }
    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.told(Method::POST, path, Some(&body)).await
    }
    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.told(Method::PATCH, path, Some(&body)).await
    }
    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.told(Method::PUT, path, Some(&body)).await
    }
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.told(Method::DELETE, path, None).await
    }

    /// Asks again until `holds`; only the last answer is told.
    pub(crate) async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Reply {
        let reply = found(async || {
            let reply = self.send(Method::GET, path, None, &[]).await;
            if holds(&reply.body) { Ok(reply) } else { Err(format!("GET {path} stays {:#}", reply.body)) }
        })
        .await;
        self.tell("GET", path, None, &reply);
        reply
    }

    /// One request that is part of the story.
    pub(crate) async fn told(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let reply = self.send(method.clone(), path, body, &[]).await;
        self.tell(method.as_str(), path, body, &reply);
        reply
    }

    pub(crate) fn tell(&self, method: &str, path: &str, body: Option<&Value>, reply: &Reply) {
        let hidden = body.map(|body| {
            let mut body = body.clone();
            if let Some(password) = body.get_mut("password").filter(|password| **password == PASSWORD) {
                *password = "<password>".into();
            }
            body
        });
        let mut transcript = self.shop.transcript.lock().unwrap();
        transcript.asked(&self.name, method, path, hidden.as_ref());
        transcript.answered(reply.status, &reply.headers, &reply.body);
    }

    /// One request, which may outlive this person and their shop.
    pub(crate) fn request(&self, method: Method, path: &str, body: Option<&Value>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.shop.base)).headers(self.headers.clone());
        if let Some(body) = body { request.json(body) } else { request }
    }

    /// One request that the story does not tell.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>, more: &[(&str, &str)]) -> Reply {
        let mut request = self.request(method, path, body);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let reply = request.send().await.expect("the shop answers");
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let text = reply.text().await.expect("a whole answer");
        let body =
            serde_json::from_str(&text).unwrap_or_else(|_| if text.is_empty() { Value::Null } else { text.into() });
        Reply { status, headers, body }
    }
}
