//! The public endpoints of payments.
use std::sync::Arc;

use std::convert::Infallible;

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
        request::Parts,
    },
    response::{Html, IntoResponse, Response},
};
use kernel::{BODY_LIMIT, Described, ForeignId, Path, Problem, Refusal, Shopper, problem};
use serde::Deserialize;
use utoipa::{
    PartialSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Error, Payment, PaymentChoice, Payments,
    forms::{Provider, Reference},
    provider::TEST,
};

type Api = State<Arc<dyn Payments>>;

/// Where a webhook's signature stands: ours, or Stripe's name for the same.
const SIGNATURES: [&str; 2] = ["stoa-signature", "stripe-signature"];

pub(crate) fn routes(api: Arc<dyn Payments>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(payment))
        .routes(kernel::routes!(webhook))
        .routes(kernel::routes!(bank))
        .routes(kernel::routes!(approve))
        .routes(kernel::routes!(decline))
        .with_state(api)
}

/// The payment of an order, for the one who pays and for staff.
#[utoipa::path(get, path = "/v1/orders/{id}/payment", responses((status = 200, body = Payment)))]
async fn payment(
    State(api): Api,
    Shopper(caller): Shopper,
    Path(ForeignId(id)): Path<ForeignId>,
) -> Result<Json<Payment>, Problem<Error>> {
    Ok(Json(api.get(caller, id).await?))
}

/// What a provider has to tell, signed in `Stoa-Signature` or `Stripe-Signature` as `t=…,v1=…`.
#[utoipa::path(post, path = "/v1/payments/webhooks/{provider}",
    responses((status = 204, description = "Taken in, now or before")))]
async fn webhook(
    State(api): Api,
    Path(Named(provider)): Path<Named>,
    Signature(signature): Signature,
    News(body): News,
) -> Result<StatusCode, Problem<Error>> {
    api.webhook(provider, signature, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A provider's name in an address; one that is none is nobody's.
#[derive(Deserialize)]
struct Named(String);

impl PartialSchema for Named {
    fn schema() -> RefOr<Schema> {
        Provider::schema()
    }
}

/// A provider's name for a charge in an address, likewise.
#[derive(Deserialize)]
struct Charged(String);

impl PartialSchema for Charged {
    fn schema() -> RefOr<Schema> {
        Reference::schema()
    }
}

/// Whatever stands where a signature should.
struct Signature(String);

impl<S: Send + Sync> FromRequestParts<S> for Signature {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let given = SIGNATURES.iter().find_map(|name| parts.headers.get(*name)?.to_str().ok());
        Ok(Self(given.unwrap_or_default().to_owned()))
    }
}

impl kernel::Argument for Signature {
    fn describe(described: &mut Described) {
        described.header::<String>("Stoa-Signature", "The signature, as `t=…,v1=…`.");
        described.header::<String>("Stripe-Signature", "The same, as Stripe names it.");
    }
}

/// What a provider tells, as the very bytes that it signed.
struct News(String);

impl<S: Send + Sync> FromRequest<S> for News {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        String::from_request(request, state).await.map(Self).map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => problem(Refusal::PayloadTooLarge { limit: BODY_LIMIT }),
                // What is not text was not signed as text either.
                _ => problem(Error::BadSignature),
            }
        })
    }
}

impl kernel::Argument for News {
    fn describe(described: &mut Described) {
        // Each provider has its own.
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("As the provider has it."));
        described.body("application/json", any.into(), true);
    }
}

/// The test provider's customer decides here: a page with two buttons.
#[utoipa::path(get, path = "/v1/payments/test/{reference}",
    responses((status = 200, body = String, content_type = "text/html")))]
async fn bank(State(api): Api, Path(Charged(reference)): Path<Charged>) -> Result<Page, Problem<Error>> {
    let choice = PaymentChoice { provider: TEST.into(), method: "action_required".into() };
    api.check(choice).await.map_err(|error| match error {
        Error::Refusal(_) => Error::PaymentNotFound,
        error => error,
    })?;
    Ok((PAGE_HEADERS, Html(page(&reference))))
}

/// The test provider's customer agrees.
#[utoipa::path(post, path = "/v1/payments/test/{reference}/approve",
    responses((status = 204, description = "The payment goes on")))]
async fn approve(State(api): Api, Path(Charged(reference)): Path<Charged>) -> Result<StatusCode, Problem<Error>> {
    api.act(TEST.into(), reference, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The test provider's customer refuses.
#[utoipa::path(post, path = "/v1/payments/test/{reference}/decline",
    responses((status = 204, description = "The payment is declined")))]
async fn decline(State(api): Api, Path(Charged(reference)): Path<Charged>) -> Result<StatusCode, Problem<Error>> {
    api.act(TEST.into(), reference, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A page that no cache keeps.
type Page = ([(HeaderName, HeaderValue); 2], Html<String>);

const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
             connect-src 'self'; form-action 'self'",
        ),
    ),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The customer's bank. The buttons work without the script, which only says what came of them.
fn page(reference: &str) -> String {
    include_str!("bank.html").replace("{reference}", &escape(reference))
}

/// Text, safe in HTML and in a quoted attribute.
fn escape(text: &str) -> String {
    let entity = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(entity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_cannot_break_out_of_the_page() {
        let page = page("\"><script>alert('x')</script>&");
        assert!(page.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;"));
        assert_eq!(page.matches("<script>").count(), 1, "its own");
    }
}
