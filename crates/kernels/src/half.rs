//! Binary16 and bfloat16 to and from binary32, in integers; exact, or to nearest even.

/// The value of an IEEE 754 binary16 number given by its bits. Exact; a NaN keeps its payload and becomes quiet.
#[inline(always)]
pub const fn f16_to_f32(bits: u16) -> f32 {
    let sign = (bits as u32 & 0x8000) << 16;
    let exponent = (bits >> 10) & 0x1f;
    let fraction = bits as u32 & 0x3ff;
    let magnitude = match exponent {
        // Subnormal: fraction × 2^-24, exact in binary32.
        0 => (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        0x1f if fraction != 0 => 0x7fc0_0000 | (fraction << 13),
        0x1f => 0x7f80_0000,
        _ => ((exponent as u32 + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// The bits of the binary16 number nearest to `value`, ties to even; too large becomes infinite.
#[inline(always)]
pub const fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    let half = if magnitude > 0x7f80_0000 {
        0x7e00 | ((magnitude >> 13) & 0x3ff) as u16
    } else if magnitude >= 0x4780_0000 {
        0x7c00
    } else if magnitude >= 0x3880_0000 {
        // Normal: rebias the exponent and round the 13 bits that go.
        let rebiased = magnitude - (112 << 23);
        ((rebiased + 0xfff + ((rebiased >> 13) & 1)) >> 13) as u16
    } else {
        // Subnormal: adding 0.5 puts the unit of 2^-24 at the last place, rounding as the addition rounds.
        let shifted = f32::from_bits(magnitude) + 0.5;
        (shifted.to_bits() - 0x3f00_0000) as u16
    };
    sign | half
}

/// The value of a bfloat16 number given by its bits. Exact.
#[inline(always)]
pub const fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let value = f16_to_f32(bits);
            let quiet = if value.is_nan() { bits | 0x200 } else { bits };
            assert_eq!(f32_to_f16(value), quiet, "{bits:#06x}");
        }
    }

    #[test]
    fn every_half_has_its_value_by_definition() {
        for bits in 0..0x7c00_u16 {
            let (exponent, fraction) = (i32::from(bits >> 10), f64::from(bits & 0x3ff));
            let value = match exponent {
                0 => fraction * 2f64.powi(-24),
                _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
            };
            assert_eq!(f64::from(f16_to_f32(bits)), value);
            assert_eq!(f64::from(f16_to_f32(bits | 0x8000)), -value);
        }
    }

    #[test]
    fn between_two_halves_the_nearest_wins_and_ties_go_to_even() {
        for bits in 0..0x7bff_u16 {
            let (low, high) = (f16_to_f32(bits), f16_to_f32(bits + 1));
            let middle = (low + high) / 2.0;
            assert_eq!(f32_to_f16(middle), bits + (bits & 1));
            assert_eq!(f32_to_f16(f32::from_bits(middle.to_bits() - 1)), bits);
            assert_eq!(f32_to_f16(f32::from_bits(middle.to_bits() + 1)), bits + 1);
        }
        assert_eq!(f32_to_f16(65519.9), 0x7bff);
        assert_eq!(f32_to_f16(65520.0), 0x7c00);
        assert_eq!(f32_to_f16(-1e30), 0xfc00);
    }
}
