//! Identifiers: newtypes over UUIDv7 (RFC 9562, section 5.7), so that no two kinds can be mixed up.

/// Defines an identifier.
///
/// ```text
/// kernel::id! {
///     /// Identifies a product for as long as anything refers to it.
///     pub struct ProductId;
/// }
/// ```
#[macro_export]
macro_rules! id {
    ($(#[$about:meta])* pub struct $Id:ident;) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize, ::sqlx::Type, ::utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schema(value_type = String, format = Uuid, example = "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d")]
        pub struct $Id(pub $crate::uuid::Uuid);

        impl $Id {
            /// A new one; later ones sort after earlier ones.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "each one differs, so there is no default")]
            pub fn new() -> Self {
                Self($crate::uuid::Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $Id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $Id {
            type Err = $crate::uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// Identifies something of another module, in an address.
    pub struct ForeignId;
}
