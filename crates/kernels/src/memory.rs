//! Memory for weights and for pages of keys and values: zeroed, aligned to cache lines, on huge pages where the system
//! has them. A token reads every weight once, so with pages of 4 KiB the address translation would miss all the time.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Alignment of a block: a cache line.
pub(crate) const LINE: usize = 64;

/// Bytes of a huge page of x86-64 and AArch64.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes mapped at a time; what is not touched takes no memory.
const MAP_BYTES: usize = 64 << 20;

/// The map that blocks are cut from, and the bytes cut from it.
static CURRENT: Mutex<Option<(Arc<Map>, usize)>> = Mutex::new(None);

/// Asks the caches for the line at this address, which may be any: nothing is read.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch touches no memory, whatever the address; each processor of this architecture has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Bytes of its own, zeroed at first.
#[derive(Debug)]
pub struct Memory {
    map: Arc<Map>,
    start: usize,
    len: usize,
}

impl Memory {
    /// `len` zeroed bytes.
    ///
    /// # Panics
    /// When the system has no such memory to give, as for any other allocation.
    pub fn zeroed(len: usize) -> Memory {
        let rounded = len.next_multiple_of(LINE);
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((map, used)) = current.as_mut()
            && rounded <= map.len() - *used
        {
            let start = *used;
            *used += rounded;
            return Memory { map: Arc::clone(map), start, len };
        }
        let map = Arc::new(Map::new(rounded.max(MAP_BYTES).next_multiple_of(HUGE_PAGE)));
        let left = |(map, used): &(Arc<Map>, usize)| map.len() - used;
        // The next block is cut from whichever has more left.
        if current.as_ref().is_none_or(|current| left(current) < map.len() - rounded) {
            *current = Some((Arc::clone(&map), rounded));
        }
        Memory { map, start: 0, len }
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `zeroed` cut these bytes from the map for this value alone, and the map lives as long as it.
        unsafe { std::slice::from_raw_parts(self.map.start().add(self.start), self.len) }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `self` is borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.map.start().add(self.start), self.len) }
    }
}

#[cfg(target_os = "linux")]
mod map {
    use super::HUGE_PAGE;
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    use std::ffi::c_void;

    /// Anonymous pages.
    #[derive(Debug)]
    pub(super) struct Map {
        raw: *mut c_void,
        raw_len: usize,
        /// From `raw` to the first huge page.
        skip: usize,
        len: usize,
    }

    // SAFETY: plain memory, owned; whoever hands out parts of it sees to it that they do not overlap.
    unsafe impl Send for Map {}
    // SAFETY: as above.
    unsafe impl Sync for Map {}

    impl Map {
        pub(super) fn new(len: usize) -> Map {
            let raw_len = len + HUGE_PAGE;
            // SAFETY: a new map at an address of the system's choice touches no other memory.
            let raw = unsafe {
                mmap_anonymous(
                    std::ptr::null_mut(),
                    raw_len,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::PRIVATE | MapFlags::NORESERVE,
                )
            };
            let Ok(raw) = raw else { panic!("the system has no {len} bytes of memory left") };
            let skip = raw.cast::<u8>().align_offset(HUGE_PAGE);
            // Without huge pages everything works, more slowly.
            // SAFETY: `skip + len` is within the map.
            let _ = unsafe { madvise(raw.byte_add(skip), len, Advice::LinuxHugepage) };
            Map { raw, raw_len, skip, len }
        }

        pub(super) fn start(&self) -> *mut u8 {
            // SAFETY: `skip` is within the map.
            unsafe { self.raw.cast::<u8>().add(self.skip) }
        }

        pub(super) fn len(&self) -> usize {
            self.len
        }
    }

    impl Drop for Map {
        fn drop(&mut self) {
            // SAFETY: the map is ours, and nobody holds a part of it any more.
            let unmapped = unsafe { munmap(self.raw, self.raw_len) };
            debug_assert!(unmapped.is_ok(), "a map that exists can be unmapped");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod map {
    use std::cell::UnsafeCell;

    #[derive(Debug, Clone, Copy)]
    #[repr(align(64))]
    struct Line([u8; 64]);

    /// Lines from the allocator.
    #[derive(Debug)]
    pub(super) struct Map(Box<[UnsafeCell<Line>]>);

    // SAFETY: plain memory; whoever hands out parts of it sees to it that they do not overlap.
    unsafe impl Sync for Map {}

    impl Map {
        pub(super) fn new(len: usize) -> Map {
            Map((0..len / 64).map(|_| UnsafeCell::new(Line([0; 64]))).collect())
        }

        pub(super) fn start(&self) -> *mut u8 {
            self.0.as_ptr().cast_mut().cast()
        }

        pub(super) fn len(&self) -> usize {
            self.0.len() * 64
        }
    }
}

use map::Map;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_zeroed_aligned_and_apart() {
        let sizes = [1, 63, 64, 65, 0, 5 << 20, MAP_BYTES + 1, 100];
        let mut blocks: Vec<Memory> = sizes.iter().map(|&size| Memory::zeroed(size)).collect();
        for (block, &size) in blocks.iter().zip(&sizes) {
            assert_eq!(block.len(), size);
            assert_eq!(block.as_ptr().align_offset(LINE), 0);
            assert!(block.iter().all(|&byte| byte == 0));
        }
        for (number, block) in blocks.iter_mut().enumerate() {
            block.fill(number as u8 + 1);
        }
        for (number, block) in blocks.iter().enumerate() {
            assert!(block.iter().all(|&byte| byte == number as u8 + 1));
        }
        drop(blocks);
        assert!(Memory::zeroed(3 << 20).iter().all(|&byte| byte == 0), "used memory does not come back");
    }
}
