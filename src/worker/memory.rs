//! The allocator of the server's process: memory in large pages.
//!
//! Between two laps of a leg its memory leaves the caches, and with pages of 4 KiB the processor's table of pages as
//! well: with 900 legs a walk through the page tables came before each of a lap's first touches, and made it a tenth
//! dearer. jemalloc asks the kernel for pages of 2 MiB (where `transparent_hugepage` is `madvise` or `always`).
#![allow(unsafe_code)]

use std::ffi::c_char;

/// For `#[global_allocator]` of a program that runs a worker.
pub use tikv_jemallocator::Jemalloc as Allocator;

/// Text that jemalloc reads through a C pointer.
#[repr(transparent)]
pub struct AllocatorOptions(*const c_char);

// SAFETY: the pointer is to a literal, which nobody ever writes.
unsafe impl Sync for AllocatorOptions {}

/// Read when the first memory is asked for. Two arenas: the worker's thread allocates beside few others.
// SAFETY: the name is the one that jemalloc, built with the prefix `_rjem_`, declares as `const char *`; no other
// definition exists.
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static ALLOCATOR_OPTIONS: AllocatorOptions =
    AllocatorOptions(c"thp:always,metadata_thp:always,narenas:2".as_ptr());
