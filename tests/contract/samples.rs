//! Samples of what does not say what it reads: what is tagged, flattened, or free in form.
use kernel::{Caller, Condition, EntityTag, EntityTags};
use notifications::Delivery;
use serde_json::{Value, to_value};
use users::Address;

use crate::generate::Random;

/// A sample of what describes itself to serde as `wanted`.
pub(crate) fn of(wanted: &str, random: &mut Random) -> Value {
    let sample = match wanted {
        "any valid JSON value" => Ok(random.json(2)),
        "internally tagged enum Caller" => {
            let callers = callers(random);
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

/// One of each.
fn callers(random: &mut Random) -> [Caller; 4] {
    let guest = Caller::Guest { cart: random.value("cart") };
    let user = Caller::User { id: random.value("id"), role: random.value("role"), session: random.value("session") };
    let callers = [Caller::Anonymous, guest, user, Caller::System];
    // One that is new does not compile until it is here.
    for caller in &callers {
        match caller {
            Caller::Anonymous
            | Caller::System
            | Caller::Guest { cart: _ }
            | Caller::User { id: _, role: _, session: _ } => (),
        }
    }
    callers
}
