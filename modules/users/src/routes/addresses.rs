//! The public endpoints of address books.
use axum::{Json, extract::State, http::StatusCode};
use kernel::{Body, Caller, Page, Path};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Api, Refused};
use crate::{Address, AddressId, NewAddress, PostalAddress, forms};

/// An address as a client writes it: [`NewAddress`] in one piece.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressForm {
    /// Who gets the parcel.
    #[schema(value_type = forms::Name, inline)]
    name: String,
    /// Street and number.
    #[schema(value_type = forms::Street, inline)]
    line1: String,
    /// What line 1 has no room for.
    #[schema(value_type = Option<forms::MoreStreet>, inline)]
    line2: Option<String>,
    /// Town.
    #[schema(value_type = forms::City, inline)]
    city: String,
    /// State, province or region.
    #[schema(value_type = Option<forms::Region>, inline)]
    region: Option<String>,
    /// Postal code; absent, null or empty where the country has none, or mail arrives without.
    #[serde(default, deserialize_with = "kernel::or_default")]
    #[schema(value_type = Option<forms::AnyPostalCode>, inline, required = false)]
    postal_code: String,
    /// ISO 3166-1 alpha-2, in either case.
    #[schema(value_type = kernel::Country)]
    country: String,
    /// For the carrier, as people write it: digits of any script and up to 60 characters.
    #[schema(value_type = Option<forms::Phone>, inline)]
    phone: Option<String>,
    /// Whether it is the one to suggest; the first one is, and stays it until another takes its place.
    #[serde(default)]
    is_default: bool,
}

impl From<AddressForm> for NewAddress {
    fn from(form: AddressForm) -> Self {
        let AddressForm { name, line1, line2, city, region, postal_code, country, phone, is_default } = form;
        Self { address: PostalAddress { name, line1, line2, city, region, postal_code, country, phone }, is_default }
    }
}

/// Lists one's addresses, the default first.
#[utoipa::path(get, path = "/v1/users/me/addresses", responses((status = 200, body = Page<Address>)))]
pub(super) async fn addresses(State(api): Api, caller: Caller) -> Result<Json<Page<Address>>, Refused> {
    Ok(Json(Page { items: api.addresses(caller).await?, next: None }))
}

/// Puts an address into one's book. The first becomes the default.
#[utoipa::path(post, path = "/v1/users/me/addresses", responses((status = 201, body = Address)))]
pub(super) async fn add_address(
    State(api): Api,
    caller: Caller,
    Body(form): Body<AddressForm>,
) -> Result<(StatusCode, Json<Address>), Refused> {
    Ok((StatusCode::CREATED, Json(api.add_address(caller, form.into()).await?)))
}

/// Changes an address in one's book.
#[utoipa::path(put, path = "/v1/users/me/addresses/{id}", responses((status = 200, body = Address)))]
pub(super) async fn set_address(
    State(api): Api,
    caller: Caller,
    Path(id): Path<AddressId>,
    Body(form): Body<AddressForm>,
) -> Result<Json<Address>, Refused> {
    Ok(Json(api.set_address(caller, id, form.into()).await?))
}

/// Takes an address out of one's book.
#[utoipa::path(delete, path = "/v1/users/me/addresses/{id}", responses((status = 204)))]
pub(super) async fn remove_address(
    State(api): Api,
    caller: Caller,
    Path(id): Path<AddressId>,
) -> Result<StatusCode, Refused> {
    api.remove_address(caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
