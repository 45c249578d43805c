//! Tests of what needs no backend.
