//! What each kind of argument takes from a request.
use axum::extract::State;
use serde::de::DeserializeOwned;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr, Required,
        path::{ParameterBuilder, ParameterIn},
    },
};

use super::{Argument, Described, tidy};
use crate::{Body, Caller, CartToken, Condition, IdempotencyKey, Path, Query, Shopper};

impl<S> Argument for State<S> {}
impl Argument for Caller {}

impl Argument for Shopper {
    fn describe(described: &mut Described) {
        let about =
            "The token of a guest's cart, as its first answer gave it; beside an access token it means nothing.";
        described.header::<CartToken>("Cart-Token", about);
    }
}

impl Argument for Condition {
    fn describe(described: &mut Described) {
        let only = "Does it only to one of these versions, as `ETag`s gave them, or `*`: whichever there is.";
        described.tags("If-Match", only);
        described.tags("If-None-Match", "Does it only to other versions than these.");
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
