//! Buffers that kernels reuse from call to call.

use std::collections::HashMap;
use std::ops::Range;

use crate::linear::ActivationBlock;

/// Working memory of [`crate::linear`] and [`crate::attention`]; grows to the largest call and is reused.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) activations: Vec<ActivationBlock>,
    pub(crate) floats: Vec<f32>,
    pub(crate) order: ReadingOrder,
}

/// Which weights were read after which, by address: what followed the last time follows again.
#[derive(Debug, Default)]
pub(crate) struct ReadingOrder {
    last: usize,
    next: HashMap<usize, Range<usize>>,
}

impl ReadingOrder {
    /// Notes that the weights at these addresses are read now, and tells what came after them.
    pub(crate) fn after(&mut self, now: Range<usize>) -> Range<usize> {
        let start = now.start;
        self.next.insert(self.last, now);
        self.last = start;
        self.next.get(&start).cloned().unwrap_or_default()
    }
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// Overwrites all that earlier calls left in the buffers, and keeps the memory.
    pub fn wipe(&mut self) {
        self.floats.fill(0.0);
        // A smaller call made this one shorter, and left the rest where it was.
        let blocks = self.activations.len();
        self.activations.resize(self.activations.capacity(), ActivationBlock::ZERO);
        self.activations.fill(ActivationBlock::ZERO);
        self.activations.truncate(blocks);
    }
}
