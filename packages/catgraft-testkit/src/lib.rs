//! For tests: a faulty store, an S3 double, throw-away Postgres, the naive model of a volume.

pub mod faulty;
pub mod model;
pub mod ports;
pub mod postgres;
pub mod s3;
