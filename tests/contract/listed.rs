//! Whatever one process writes and another reads: what each trait says of its methods, its errors, its events.
use kernel::{DomainEvent, Failure, Problem, rpc::Survey};
use serde::{Serialize, de::DeserializeOwned};

use crate::{app, generate::Random};

/// What crosses at one module's trait.
pub(crate) struct Contract {
    pub(crate) module: &'static str,
    pub(crate) parts: Vec<Part>,
    /// A problem body with each of its errors.
    pub(crate) problems: fn(&mut Random) -> Vec<String>,
    /// Reads a problem body and writes it again.
    pub(crate) reread: fn(&str) -> Result<String, serde_json::Error>,
}

/// One type at one place where it crosses.
pub(crate) struct Part {
    /// As `cart.add(item)` for an argument, and `cart.add` for the answer.
    pub(crate) place: String,
    pub(crate) side: Side,
    /// The name that tells what its text may be.
    field: &'static str,
    travel: fn(&str, &'static str, &mut Random) -> String,
    /// Reads JSON and writes it again.
    pub(crate) reread: fn(&str) -> Result<String, serde_json::Error>,
}

/// Who writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The caller.
    Argument,
    /// The module; the caller may be of an earlier release.
    Answer,
    /// The module, for whoever hears of it.
    Event,
}

impl Part {
    fn of<T: Serialize + DeserializeOwned + PartialEq>(place: String, side: Side, field: &'static str) -> Self {
        Self { place, side, field, travel: travel::<T>, reread: reread::<T> }
    }

    /// The JSON of a random value, which has come back from it as it was.
    pub(crate) fn travel(&self, random: &mut Random) -> String {
        (self.travel)(&self.place, self.field, random)
    }
}

/// Writes a random value, reads it back, and compares: by `PartialEq`, as secrets have no `Debug`.
fn travel<T: Serialize + DeserializeOwned + PartialEq>(
    place: &str,
    field: &'static str,
    random: &mut Random,
) -> String {
    let value: T = random.value(field);
    let text = serde_json::to_string(&value).unwrap_or_else(|error| panic!("{place} cannot be written: {error}"));
    let back = serde_json::from_str::<T>(&text).unwrap_or_else(|error| panic!("{place}: {error} in {text}"));
    let again = serde_json::to_string(&back).unwrap_or_default();
    assert!(back == value, "{place} came back changed\nsent {text}\ncame {again}");
    assert_eq!(text, again, "{place} is written differently the second time");
    text
}

/// Does the same with a problem body for each error, as [`kernel::Local`] and [`kernel::Remote`] do.
pub(crate) fn problems<E: Failure>(random: &mut Random) -> Vec<String> {
    let sent = |error: E| {
        let text = serde_json::to_string(&Problem::from(error.clone())).expect("a problem has a JSON form");
        let back = serde_json::from_str::<Problem<E>>(&text).unwrap_or_else(|flaw| panic!("{flaw} in {text}"));
        assert!(back.error == error, "{error:?} came back as {:?} from {text}", back.error);
        text
    };
    E::samples(random).into_iter().map(sent).collect()
}

pub(crate) fn reread<T: Serialize + DeserializeOwned>(text: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&serde_json::from_str::<T>(text)?)
}

impl Contract {
    fn of(module: &'static str) -> Self {
        Self { module, parts: Vec::new(), problems: |_| Vec::new(), reread: |text| Ok(text.to_owned()) }
    }

    fn add<T: Serialize + DeserializeOwned + PartialEq>(&mut self, what: &str, side: Side, field: &'static str) {
        self.parts.push(Part::of::<T>(format!("{}{what}", self.module), side, field));
    }
}

/// The contracts as they are told of.
#[derive(Default)]
struct Contracts(Vec<Contract>);

impl Contracts {
    fn last(&mut self) -> &mut Contract {
        self.0.last_mut().expect("a module tells its name first")
    }

    /// What the module `name` writes for others beside what its trait says.
    fn and<T: Serialize + DeserializeOwned + PartialEq>(&mut self, module: &str, name: &str) {
        let contract = self.0.iter_mut().find(|contract| contract.module == module).expect("there is such a module");
        contract.add::<T>(&format!(" {name}"), Side::Answer, "data");
    }
}

impl Survey for Contracts {
    fn module(&mut self, name: &'static str) {
        self.0.push(Contract::of(name));
    }

    fn argument<T: Serialize + DeserializeOwned + PartialEq>(&mut self, method: &'static str, argument: &'static str) {
        self.last().add::<T>(&format!(".{method}({argument})"), Side::Argument, argument);
    }

    fn answer<T: Serialize + DeserializeOwned + PartialEq>(&mut self, method: &'static str) {
        self.last().add::<T>(&format!(".{method}"), Side::Answer, "");
    }

    /// All methods of a module have one.
    fn error<E: Failure>(&mut self, _: &'static str) {
        let contract = self.last();
        (contract.problems, contract.reread) = (problems::<E>, reread::<Problem<E>>);
    }

    fn event<E: DomainEvent>(&mut self, name: &'static str) {
        self.last().add::<E>(&format!(" {name}"), Side::Event, "");
    }
}

/// Every contract: what the traits say of themselves, and what else is written for others.
pub(crate) fn contracts() -> Vec<Contract> {
    let mut contracts = Contracts::default();
    app::survey(&mut contracts);
    contracts.and::<users::Claims>("users", "Claims");
    contracts.0
}

/// Everything that crosses, but errors.
pub(crate) fn parts() -> impl Iterator<Item = Part> {
    contracts().into_iter().flat_map(|contract| contract.parts)
}
