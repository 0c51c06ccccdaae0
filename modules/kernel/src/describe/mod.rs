//! What a handler's own type says of its operation, so that no argument can be missing in the API's description.
mod tidy;

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    handler::Handler,
    http::StatusCode,
    response::{AppendHeaders, Html, IntoResponseParts, ResponseParts},
    routing::MethodRouter,
};
use serde::de::DeserializeOwned;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        Content, Header, Ref, RefOr, Required,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths},
        request_body::RequestBodyBuilder,
        response::ResponseBuilder,
        schema::{ObjectBuilder, Schema, Type},
    },
};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{Body, Caller, Condition, IdempotencyKey, Path, Query, Tagged};

/// A list of entity tags, or `*` (RFC 9110, section 13.1.1).
const TAGS: &str = r#"^(\*|[ \t,]*(W/)?"[!#-~]*"([ \t]*,([ \t]*(W/)?"[!#-~]*")?)*[ \t]*)$"#;

/// What is described of one operation.
#[expect(missing_debug_implementations, reason = "what it describes with has none")]
pub struct Described {
    /// Its path's placeholders that no argument has claimed.
    names: Vec<String>,
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
    /// Whether it reads, and so may find nothing new.
    reads: bool,
}

/// An argument of a handler.
pub trait Argument {
    /// Adds what it takes; nothing where it takes nothing from the request.
    fn describe(_: &mut Described) {}
}

/// What a handler answers with; a bare `Response` is none, as nobody knows what is in it.
pub trait Answer {
    /// Adds what it says in the head.
    fn describe(_: &mut Described) {}
}

/// A handler whose arguments and answer can be described. `M` tells the implementations apart.
pub trait Describe<M> {
    /// Adds all of them.
    fn describe(described: &mut Described);
}

macro_rules! handlers {
    ($(($($A:ident),*))*) => {$(
        impl<F, Fut, R, $($A),*> Describe<(Fut, R, $($A,)*)> for F
        where
            F: Fn($($A),*) -> Fut,
            Fut: Future<Output = R>,
            R: Answer,
            $($A: Argument,)*
        {
            fn describe(described: &mut Described) {
                $($A::describe(described);)*
                R::describe(described);
            }
        }
    )*};
}

handlers! { () (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, G) (A, B, C, D, E, G, H) }

impl Described {
    fn new(path: &str, reads: bool, mut operation: Operation) -> Self {
        let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let names = names.map(|name| name.trim_start_matches('*').to_owned()).collect();
        // Only what the handler takes: attributes may not know better.
        (operation.parameters, operation.request_body) = (None, None);
        Self { names, operation, schemas: Vec::new(), reads }
    }

    /// Adds a header that may be sent.
    pub fn header<T: PartialSchema>(&mut self, name: &str, about: &str) {
        self.header_like(name, about, T::schema());
    }

    fn header_like(&mut self, name: &str, about: &str, schema: RefOr<Schema>) {
        let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
        self.parameter(header.description(Some(about)).schema(Some(schema)).build());
    }

    fn parameter(&mut self, parameter: Parameter) {
        self.operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    }

