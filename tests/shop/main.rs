//! Stories of people in the shop, each told to six worlds against one transcript; and what must hold
//! when processes die.
mod actor;
mod books;
mod crash;
mod edge;
mod invariants;
mod matrix;
mod shopper;
mod soak;
mod stories;
mod transcript;
mod world;
