//! The description of the public API: what the modules say of their routes, and what the edge adds to each.
use std::collections::HashSet;

use axum::http::StatusCode;
use kernel::Violation;
use serde::Serialize;
use utoipa::{
    OpenApi as _, PartialSchema, ToSchema,
    openapi::{
        Content, Header, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{Operation, ParameterBuilder, ParameterIn, PathItem},
        schema::{ObjectBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::idempotency::key::GivenKey;

/// What surrounds the modules' own descriptions; the version is this crate's.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Stoa",
        description = "The back end of an online shop. Money is in minor units, times are RFC 3339 in UTC, and \
                       every failure is a problem (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "The shop that this was read from.")),
    components(schemas(Problem, Violation))
)]
struct Document;

/// A failure (RFC 9457); the fields of its kind stand beside these.
#[derive(Serialize, ToSchema)]
struct Problem {
    /// The status in words.
    #[schema(example = "Unprocessable Content")]
    title: String,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong this time, for a person.
    #[schema(example = "the request is not valid")]
    detail: String,
    /// What went wrong, for a program; stable.
    #[schema(example = "invalid_input")]
    code: String,
    /// Where to find it in the shop's logs.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    trace_id: String,
    /// Each field that breaks a rule; only with `invalid_input`.
    errors: Option<Vec<Violation>>,
}

/// The header of an answer that was given before.
const REPLAYED: &str = "Idempotency-Replayed";
/// The name that access tokens have in the document.
const BEARER: &str = "bearer";

/// Describes the public API: OpenAPI 3.1.
#[must_use]
pub fn openapi(public: OpenApiRouter) -> OpenApi {
    describe(public.into_openapi())
}

/// Adds what the edge does for every operation.
pub(crate) fn describe(modules: OpenApi) -> OpenApi {
    let mut document = Document::openapi();
    document.merge(modules);
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert(BEARER.into(), bearer().into());
    components.responses.insert("Problem".into(), problem().into());
    // An empty requirement beside it: browsing needs no token. Operations that do say so themselves.
    document.security =
        Some(vec![SecurityRequirement::default(), SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    for (posts, operation) in document.paths.paths.values_mut().flat_map(operations) {
        complete(operation);
        if posts {
            keyed(operation);
        }
    }
    document
}

/// The paths whose modules say themselves of a POST that it was answered before, and so know its key.
pub(crate) fn replayed(modules: &OpenApi) -> HashSet<String> {
    let says = |answer: &RefOr<Response>| matches!(answer, RefOr::T(answer) if answer.headers.contains_key(REPLAYED));
    let posts = modules.paths.paths.iter().filter_map(|(path, item)| Some((path, item.post.as_ref()?)));
    let replayed = posts.filter(|(_, post)| post.responses.responses.values().any(says));
    replayed.map(|(path, _)| path.clone()).collect()
}

/// An item's operations, and whether each is its POST.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let others = [&mut item.get, &mut item.put, &mut item.patch, &mut item.delete];
    let others = others.into_iter().flatten().map(|operation| (false, operation));
    item.post.as_mut().map(|operation| (true, operation)).into_iter().chain(others)
}

/// Gives it a problem for an answer, and words to every other.
fn complete(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let words = status.parse().ok().and_then(|status: StatusCode| status.canonical_reason());
        if let (RefOr::T(response), Some(words)) = (response, words)
            && response.description.is_empty()
        {
            // OpenAPI 3.1 demands one (Response Object).
            words.clone_into(&mut response.description);
        }
    }
    let problem = || RefOr::Ref(Ref::from_response_name("Problem"));
    operation.responses.responses.entry("default".into()).or_insert_with(problem);
}

/// It takes an idempotency key, and an earlier answer says that it is one; what is not kept is never that.
fn keyed(operation: &mut Operation) {
    let about = "Names the request: sent again with the same name it is answered again, and done once.";
    let key = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
    let key = key.required(Required::False).description(Some(about)).schema(Some(GivenKey::schema()));
    operation.parameters.get_or_insert_default().push(RefOr::T(key.build()));
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && !response.headers.contains_key("Cache-Control")
        {
            let told = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"]));
            let mut told = Header::new(told);
            told.description = Some("The request was answered before; this is that answer.".into());
            response.headers.insert(REPLAYED.into(), RefOr::T(told));
        }
    }
}

fn bearer() -> SecurityScheme {
    let about = "The `access_token` that signing in gives.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(about));
    SecurityScheme::Http(scheme.build())
}

fn problem() -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    let told = |about: &str| {
        let mut told = Header::new(ObjectBuilder::new().schema_type(Type::String));
        told.description = Some(about.into());
        told
    };
    ResponseBuilder::new()
        .description("What went wrong.")
        .content("application/problem+json", body)
        .header("Retry-After", told("In how many seconds to try again; with 409 `request_in_progress`, 429 and 503."))
        .header("WWW-Authenticate", told("With 401 (RFC 9110, section 11.6.1)."))
        .build()
}
