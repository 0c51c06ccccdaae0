//! What a handler's own type says of its operation, so that no argument can be missing in the API's description.
mod answers;
mod arguments;
mod module;
mod tidy;

use axum::{handler::Handler, routing::MethodRouter};
use utoipa::{
    PartialSchema,
    openapi::{
        Content, Header, Ref, RefOr, Required,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Schema, Type},
    },
};
use utoipa_axum::router::UtoipaMethodRouter;

pub use answers::{Location, NoStore, Replayed};
pub(crate) use module::module;

/// A list of entity tags, or `*` (RFC 9110, section 13.1.1).
const TAGS: &str = r#"^(\*|[ \t,]*(W/)?"[!#-~]*"([ \t]*,([ \t]*(W/)?"[!#-~]*")?)*[ \t]*)$"#;

/// What is described of one operation.
#[expect(missing_debug_implementations, reason = "what it describes with has none")]
pub struct Described {
    /// Its path's placeholders that no argument has taken.
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

    /// Adds a header that lists entity tags.
    fn tags(&mut self, name: &str, about: &str) {
        let tags = ObjectBuilder::new().schema_type(Type::String).pattern(Some(TAGS));
        self.header_like(name, about, tags.into());
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

    /// Says of each answer whose status begins like this that nobody keeps it, and so the edge does not repeat it.
    pub fn no_store(&mut self, status: &str) {
        self.answer_header(status, "Cache-Control", "`no-store`: it is kept nowhere, and not repeated under its key.");
    }

    /// Adds a refusal with this status.
    fn refusal(&mut self, status: &str) {
        let problem = RefOr::Ref(Ref::from_response_name("Problem"));
        self.operation.responses.responses.entry(status.to_owned()).or_insert(problem);
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
