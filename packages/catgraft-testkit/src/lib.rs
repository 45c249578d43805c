//! Test clock, seeded ids, doubles, throw-away Postgres, the naive model of a volume.

pub mod faulty;
pub mod model;
pub mod postgres;
pub mod s3;
