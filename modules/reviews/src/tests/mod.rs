//! Reviews on both engines, of a catalogue made of paper.
mod purchases;
mod races;
mod ratings;
mod rules;
mod world;

use kernel::{Caller, Condition, PageQuery, Refusal, Role};
use uuid::Uuid;

use self::world::shops;
use crate::{Error, NewReview, Review, ReviewPatch, Visibility};

fn customer() -> Caller {
    Caller::User { id: Uuid::now_v7(), role: Role::Customer, session: Uuid::nil() }
}

fn staff() -> Caller {
    Caller::User { id: Uuid::nil(), role: Role::Staff, session: Uuid::nil() }
}

fn review(rating: i64, text: &str) -> NewReview {
    NewReview { rating, text: text.into(), author: "Ada".into() }
}

fn any() -> Condition {
    Condition::default()
}
