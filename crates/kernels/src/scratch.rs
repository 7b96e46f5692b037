//! Buffers that kernels reuse from call to call.

use crate::linear::ActivationBlock;

/// Working memory of [`crate::linear`] and [`crate::attention`]; grows to the largest call and is reused.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) activations: Vec<ActivationBlock>,
    pub(crate) floats: Vec<f32>,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Scratch {
        Scratch::default()
    }
}
