//! Which instruction set tier runs: detected once, or forced by `PROEFTUIN_ISA`.

use std::sync::OnceLock;

use crate::Error;

/// An instruction set tier. All tiers give the same bits; they differ in speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust: the specification.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// The same with AVX-VNNI.
    AvxVnni,
    /// x86-64 with AVX-512 F, BW, VL and VNNI.
    Avx512Vnni,
    /// AArch64 with the dot products of signed bytes (`FEAT_DotProd`).
    Neon,
    /// The same with those of unsigned and signed bytes (`FEAT_I8MM`).
    NeonI8mm,
}

impl Isa {
    /// Every tier, the preferred ones last.
    pub const ALL: &[Isa] =
        &[Isa::Scalar, Isa::Avx2, Isa::AvxVnni, Isa::Avx512Vnni, Isa::Neon, Isa::NeonI8mm];

    /// The tier's name, as `PROEFTUIN_ISA` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::AvxVnni => "avx-vnni",
            Isa::Avx512Vnni => "avx512-vnni",
            Isa::Neon => "neon",
            Isa::NeonI8mm => "neon-i8mm",
        }
    }

    /// Whether this machine can run the tier.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => Isa::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => {
                Isa::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::AvxVnni | Isa::Avx512Vnni => false,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(target_arch = "aarch64")]
            Isa::NeonI8mm => Isa::Neon.is_available() && std::arch::is_aarch64_feature_detected!("i8mm"),
            #[cfg(not(target_arch = "aarch64"))]
            Isa::Neon | Isa::NeonI8mm => false,
        }
    }

    /// Returns the tier itself where this machine can run it.
    ///
    /// # Errors
    /// [`Error::UnavailableIsa`] otherwise.
    pub fn require(self) -> Result<Isa, Error> {
        if self.is_available() {
            Ok(self)
        } else {
            Err(Error::UnavailableIsa { isa: self, choices: choices() })
        }
    }
}

/// Names of the tiers this machine can run.
fn choices() -> String {
    let names: Vec<_> = Isa::ALL.iter().filter(|isa| isa.is_available()).map(|isa| isa.name()).collect();
    names.join(", ")
}

/// The tier in use: the best this machine can run, or what the environment variable `PROEFTUIN_ISA` names.
/// Decided at the first call and kept.
///
/// # Errors
/// [`Error::UnknownIsa`] or [`Error::UnavailableIsa`] when `PROEFTUIN_ISA` cannot be obeyed.
pub fn isa() -> Result<Isa, Error> {
    static ISA: OnceLock<Result<Isa, Error>> = OnceLock::new();
    ISA.get_or_init(|| match std::env::var_os("PROEFTUIN_ISA") {
        None => best(),
        Some(name) => forced(&name.to_string_lossy()),
    })
    .clone()
}

fn best() -> Result<Isa, Error> {
    Ok(Isa::ALL.iter().rev().copied().find(|isa| isa.is_available()).unwrap_or(Isa::Scalar))
}

fn forced(name: &str) -> Result<Isa, Error> {
    match Isa::ALL.iter().find(|isa| isa.name().eq_ignore_ascii_case(name)) {
        Some(isa) => isa.require(),
        None => Err(Error::UnknownIsa { name: name.chars().take(32).collect(), choices: choices() }),
    }
}

/// The tier in use.
///
/// # Panics
/// When `PROEFTUIN_ISA` cannot be obeyed; [`crate::Matrix::pack`] has refused by then.
pub(crate) fn current() -> Isa {
    match isa() {
        Ok(isa) => isa,
        Err(error) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_tier_is_obeyed_or_refused_with_the_choices() {
        assert_eq!(forced("scalar"), Ok(Isa::Scalar));
        assert_eq!(forced("SCALAR"), Ok(Isa::Scalar));
        let message = forced("sse9").unwrap_err().to_string();
        assert!(message.contains("\"sse9\"") && message.contains("scalar"), "{message}");
        let unavailable = Error::UnavailableIsa { isa: Isa::Avx2, choices: choices() }.to_string();
        assert!(unavailable.contains("avx2") && unavailable.contains("scalar"), "{unavailable}");
        assert_eq!(forced("avx2").is_ok(), Isa::Avx2.is_available());
    }
}
