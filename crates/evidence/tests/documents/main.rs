//! Documents of an invented municipality: right by the official schemas, true to the record, and closed to markup.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code fails by panicking"
)]

mod boms;
mod bundles;
mod cards;
mod dossiers;
mod house;
mod likeness;
mod months;
mod schema;
