//! The test kit from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod s3_double;
