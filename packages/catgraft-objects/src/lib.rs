//! Object storage: the trait, its keys, its backends.
