//! Integration tests of the core types: what holds for whoever uses them from outside.

mod page_set_fuzz;
