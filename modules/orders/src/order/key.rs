//! The keys of parcels and refunds: each names one of them once, for who sends it.
use kernel::{Caller, line};

use crate::Error;

/// What a shipment is written down as: two members of staff who choose the same key mean two parcels.
pub(crate) fn of_parcel(caller: &Caller, key: String) -> Result<String, Error> {
    Ok(caller.scope().name(&checked(key)?))
}

/// What a refund is written down as, likewise. Payments have names for their own.
pub(crate) fn of_refund(caller: &Caller, key: String) -> Result<String, Error> {
    Ok(format!("refund-{}", of_parcel(caller, key)?))
}

/// The key of a request, as a client may choose it.
pub(crate) fn checked(key: String) -> Result<String, Error> {
    let checked = line(&key, 1, 255);
    checked.map_err(|flaw| flaw.at("Idempotency-Key").into())
}

#[cfg(test)]
mod tests {
    use kernel::Role;
    use uuid::Uuid;

    use super::*;

    fn sam(id: u128) -> Caller {
        Caller::User { id: Uuid::from_u128(id), role: Role::Staff, session: Uuid::now_v7() }
    }

    #[test]
    fn a_key_is_its_senders_and_fits_whatever_its_length() {
        for of in [of_parcel, of_refund] {
            let [ada, again, bob] = [1, 1, 2].map(|id| of(&sam(id), "1".into()).unwrap());
            assert_eq!(ada, again, "another session of the same person");
            assert_ne!(ada, bob);
            assert!(of(&sam(1), "k".repeat(255)).unwrap().len() <= 100);
            assert!(of(&sam(1), "k".repeat(256)).is_err() && of(&sam(1), String::new()).is_err());
        }
    }
}
