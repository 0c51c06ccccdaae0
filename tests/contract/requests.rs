//! What a client sends is read strictly, also where it has parts that we answer with, which are not.
use axum::{
    body::{Body as Bytes, to_bytes},
    extract::{FromRequest, Request},
};
use kernel::Body;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    generate::Random,
    releases::{LATER, objects},
};

#[tokio::test]
async fn a_field_that_no_request_has_is_pointed_at_however_deep_it_is() {
    refused::<products::NewProduct>().await;
    refused::<products::ProductPatch>().await;
    refused::<products::NewCategory>().await;
    refused::<users::NewUser>().await;
    refused::<users::UserPatch>().await;
    refused::<users::Credentials>().await;
    refused::<cart::NewItem>().await;
    refused::<orders::NewOrder>().await;
    refused::<orders::NewQuote>().await;
    refused::<orders::NewShipment>().await;
    refused::<orders::NewRefund>().await;
    refused::<notifications::Preferences>().await;
}

/// Sends bodies with one field too many, in each of their objects.
async fn refused<T: Serialize + DeserializeOwned>() {
    for seed in 0..20 {
        let body: T = Random::new(seed).value("");
        let body = serde_json::to_value(body).expect("a body has a JSON form");
        assert!(read::<T>(&body).await.is_none(), "{body}");
        for at in objects("", &body) {
            let mut changed = body.clone();
            changed.pointer_mut(&at).expect("it was found there")[LATER] = Value::Null;
            let problem = read::<T>(&changed).await.unwrap_or_else(|| panic!("{at} of {body} takes anything"));
            assert_eq!(problem["status"], 422, "{problem}");
            assert_eq!(problem["errors"][0]["code"], "unknown_field", "{problem}");
            assert_eq!(problem["errors"][0]["pointer"], format!("{at}/{LATER}"), "{problem}");
        }
    }
}

/// The problem with a body, if there is one.
async fn read<T: DeserializeOwned>(body: &Value) -> Option<Value> {
    let request = Request::post("/").header("content-type", "application/json");
    let request = request.body(Bytes::from(body.to_string())).expect("a request");
    let refusal = Body::<T>::from_request(request, &()).await.err()?;
    let problem = to_bytes(refusal.into_body(), usize::MAX).await.expect("a body in memory");
    Some(serde_json::from_slice(&problem).expect("a problem is JSON"))
}
