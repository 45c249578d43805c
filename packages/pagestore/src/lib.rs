//! The pagestore: ingest, volume index, reads, cache.
