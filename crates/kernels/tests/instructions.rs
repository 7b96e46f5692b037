//! The compiler must have used the instructions that the tiers are named for, in the loops they are meant for.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop, and says what it skips")]

use std::collections::BTreeMap;
use std::process::Command;

use kernels::{DType, Matrix, Pool, Scratch, linear};

/// Instructions by function; `None` without a disassembler.
fn disassembly() -> Option<BTreeMap<String, Vec<String>>> {
    let binary = std::env::current_exe().unwrap();
    let found = Command::new("objdump").args(["-d", "-C", "--no-show-raw-insn"]).arg(binary).output();
    let text =
        String::from_utf8_lossy(&found.ok().filter(|output| output.status.success())?.stdout).into_owned();
    let mut functions = BTreeMap::<String, Vec<String>>::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            current = name.to_owned();
        } else if let Some((_, instruction)) = line.split_once(":\t") {
            functions.entry(current.clone()).or_default().push(instruction.to_owned());
        }
    }
    Some(functions)
}

/// Whether an instruction of that name works on registers of that kind somewhere in the tier's functions.
fn uses(functions: &BTreeMap<String, Vec<String>>, tier: &str, instruction: &str, register: &str) -> bool {
    let of_tier =
        functions.iter().filter(|(name, _)| name.contains("kernels::simd::") && name.contains(tier));
    let mut lines = of_tier.flat_map(|(_, lines)| lines);
    lines.any(|line| line.contains(instruction) && line.contains(register))
}

#[test]
fn each_tier_has_its_instructions() {
    // A product, so that the linker keeps the kernels.
    let w = Matrix::pack(DType::Q4_1, 16, 32, &[0; 16 * 20]).unwrap();
    linear(&Pool::new(1), &w, &[1.0; 32], 1, &mut [0.0; 16], &mut Scratch::new());
    let Some(functions) = disassembly() else {
        eprintln!("skipped: no objdump here");
        return;
    };
    for (tier, instruction, register) in [
        ("avx2::run", "vpmaddubsw", "%ymm"),
        ("avx2::run_vnni", "vpdpbusd", "%ymm"),
        ("avx512::run", "vpdpbusd", "%zmm"),
        ("avx512::run", "vfmadd", "%zmm"),
        ("avx512::run", "vcvtph2ps", "%zmm"),
    ] {
        assert!(uses(&functions, tier, instruction, register), "{tier} has no {instruction} on {register}");
    }
    // Operations on a vector that were not inlined into the tier's loop would be functions of their own.
    let lost = functions.keys().find(|name| name.contains("core_arch") && name.contains("_mm512_"));
    assert_eq!(lost, None, "an intrinsic became a call");
}
