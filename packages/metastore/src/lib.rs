//! The metastore: catalog, commit decision, endpoints.
pub mod catalog;
pub mod commit;
