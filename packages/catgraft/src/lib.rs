//! The catgraft command line.
