//! What each kind of answer says in its head.
use std::convert::Infallible;

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, LOCATION},
    },
    response::{AppendHeaders, Html, IntoResponseParts, ResponseParts},
};
use utoipa::openapi::ResponseBuilder;

use super::{Answer, Described};
use crate::{CartToken, IDEMPOTENCY_REPLAYED, Ready, SignedIn, Tagged};

impl<T> Answer for Tagged<T> {
    fn describe(described: &mut Described) {
        if described.reads {
            let not_modified = ResponseBuilder::new().description("It is what `If-None-Match` names.");
            described.operation.responses.responses.insert("304".into(), not_modified.build().into());
            described.tags("If-None-Match", "Answers 304 if it is still one of these.");
            described.tags("If-Match", "Answers 412 if it is none of these any more.");
            described.refusal("412");
        }
        for status in ["2", "304"] {
            described.answer_header(status, "ETag", "Its version and a digest of the body (RFC 9110, section 8.8.3).");
        }
    }
}

impl<T> Answer for Ready<T> {
    fn describe(described: &mut Described) {
        Tagged::<T>::describe(described);
    }
}

impl<T> Answer for Json<T> {}
impl<T> Answer for Html<T> {}
impl Answer for StatusCode {}
impl<K, V, const N: usize> Answer for [(K, V); N] {}

impl<T: Answer, E> Answer for Result<T, E> {
    fn describe(described: &mut Described) {
        T::describe(described);
    }
}

macro_rules! tuples {
    ($(($($A:ident),*))*) => {$(
        impl<$($A: Answer),*> Answer for ($($A,)*) {
            fn describe(described: &mut Described) {
                $($A::describe(described);)*
            }
        }
    )*};
}

tuples! { (A, B) (A, B, C) (A, B, C, D) }

/// Where what was made is found (RFC 9110, section 10.2.2).
#[derive(Debug)]
pub struct Location(pub String);

impl Answer for Location {
    fn describe(described: &mut Described) {
        described.answer_header("2", "Location", "Where it is found.");
    }
}

impl IntoResponseParts for Location {
    type Error = Infallible;

    fn into_response_parts(self, parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        let Ok(parts) = AppendHeaders([(LOCATION, self.0)]).into_response_parts(parts) else {
            unreachable!("a path of ours is a header's value")
        };
        Ok(parts)
    }
}

/// What nobody on the way may keep, as it has a secret in it or is good for now only.
#[derive(Debug)]
pub struct NoStore;

impl Answer for NoStore {
    fn describe(described: &mut Described) {
        described.no_store("2");
    }
}

impl IntoResponseParts for NoStore {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(parts)
    }
}

/// Whether this is what came of an earlier request with the same idempotency key.
///
/// A route that says so knows its keys itself: the edge keeps neither its keys nor its answers.
#[derive(Debug)]
pub struct Replayed(pub bool);

impl Answer for Replayed {
    fn describe(described: &mut Described) {
        described.answer_header("2", "Idempotency-Replayed", "The request was answered before.");
    }
}

impl IntoResponseParts for Replayed {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if self.0 {
            parts.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(parts)
    }
}

impl Answer for SignedIn {
    fn describe(described: &mut Described) {
        let about = "The token of a guest's cart, which becomes the cart of whoever signs in.";
        described.header::<CartToken>("Cart-Token", about);
    }
}
