#![doc = include_str!("../README.md")]
#![allow(
    clippy::needless_range_loop,
    reason = "the lanes and tokens of a tile index several arrays at once, which zips would hide"
)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "shapes are checked at the edge of each kernel; a violated shape is a programming error and must stop"
)]

mod angles;
mod attention;
mod dequantize;
mod dtype;
mod elementwise;
mod error;
mod exp;
mod half;
mod isa;
mod kv;
mod linear;
mod matrix;
mod memory;
mod pool;
mod rope;
mod scratch;
mod simd;
mod slow_path;

pub use angles::ln;
pub use attention::{AttentionParams, AttentionSequence, attention};
pub use dequantize::dequantize;
pub use dtype::DType;
pub use elementwise::{Activation, add, gate_mul, rms_norm, scale, softmax};
pub use error::Error;
pub use exp::{exp, exp_all};
pub use half::{bf16_to_f32, f16_to_f32, f32_to_f16};
pub use isa::{Isa, isa};
pub use kv::{KvLayout, KvType, PAGE_TOKENS, SlotRun};
pub use linear::{Input, Product, linear, linear_group};
pub use matrix::{Matrix, Packer, ROW_GROUP};
pub use memory::Memory;
pub use pool::Pool;
pub use rope::{Pairing, RopeFrequencies, rope};
pub use scratch::Scratch;
