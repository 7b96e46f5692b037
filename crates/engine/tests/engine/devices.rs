//! The candle implementation of the layers against the kernels, on candle's CPU device.

use crate::load_bytes;
use engine::Device;
use testkit::{TinyFamily, TinyModel};

fn tokens(len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| 3 + (i * 37 + i * i) % 250).collect()
}

/// With F32 matrices nothing is quantized on either side. What is left is that the kernels' pages hold K and V in
/// binary16 (relative error up to 2^-11, each layer anew) and the reference's hold f32; the layers' own tests compare the
/// two with equal pages, to 2e-5. Random layers amplify: measured 0.4e-3 to 1.2e-3 of the largest logit, which is
/// 1 to 2.5 roundings; allowed are 4e-3, eight roundings. A wrong index, angle, head or mask moves logits by as much as
/// they are large.
const TOLERANCE: f32 = 4e-3;

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
    let families = TinyFamily::ALL.into_iter().zip(5..).map(|(family, seed)| TinyModel {
        plain: true,
        seed,
        ..TinyModel::of(family)
    });
    for variant in variants.into_iter().chain(families) {
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
