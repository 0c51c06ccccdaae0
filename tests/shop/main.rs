//! Stories of people in the shop, each told to six worlds against one transcript; and what must hold
//! when processes die.
mod actor;
mod crash;
mod edge;
mod stories;
mod transcript;
mod world;
