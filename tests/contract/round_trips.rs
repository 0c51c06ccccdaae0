//! Everything comes back from the wire as it was.
use crate::{
    generate::Random,
    listed::{contracts, parts, problems},
};

/// How many values of each type are sent.
pub(crate) const SEEDS: std::ops::Range<u64> = 0..100;

#[test]
fn every_argument_answer_and_event_survives_the_wire() {
    for part in parts() {
        for seed in SEEDS {
            part.travel(&mut Random::new(seed));
        }
    }
}

#[test]
fn every_variant_of_every_enum_is_sent() {
    for part in parts() {
        let mut random = Random::new(0);
        for _ in SEEDS {
            part.travel(&mut random);
        }
        for ((name, variants), sent) in random.enums {
            assert_eq!(sent, variants.iter().copied().collect(), "{name} in {}", part.place);
        }
    }
}

#[test]
fn every_error_survives_its_problem_body() {
    for seed in SEEDS {
        for contract in contracts() {
            (contract.problems)(&mut Random::new(seed));
        }
        problems::<gateway::Error>(&mut Random::new(seed));
        problems::<kernel::Refusal>(&mut Random::new(seed));
        problems::<kernel::Fault>(&mut Random::new(seed));
        problems::<kernel::InboxError>(&mut Random::new(seed));
    }
}
