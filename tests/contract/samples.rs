//! Samples of what does not say what it reads: what is tagged, flattened, or free in form.
use kernel::{Caller, Condition, EntityTag, EntityTags, Fault, Later, Malformed, Refusal};
use notifications::Delivery;
use serde_json::{Value, to_value};
use users::Address;

use crate::generate::Random;

/// A sample of what describes itself to serde as `wanted`.
pub(crate) fn of(wanted: &str, random: &mut Random) -> Value {
    let sample = match wanted {
        "any valid JSON value" => Ok(random.json(2)),
        "internally tagged enum Caller" => {
            let callers = Caller::samples(random);
            to_value(random.pick(&callers))
        }
        // Untagged, and so free in form until it is read.
        "any value" => {
            let conditions = conditions();
            to_value(random.pick(&conditions))
        }
        "struct Address" => to_value(Address {
            id: random.value("id"),
            address: random.value("address"),
            is_default: random.value("is_default"),
        }),
        "struct Delivery" => to_value(Delivery {
            notification: random.value("notification"),
            recipient: random.value("recipient"),
            attempts: random.value("attempts"),
            last_error: random.value("last_error"),
        }),
        _ => panic!("{wanted} has no place on the wire, or needs a sample here"),
    };
    sample.expect("a sample has a JSON form")
}

/// One of each form that a condition has on the wire, but none.
fn conditions() -> Vec<Condition> {
    let these = |versions: &[&str]| {
        let tag = |version: &&str| EntityTag { weak: false, opaque: version.as_bytes().to_vec() };
        EntityTags::These(versions.iter().map(tag).collect())
    };
    vec![
        Condition::version(i64::MAX),
        Condition::new(Some(&EntityTags::Any), None),
        Condition::new(Some(&these(&["1", "2"])), None),
        Condition::new(Some(&these(&[])), Some(&these(&["7"]))),
        Condition::new(None, Some(&EntityTags::Any)),
    ]
}

/// An enum of which samples are listed: one of each variant.
pub(crate) trait Samples: Sized {
    /// One of each variant.
    fn samples(random: &mut Random) -> Vec<Self>;
}

impl Samples for Later {
    fn samples(random: &mut Random) -> Vec<Self> {
        let fields = [("more".into(), random.json(2))].into_iter().collect();
        vec![Self { code: "added_later".into(), status: 409, detail: random.value("detail"), fields }]
    }
}

/// Lists variants and their fields. One that is new does not compile until it is here.
macro_rules! samples {
    ($($Type:ty { $($Case:ident { $($field:ident),* }),* $(,)? } $($Shared:ident)*;)*) => {$(
        impl Samples for $Type {
            fn samples(random: &mut Random) -> Vec<Self> {
                // Not used where no variant has a field.
                let _ = &random;
                let _listed = |sample: &Self| match sample {
                    $(Self::$Case { $($field: _),* } => (),)*
                    $(Self::$Shared(_) => (),)*
                };
                let own = vec![$(Self::$Case { $($field: random.value(stringify!($field))),* }),*];
                let shared: Vec<Vec<Self>> =
                    vec![$($Shared::samples(random).into_iter().map(Self::$Shared).collect()),*];
                own.into_iter().chain(shared.into_iter().flatten()).collect()
            }
        }
    )*};
}

samples! {
    Caller { Anonymous {}, Guest { cart }, User { id, role, session }, System {} };
    Fault { Unavailable {}, DeadlineExceeded {}, Overloaded {}, Internal {} };
    Refusal { InvalidInput { errors }, Unauthenticated {}, Forbidden {} } Later;
    Malformed {
        MalformedJson { reason },
        UnsupportedMediaType {},
        PayloadTooLarge { limit },
        NotFound {},
        MethodNotAllowed {},
    } Refusal Fault;
    gateway::Error {
        BadRequest {},
        InvalidToken {},
        KeyReused {},
        RequestInProgress {},
        PreconditionFailed {},
    } Refusal Fault;
    products::Error {
        ProductNotFound { product },
        SkuNotFound { sku },
        SlugTaken { slug },
        SkuTaken { sku },
        Stale { version },
        SoldOut { lines },
        BelowReserved { reserved },
        KeyReused {},
        Released {},
    } Refusal Fault;
    users::Error {
        EmailTaken {},
        WrongCredentials {},
        RefreshTokenInvalid {},
        TooManyAttempts { retry_after },
        UserNotFound {},
        SessionNotFound {},
        AddressNotFound {},
        LastAdmin {},
        Stale { version },
    } Refusal Fault;
    cart::Error {
        SkuNotFound { sku },
        ItemNotFound { sku },
        CartFull { limit },
        Stale { version },
    } Refusal Fault;
    payments::Error {
        Declined { reason },
        Cancelled {},
        PaymentNotFound {},
        WrongState { state },
        RefundTooLarge { left },
        KeyReused {},
        BadSignature {},
    } Refusal Fault;
    orders::Error {
        CartEmpty {},
        CartOrdered { order_id },
        KeyReused {},
        SoldOut { lines },
        PaymentDeclined { order_id, reason },
        TotalChanged { total },
        OrderNotFound {},
        WrongState { state },
        RefundTooLarge { left },
        RefundDeclined { reason },
        Stale { version },
        EventNotFound {},
    } Refusal Fault;
    notifications::Error {
        EventNotFound {},
        DeliveryNotFound {},
        NotWanted {},
    } Refusal Fault;
}