    /// Adds a body of this kind.
    pub fn body(&mut self, kind: &str, schema: RefOr<Schema>, required: bool) {
        let required = if required { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().content(kind, Content::new(Some(schema))).required(Some(required));
        self.operation.request_body = Some(RefOr::T(body.build()));
    }

    /// Adds a header to each answer whose status begins like this.
    pub fn answer_header(&mut self, status: &str, name: &str, about: &str) {
        let header = || {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let mut header = Header::new(text);
            header.description = Some(about.to_owned());
            header
        };
        for (known, response) in &mut self.operation.responses.responses {
            if let (true, RefOr::T(response)) = (known.starts_with(status), response) {
                response.headers.insert(name.to_owned(), RefOr::T(header()));
            }
        }
    }

    /// Adds a refusal with this status.
    fn refusal(&mut self, status: &str) {
        let problem = RefOr::Ref(Ref::from_response_name("Problem"));
        self.operation.responses.responses.entry(status.to_owned()).or_insert(problem);
    }
}

impl<S> Argument for State<S> {}
impl Argument for Caller {}

impl Argument for Condition {
    fn describe(described: &mut Described) {
        let tags = || ObjectBuilder::new().schema_type(Type::String).pattern(Some(TAGS)).into();
        let only = "Does it only to one of these versions, as `ETag`s gave them, or `*`: whichever there is.";
        described.header_like("If-Match", only, tags());
        described.header_like("If-None-Match", "Does it only to other versions than these.", tags());
        described.refusal("412");
    }
}

/// The edge says of every POST that it may be named.
impl Argument for IdempotencyKey {}

impl<T: DeserializeOwned + ToSchema> Argument for Body<T> {
    fn describe(described: &mut Described) {
        // An empty body is read as an object without fields.
        let required = serde_json::from_str::<T>("{}").is_err();
        T::schemas(&mut described.schemas);
        described.schemas.push((T::name().into_owned(), T::schema()));
        described.body("application/json", RefOr::Ref(Ref::from_schema_name(T::name())), required);
    }
}

impl<T: IntoParams> Argument for Query<T> {
    fn describe(described: &mut Described) {
        for mut parameter in T::into_params(|| Some(ParameterIn::Query)) {
            parameter.schema.iter_mut().for_each(tidy::not_null);
            described.parameter(parameter);
        }
    }
}

impl<T: PartialSchema> Argument for Path<T> {
    fn describe(described: &mut Described) {
        for name in std::mem::take(&mut described.names) {
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
            described.parameter(parameter.required(Required::True).schema(Some(T::schema())).build());
        }
    }
}

impl<T> Answer for Tagged<T> {
    fn describe(described: &mut Described) {
        if described.reads {
            let not_modified = ResponseBuilder::new().description("It is what `If-None-Match` names.");
            described.operation.responses.responses.insert("304".into(), not_modified.build().into());
            let tags = || ObjectBuilder::new().schema_type(Type::String).pattern(Some(TAGS)).into();
            described.header_like("If-None-Match", "Answers 304 if it is still one of these.", tags());
            described.header_like("If-Match", "Answers 412 if it is none of these any more.", tags());
            described.refusal("412");
        }
        for status in ["2", "304"] {
            described.answer_header(status, "ETag", "Its version and a digest of the body (RFC 9110, section 8.8.3).");
        }
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

impl<A: Answer, B: Answer> Answer for (A, B) {
    fn describe(described: &mut Described) {
        A::describe(described);
        B::describe(described);
    }
}

impl<A: Answer, B: Answer, C: Answer> Answer for (A, B, C) {
    fn describe(described: &mut Described) {
        A::describe(described);
        B::describe(described);
        C::describe(described);
    }
}

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
        let Ok(parts) = AppendHeaders([(axum::http::header::LOCATION, self.0)]).into_response_parts(parts) else {
            unreachable!("a path of ours is a header's value")
        };
        Ok(parts)
    }
}

/// What nobody on the way may keep, as it has a secret in it.
#[derive(Debug)]
pub struct NoStore;

impl Answer for NoStore {}

impl IntoResponseParts for NoStore {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        let told = axum::http::HeaderValue::from_static("no-store");
        parts.headers_mut().insert(axum::http::header::CACHE_CONTROL, told);
        Ok(parts)
    }
}

/// Adds to `routes`, those of one handler, what its type says of them; [`routes!`](crate::routes) calls it.
#[doc(hidden)]
pub fn described<H, M, T, S>(_: &H, routes: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S>
where
    H: Describe<M> + Handler<T, S>,
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    let (mut schemas, mut paths, router) = routes;
    for (path, item) in &mut paths.paths {
        for (reads, operation) in operations(item) {
            let mut described = Described::new(path, reads, std::mem::take(operation));
            H::describe(&mut described);
            *operation = described.operation;
            schemas.extend(described.schemas);
        }
    }
    for (_, schema) in &mut schemas {
        tidy::tidy(schema);
    }
    (schemas, paths, router)
}

/// Both; where they have paths in common, each path has the methods of both.
#[doc(hidden)]
pub fn both<S>(one: UtoipaMethodRouter<S>, other: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (mut schemas, mut paths, router) = one;
    schemas.extend(other.0);
    merge(&mut paths, other.1);
    (schemas, paths, MethodRouter::merge(router, other.2))
}

fn merge(paths: &mut Paths, others: Paths) {
    for (path, item) in others.paths {
        match paths.paths.get_mut(&path) {
            Some(known) => known.merge_operations(item),
            None => drop(paths.paths.insert(path, item)),
        }
    }
}

/// An item's operations, and whether each reads.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let writes = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    let writes = writes.into_iter().flatten().map(|operation| (false, operation));
    item.get.as_mut().map(|operation| (true, operation)).into_iter().chain(writes)
}

/// Collects handlers of one path: their routes, and their description from `#[utoipa::path]` and their own types.
///
/// Every argument is an [`Argument`](crate::Argument) and so stands in the description; what a handler takes without
/// being one does not compile.
#[macro_export]
macro_rules! routes {
    ($($first:ident)::+ $(, $($more:ident)::+)* $(,)?) => {{
        let routes = $crate::describe::described(&$($first)::+, $crate::utoipa_axum::routes!($($first)::+));
        $(let routes = $crate::describe::both(
            routes,
            $crate::describe::described(&$($more)::+, $crate::utoipa_axum::routes!($($more)::+)),
        );)*
        routes
    }};
}
