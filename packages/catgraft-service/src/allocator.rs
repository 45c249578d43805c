//! The memory allocator of every program of the house: jemalloc.
//!
//! The services keep pages and indexes for long, among buffers of requests that come and go on other threads. The
//! system's allocator keeps the holes that such buffers leave, in a heap a thread: a pagestore took half as much memory
//! again as its caches hold, and kept it. jemalloc puts sizes apart and gives back what is free.

use std::{ffi::c_char, sync::atomic::AtomicPtr};

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// How jemalloc works, where `_RJEM_MALLOC_CONF` in the environment says nothing else: an arena a processor, because more
/// of them hold more that is free; what is free for a second goes back to the system, and a thread of its own sees to it,
/// so that it happens in a service that is idle, too.
#[expect(unsafe_code, reason = "jemalloc looks for its options under this name, and nobody else uses it")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static OPTIONS: AtomicPtr<c_char> =
    AtomicPtr::new(c"narenas_ratio:1,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0".as_ptr().cast_mut());
