//! Segments from outside: written, read back, damaged and forged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod builder;
mod compression;
mod damage;
mod golden;
mod reject_footer;
mod reject_index;
mod reject_page;
mod round_trip;
mod support;
