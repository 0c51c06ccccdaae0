//! How a module declares what it refuses.

/// Declares a module's `Error`: an enum of its own cases, each with its sentence and its status, and of what all share.
///
/// A case's code on the wire is its name in `snake_case`, and its fields stand beside the members of RFC 9457 in the
/// body, so that none may be called as one of those.
///
/// ```
/// kernel::failure! {
///     /// Why the shelf said no.
///     pub enum Error {
///         /// Nobody put anything there.
///         #[error("the shelf is empty")]
///         Empty => NOT_FOUND,
///         /// Fewer are left than were asked for.
///         #[error("only {left} left")]
///         SoldOut {
///             /// How many.
///             left: i64,
///         } => CONFLICT,
///     }
/// }
/// assert_eq!(kernel::Failure::status(&Error::SoldOut { left: 1 }), 409);
/// assert_eq!(Error::from(kernel::Fault::Internal), Error::Fault(kernel::Fault::Internal));
/// ```
///
/// A name of RFC 9457 does not compile, nor does a case without its status:
///
/// ```compile_fail
/// kernel::failure! {
///     /// Why the shelf said no.
///     pub enum Error {
///         /// It is not for sale.
///         #[error("it is {status}")]
///         NotForSale { /** Why. */ status: String } => CONFLICT,
///     }
/// }
/// ```
/// ```compile_fail
/// kernel::failure! {
///     /// Why the shelf said no.
///     pub enum Error {
///         /// Nobody put anything there.
///         #[error("the shelf is empty")]
///         Empty,
///     }
/// }
/// ```
#[macro_export]
macro_rules! failure {
    (
        $(#[$about:meta])*
        $visible:vis enum $Error:ident {
            $(
                $(#[$doc:meta])*
                $Case:ident $({ $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)? })? => $status:ident
            ),* $(,)?
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "kernel::serde", tag = "code", rename_all = "snake_case")]
        $visible enum $Error {
            $($(#[$doc])* $Case $({ $($(#[$field_doc])* $field: $ty),* })?,)*
            /// The machinery failed.
            #[error(transparent)]
            #[serde(untagged)]
            Fault($crate::Fault),
            /// Refused as any module would.
            #[error(transparent)]
            #[serde(untagged)]
            Refusal($crate::Refusal),
        }

        $($($($crate::free_name!($field);)*)?)*

        impl $crate::Failure for $Error {
            fn status(&self) -> $crate::axum::http::StatusCode {
                match self {
                    $(Self::$Case { .. } => $crate::axum::http::StatusCode::$status,)*
                    Self::Refusal(refusal) => refusal.status(),
                    Self::Fault(fault) => fault.status(),
                }
            }
            fn fault(&self) -> Option<$crate::Fault> {
                match self {
                    Self::Fault(fault) => Some(*fault),
                    Self::Refusal(refusal) => refusal.fault(),
                    _ => None,
                }
            }
            fn refusal_mut(&mut self) -> Option<&mut $crate::Refusal> {
                if let Self::Refusal(refusal) = self { Some(refusal) } else { None }
            }
            fn map_own<E>(self, own: impl FnOnce(Self) -> E) -> E
            where
                E: From<$crate::Fault> + From<$crate::Refusal>,
            {
                match self {
                    Self::Fault(fault) => fault.into(),
                    Self::Refusal(refusal) => refusal.into(),
                    error => own(error),
                }
            }
            fn samples(sampler: &mut impl $crate::Sampler) -> Vec<Self> {
                let mut samples = vec![
                    $(Self::$Case $({ $($field: sampler.value(stringify!($field))),* })?),*
                ];
                samples.extend(<$crate::Refusal as $crate::Failure>::samples(sampler).into_iter().map(Self::Refusal));
                samples.extend(<$crate::Fault as $crate::Failure>::samples(sampler).into_iter().map(Self::Fault));
                samples
            }
        }

        impl From<$crate::Fault> for $Error {
            fn from(fault: $crate::Fault) -> Self {
                Self::Fault(fault)
            }
        }
        impl From<$crate::Refusal> for $Error {
            fn from(refusal: $crate::Refusal) -> Self {
                Self::Refusal(refusal)
            }
        }
        impl From<$crate::Violations> for $Error {
            fn from(violations: $crate::Violations) -> Self {
                Self::Refusal(violations.into())
            }
        }
        impl From<$crate::sqlx::Error> for $Error {
            fn from(error: $crate::sqlx::Error) -> Self {
                Self::Fault(error.into())
            }
        }
    };
    ($($other:tt)*) => {
        compile_error!(concat!(
            "`failure!` takes one enum, whose cases have a sentence, named fields or none, and a status: ",
            "`#[error(\"only {left} left\")] SoldOut { left: i64 } => CONFLICT,`",
        ));
    };
}

/// Refuses the names that RFC 9457 has taken.
#[doc(hidden)]
#[macro_export]
macro_rules! free_name {
    (code) => { $crate::free_name!(@taken "code"); };
    (title) => { $crate::free_name!(@taken "title"); };
    (status) => { $crate::free_name!(@taken "status"); };
    (detail) => { $crate::free_name!(@taken "detail"); };
    (instance) => { $crate::free_name!(@taken "instance"); };
    (r#type) => { $crate::free_name!(@taken "type"); };
    (trace_id) => { $crate::free_name!(@taken "trace_id"); };
    (@taken $name:literal) => {
        compile_error!(concat!("a problem's body has a `", $name, "` already (RFC 9457): call the field something else"));
    };
    ($free:ident) => {};
}
