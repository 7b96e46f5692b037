//! The allocator that leaves nothing behind: freed memory is zero before anybody else can be given it.

#![allow(unsafe_code, reason = "an allocator cannot be written without; each block has its argument")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::{Line, Measure, Standing};

/// Set by the first block that was wiped, so that the report speaks of what happens and not of what was meant.
static WIPED: AtomicBool = AtomicBool::new(false);

/// The system's allocator, with every freed block wiped first.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: hardening::WipingAllocator = hardening::WipingAllocator;
/// # fn main() {}
/// ```
///
/// A block that grows is moved by hand, because the system's `realloc` frees the old place unwiped. What C libraries take
/// with `malloc` of their own is not seen here (SQLite, which holds no prompt).
#[derive(Debug, Clone, Copy, Default)]
pub struct WipingAllocator;

// SAFETY: every method hands the caller's own layout on to `System`, which fulfils the trait; between that, only memory that
// the caller owns by the trait's contract is written or read. Nothing here allocates or unwinds.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a block of `layout.size()` bytes that nobody uses any more.
        unsafe { wipe(block, layout.size()) };
        // SAFETY: the block came from `System` with this layout, by the caller's promise and by `alloc` above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size`, rounded up to this alignment, does not overflow `isize`; the alignment is
        // that of a layout, hence valid; and the size is not zero.
        let grown = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: `grown` has a size that is not zero.
        let moved = unsafe { System.alloc(grown) };
        if !moved.is_null() {
            // SAFETY: both blocks are at least as long as the shorter of the two, and the new one overlaps nothing.
            unsafe { std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
            // SAFETY: the caller gave the old block up, now that a new one is returned.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}

/// Writes zeros that the compiler must not take for useless.
///
/// # Safety
/// `block` is valid for writes of `size` bytes.
unsafe fn wipe(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::write_bytes(block, 0, size) };
    // SAFETY: no instruction at all. It takes the pointer and may, as far as the compiler knows, read what it points to, so the
    // zeros have to be there although the block is freed next.
    unsafe { std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags)) };
    // Read before it is written: every thread frees, and none is to wait for the cache line of another.
    if !WIPED.load(Ordering::Relaxed) {
        WIPED.store(true, Ordering::Relaxed);
    }
}

/// Whether this program wipes what it frees: something is freed, and whether that was seen is told.
#[must_use]
pub fn observe_wiping() -> Line {
    drop(std::hint::black_box(Box::new([1_u8; 64])));
    let wiped = WIPED.load(Ordering::Relaxed);
    Line {
        measure: Measure::FreedMemory,
        standing: if wiped { Standing::Held } else { Standing::NotHeld },
        found: if wiped { "a freed block was wiped" } else { "this program has another allocator" }
            .to_owned(),
    }
}
