//! The metastore: catalog, commit decision, endpoints.
