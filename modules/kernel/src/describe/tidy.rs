//! What the derived schemas say in a roundabout way, said plainly.
use utoipa::openapi::{
    RefOr,
    schema::{AllOf, ArrayItems, OneOf, Schema, SchemaType, Type},
};

/// A schema in which a field of a form says its own description, and whether it may be null.
///
/// Deriving puts a form that stands where it is used into an `allOf` with its description, and into a `oneOf` with
/// null: the one is impossible to meet, as the description is said of an object, and no client generator likes either.
pub(super) fn tidy(schema: &mut RefOr<Schema>) {
    let RefOr::T(inner) = schema else { return };
    match inner {
        Schema::Object(object) => object.properties.values_mut().for_each(tidy),
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                tidy(items);
            }
        }
        Schema::AllOf(all) => {
            all.items.iter_mut().for_each(tidy);
            if let Some(plain) = described(all) {
                *schema = plain;
            }
        }
        Schema::OneOf(one) => {
            one.items.iter_mut().for_each(tidy);
            flatten(one);
            if let Some(plain) = nullable(one) {
                *schema = plain;
            }
        }
        _ => {}
    }
}

/// One schema and what is said of it, as one.
fn described(all: &mut AllOf) -> Option<RefOr<Schema>> {
    let [of, RefOr::T(Schema::Object(said))] = &mut all.items[..] else { return None };
    if !said.properties.is_empty() || said.description.is_none() {
        return None;
    }
    let mut plain = of.clone();
    say(&mut plain, said.description.take());
    Some(plain)
}

/// A choice of which one is a choice is one choice.
fn flatten(one: &mut OneOf) {
    let items = std::mem::take(&mut one.items).into_iter();
    one.items = items
        .flat_map(|item| match item {
            RefOr::T(Schema::OneOf(inner)) => inner.items,
            item => vec![item],
        })
        .collect();
}

/// A schema that stands there or null, as one.
fn nullable(one: &mut OneOf) -> Option<RefOr<Schema>> {
    let (null, mut of): (Vec<_>, Vec<_>) = one.items.iter().cloned().partition(is_null);
    let (1, 1) = (null.len(), of.len()) else { return None };
    let or_null = |kind: &SchemaType| match kind {
        SchemaType::Type(kind) => Some(SchemaType::from_iter([kind.clone(), Type::Null])),
        _ => None,
    };
    let mut plain = of.remove(0);
    match &mut plain {
        RefOr::T(Schema::Object(object)) if object.enum_values.is_none() => {
            object.schema_type = or_null(&object.schema_type)?;
        }
        RefOr::T(Schema::Array(array)) => array.schema_type = or_null(&array.schema_type)?,
        _ => return None,
    }
    say(&mut plain, one.description.take());
    Some(plain)
}

/// Takes null out of what may be it: what is absent in a query is left out.
pub(super) fn not_null(schema: &mut RefOr<Schema>) {
    tidy(schema);
    match schema {
        RefOr::T(Schema::Object(object)) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let [one] = *types.iter().filter(|kind| **kind != Type::Null).collect::<Vec<_>>()
            {
                object.schema_type = SchemaType::Type(one.clone());
            }
        }
        RefOr::T(Schema::OneOf(one)) => {
            one.items.retain(|item| !is_null(item));
            if let [only] = &one.items[..] {
                *schema = only.clone();
            }
        }
        _ => {}
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

fn say(schema: &mut RefOr<Schema>, description: Option<String>) {
    let Some(description) = description else { return };
    match schema {
        RefOr::Ref(reference) => reference.description = description,
        RefOr::T(Schema::Object(object)) => object.description = Some(description),
        RefOr::T(Schema::Array(array)) => array.description = Some(description),
        RefOr::T(Schema::OneOf(one)) => one.description = Some(description),
        RefOr::T(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::{PartialSchema, ToSchema};

    use super::*;
    use crate::{List, Text};

    type Short = Text<1, 3>;
    type Shorts = List<Short, 0, 2>;

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Form {
        /// What must be.
        #[schema(value_type = Short, inline)]
        must: String,
        /// What may be.
        #[schema(value_type = Option<Short>, inline)]
        may: Option<String>,
        /// Some of them.
        #[schema(value_type = Option<Shorts>, inline)]
        some: Option<Vec<String>>,
    }

    #[test]
    fn a_field_of_a_form_is_described_where_it_stands() {
        let mut schema = Form::schema();
        tidy(&mut schema);
        let fields = serde_json::to_value(schema).unwrap()["properties"].clone();
        assert_eq!((&fields["must"]["type"], &fields["must"]["maxLength"]), (&json!("string"), &json!(3)));
        assert_eq!(fields["must"]["description"], "What must be.");
        assert_eq!(fields["may"]["type"], json!(["string", "null"]));
        assert_eq!((&fields["may"]["minLength"], &fields["may"]["description"]), (&json!(1), &json!("What may be.")));
        assert_eq!((&fields["some"]["type"], &fields["some"]["maxItems"]), (&json!(["array", "null"]), &json!(2)));
    }
}
