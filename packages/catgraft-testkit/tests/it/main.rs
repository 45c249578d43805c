//! The test kit from outside.

mod s3_double;
