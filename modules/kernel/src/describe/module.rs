//! What all operations of a module have in common.
use utoipa::openapi::{OpenApi, tag::TagBuilder};

use super::operations;
use crate::Wire;

/// Puts the operations of `A` under its name, with the first paragraph of its trait's documentation above them.
///
/// `list` of products becomes `products.list`, as each must have a name of its own (OpenAPI 3.1, Operation Object).
pub(crate) fn module<A: Wire + ?Sized>(document: &mut OpenApi) {
    let about: Vec<_> = A::ABOUT.iter().map(|line| line.trim()).take_while(|line| !line.is_empty()).collect();
    document.tags = Some(vec![TagBuilder::new().name(A::NAME).description(Some(about.join(" "))).build()]);
    for (_, operation) in document.paths.paths.values_mut().flat_map(operations) {
        operation.tags = Some(vec![A::NAME.into()]);
        operation.operation_id = operation.operation_id.take().map(|id| format!("{}.{id}", A::NAME));
    }
}
