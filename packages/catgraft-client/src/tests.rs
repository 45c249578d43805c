//! Tests of retries and error kinds.
