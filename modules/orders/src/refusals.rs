//! What the refusals of other modules become.
use kernel::{Failure, Refusal};
use products::{Shortage, StockLine};

use crate::{Error, order::event::Reason};

/// Stock said no: what it names, where it names something.
pub(crate) fn sold_out(error: products::Error, asked: &[StockLine]) -> Reason {
    let lines = match error {
        products::Error::SoldOut { lines } => lines,
        products::Error::SkuNotFound { sku } => {
            let gone = asked.iter().filter(|line| line.sku == sku);
            gone.map(|line| Shortage { sku: line.sku.clone(), requested: line.quantity, available: 0 }).collect()
        }
        error => {
            tracing::error!(%error, "stock was refused for no reason that an order expects");
            Vec::new()
        }
    };
    Reason::SoldOut { lines }
}

/// Payments said no, whatever its words.
pub(crate) fn declined(error: &payments::Error) -> Reason {
    let reason = match error {
        payments::Error::Declined { reason } => reason,
        payments::Error::Cancelled => "cancelled",
        error => {
            tracing::error!(%error, "a payment was refused for no reason that an order expects");
            "refused"
        }
    };
    Reason::Declined { reason: reason.to_owned() }
}

/// A cart that cannot be read.
pub(crate) fn of_cart(error: cart::Error) -> Error {
    error.map_own(|own| own.into_fault().into())
}

/// An account that is gone cannot order.
pub(crate) fn of_user(error: users::Error) -> Error {
    error.map_own(|own| match own {
        users::Error::UserNotFound => Refusal::Unauthenticated.into(),
        own => own.into_fault().into(),
    })
}

/// What is wrong with a choice is wrong below `/payment`.
pub(crate) fn of_choice(error: payments::Error) -> Error {
    match error {
        payments::Error::Refusal(Refusal::InvalidInput { mut errors }) => {
            for error in errors.iter_mut().filter(|error| !error.pointer.starts_with("/payment")) {
                error.pointer = format!("/payment{}", error.pointer);
            }
            Refusal::InvalidInput { errors }.into()
        }
        error => error.map_own(|own| own.into_fault().into()),
    }
}

/// Whether a refund that was refused like this was not even begun.
pub(crate) fn promises_nothing(error: &payments::Error) -> bool {
    use payments::Error::{PaymentNotFound, RefundTooLarge, WrongState};
    matches!(error, RefundTooLarge { .. } | WrongState { .. } | PaymentNotFound)
}

/// A refund that cannot be made.
pub(crate) fn of_refund(error: payments::Error) -> Error {
    match error {
        payments::Error::Declined { reason } => Error::RefundDeclined { reason },
        payments::Error::KeyReused => Error::KeyReused,
        payments::Error::RefundTooLarge { left } => Error::RefundTooLarge { left },
        payments::Error::WrongState { state } => Error::WrongState { state },
        payments::Error::PaymentNotFound => Error::OrderNotFound,
        error => of_choice(error),
    }
}
