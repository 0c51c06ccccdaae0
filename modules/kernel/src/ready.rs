//! Answers that are bytes already: what is asked for again and again is written once.
use std::marker::PhantomData;

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderValue,
        header::{CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Fault, Reply, etag::tag};

/// The JSON of a `T` with its strong `ETag`, ready to be sent: it crosses to another process as it is.
///
/// The tag is as [`Tagged`](crate::Tagged) has it: the version, where a `T` has one, and a digest of the bytes.
#[derive(Debug)]
pub struct Ready<T> {
    body: Bytes,
    tag: HeaderValue,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Ready<T> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), tag: self.tag.clone(), of: PhantomData }
    }
}

/// What a tag begins with.
#[derive(Deserialize)]
struct Versioned {
    version: Option<i64>,
}

impl<T> Ready<T> {
    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len()
    }

    fn from_bytes(body: Bytes) -> serde_json::Result<Self> {
        let Versioned { version } = serde_json::from_slice(&body)?;
        Ok(Self { tag: tag(version, &body), body, of: PhantomData })
    }
}

impl<T: Serialize> Ready<T> {
    /// Writes `value` down.
    pub fn of(value: &T) -> Result<Self, Fault> {
        let body = serde_json::to_vec(value).map_err(Fault::internal)?;
        Self::from_bytes(body.into()).map_err(Fault::internal)
    }
}

impl<T: DeserializeOwned> Ready<T> {
    /// What was written down.
    pub fn value(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(Fault::internal)
    }
}

impl<T: Serialize + DeserializeOwned> Reply for Ready<T> {
    type Of = T;

    fn write(&self) -> serde_json::Result<Bytes> {
        Ok(self.body.clone())
    }

    fn read(bytes: Bytes) -> serde_json::Result<Self> {
        Self::from_bytes(bytes)
    }
}

impl<T> IntoResponse for Ready<T> {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ETAG, self.tag);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Page, Tagged};

    #[test]
    fn what_is_ready_is_answered_as_what_is_written_just_then() {
        let value = serde_json::json!({"name": "Tea", "version": 7});
        let ready = Ready::of(&value).unwrap();
        let (once, again) = (Tagged(7, value.clone()).into_response(), ready.clone().into_response());
        assert_eq!((once.headers(), once.status()), (again.headers(), again.status()));
        assert_eq!(ready.value().unwrap(), value);
        let crossed = Ready::<serde_json::Value>::read(ready.write().unwrap()).unwrap();
        assert_eq!((crossed.body, crossed.tag), (ready.body, ready.tag));
    }

    #[test]
    fn what_has_no_version_is_tagged_by_what_is_in_it() {
        let tag = |items| Ready::of(&Page { items, next: None }).unwrap().into_response().headers()[ETAG].clone();
        assert!(tag(vec![1]).to_str().unwrap().starts_with("\"list-") && tag(vec![1]) != tag(vec![2]));
    }
}
