//! The candle implementation of the layers against the kernels, on candle's CPU device.

use crate::load_bytes;
use engine::Device;
use testkit::TinyModel;

fn tokens(len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| 3 + (i * 37 + i * i) % 250).collect()
}

/// With F32 matrices nothing is quantized on either side. What is left is the rounding of K and V to binary16 in the
/// kernels' pages: half a unit of 11 bits, 2^-12 of each number on average, which two layers and a head average out to a
/// few 2^-12 of the largest logit. Sums in another order add some 2^-20. A wrong index, angle, head or mask moves
/// logits by as much as they are large. Measured at first writing: 1.6e-4 of the largest logit.
const TOLERANCE: f32 = 1e-3;

#[test]
fn both_implementations_give_the_same_logits() {
    let plain = TinyModel { plain: true, ..TinyModel::default() };
    let variants = [
        plain.clone(),
        TinyModel { untied: true, seed: 1, ..plain.clone() },
        TinyModel { rope_factors: true, seed: 2, ..plain.clone() },
        TinyModel { num_kv_heads: 1, blocks: 3, seed: 3, ..plain.clone() },
        TinyModel { num_kv_heads: 4, seed: 4, ..plain },
    ];
    for variant in variants {
        let file = variant.build();
        let prompt = tokens(75);
        let [kernels, candle] = [Device::Cpu, Device::Reference].map(|device| {
            let mut model = load_bytes(&file, device, 2).unwrap().model;
            // Two chunks that do not end at a page, then ten positions one by one.
            model.logits(&prompt, 65, 40).unwrap()
        });
        let largest = candle.iter().fold(0f32, |max, logit| max.max(logit.abs()));
        let worst = kernels.iter().zip(&candle).fold(0f32, |max, (a, b)| max.max((a - b).abs()));
        println!("{variant:?}: largest logit {largest}, largest difference {worst}");
        assert!(largest > 0.5, "logits this small test nothing");
        assert!(worst <= TOLERANCE * largest, "{variant:?}: {worst} of {largest}");
    }
}
