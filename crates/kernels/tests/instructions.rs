//! The compiler must have used the instructions that the tiers are named for, in the loops they are meant for, and kept in
//! registers what those loops go on with.
#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may stop, and says what it skips"
)]

use std::ops::RangeInclusive;
use std::process::Command;

use kernels::{DType, Matrix, Pool, Scratch, linear};

/// One function of this binary; functions that differ in a type parameter have the same name.
struct Function {
    name: String,
    /// Address and text.
    instructions: Vec<(u64, String)>,
}

/// `None` without a disassembler.
fn disassembly() -> Option<Vec<Function>> {
    // A product, so that the linker keeps the kernels.
    let w = Matrix::pack(DType::Q4_1, 16, 32, &[0; 16 * 20]).unwrap();
    linear(&Pool::new(1), &w, &[1.0; 32], 1, &mut [0.0; 16], &mut Scratch::new());
    let binary = std::env::current_exe().unwrap();
    let found = Command::new("objdump").args(["-d", "-C", "--no-show-raw-insn"]).arg(binary).output();
    let Some(output) = found.ok().filter(|output| output.status.success()) else {
        eprintln!("skipped: no objdump here");
        return None;
    };
    let mut functions = Vec::<Function>::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            functions.push(Function { name: name.to_owned(), instructions: Vec::new() });
        } else if let Some((address, text)) = line.split_once(":\t")
            && let (Some(function), Ok(address)) =
                (functions.last_mut(), u64::from_str_radix(address.trim(), 16))
        {
            function.instructions.push((address, text.to_owned()));
        }
    }
    Some(functions)
}

impl Function {
    fn is_of(&self, tier: &str) -> bool {
        self.name.contains("kernels::simd::") && self.name.ends_with(tier)
    }

    /// Whether some instruction of that name works on registers of that kind.
    fn uses(&self, instruction: &str, register: &str) -> bool {
        self.instructions.iter().any(|(_, text)| text.contains(instruction) && text.contains(register))
    }

    /// The loops, as places of the first and last instruction: from where a jump backwards goes to the jump.
    fn loops(&self) -> Vec<RangeInclusive<usize>> {
        let place = |address| self.instructions.binary_search_by_key(&address, |(address, _)| *address).ok();
        let of = |(at, (_, text)): (usize, &(u64, String))| {
            let mut words = text.split_whitespace();
            words.next().filter(|word| word.starts_with('j'))?;
            let target = place(u64::from_str_radix(words.next()?, 16).ok()?)?;
            (target <= at).then_some(target..=at)
        };
        self.instructions.iter().enumerate().filter_map(of).collect()
    }

    /// The smallest loop around each product of bytes, each loop once.
    fn product_loops(&self) -> Vec<Loop<'_>> {
        let loops = self.loops();
        let around = |at: usize| {
            let around = loops.iter().filter(|around| around.contains(&at));
            around.min_by_key(|around| around.end() - around.start())
        };
        let products = self.instructions.iter().enumerate().filter(|(_, (_, text))| is_product(text));
        let mut found: Vec<_> = products.filter_map(|(at, _)| around(at)).collect();
        found.sort_unstable_by_key(|found| *found.start());
        found.dedup();
        found.into_iter().map(|found| Loop(&self.instructions[found.clone()])).collect()
    }
}

fn is_product(text: &str) -> bool {
    text.contains("vpdpbusd") || text.contains("vpmaddubsw")
}

/// The instructions of a loop.
struct Loop<'a>(&'a [(u64, String)]);

impl Loop<'_> {
    fn products(&self) -> usize {
        self.0.iter().filter(|(_, text)| is_product(text)).count()
    }

    /// Instructions that take a register of that kind to or from a fixed place of the stack frame. (What the program keeps
    /// in memory, as the sums of many tokens, is reached through other registers.)
    fn on_stack(&self, register: &str) -> impl Iterator<Item = &str> {
        let fixed = |text: &&str| text.contains("(%rsp)") || text.contains("(%rbp)");
        let texts = self.0.iter().map(|(_, text)| text.as_str()).filter(fixed);
        texts.filter(move |text| text.contains(register))
    }

    /// Those that store.
    fn stores(&self) -> usize {
        self.on_stack("mm").filter(|text| text.ends_with("(%rsp)") || text.ends_with("(%rbp)")).count()
    }
}

/// The loops in which tokens stream past a decoded block of weights, and the loop of one token alone. Not among them is what
/// decodes two groups of rows for one or two tokens, where there are too few registers.
#[test]
fn product_loops_keep_their_vectors_in_registers() {
    let Some(functions) = disassembly() else { return };
    for tier in ["avx2::run", "avx2::run_vnni", "avx512::run"] {
        let (mut kernels, mut reloading) = (0, 0);
        for function in functions.iter().filter(|function| function.is_of(tier)) {
            let loops = function.product_loops();
            let Some(shortest) = loops.iter().min_by_key(|found| found.0.len()) else { continue };
            kernels += 1;
            assert_eq!(shortest.stores(), 0, "{tier}: {:#?}", shortest.0);
            if tier != "avx512::run" {
                continue;
            }
            // One group of rows takes eight products a token, two take sixteen.
            for found in loops.iter().filter(|found| found.products() <= 8) {
                assert_eq!(found.on_stack("%zmm").next(), None, "{:#?}", found.0);
            }
            let two_groups = loops.iter().filter(|found| found.products() == 16);
            let tokens = two_groups.min_by_key(|found| found.0.len()).unwrap();
            assert_eq!(tokens.stores(), 0, "{:#?}", tokens.0);
            reloading += usize::from(tokens.on_stack("%zmm").next().is_some());
        }
        assert!(kernels >= 14, "{tier}: the loops of {kernels} kernels found");
        // Q2_K alone may (and does in the dev profile): two groups of it, with two scales and two minima a row, are 24
        // registers before the first sum.
        assert!(reloading <= 1, "{tier}: {reloading} kernels reload weights for every token");
    }
}

#[test]
fn each_tier_has_its_instructions() {
    let Some(functions) = disassembly() else { return };
    for (tier, instruction, register) in [
        ("avx2::run", "vpmaddubsw", "%ymm"),
        ("avx2::run_vnni", "vpdpbusd", "%ymm"),
        ("avx512::run", "vpdpbusd", "%zmm"),
        ("avx512::run", "vfmadd", "%zmm"),
        ("avx512::run", "vcvtph2ps", "%zmm"),
    ] {
        let mut of_tier = functions.iter().filter(|function| function.is_of(tier));
        let found = of_tier.any(|function| function.uses(instruction, register));
        assert!(found, "{tier} has no {instruction} on {register}");
    }
    // Operations on a vector that were not inlined into the tier's loop would be functions of their own.
    let mut names = functions.iter().map(|function| &function.name);
    let lost = names.find(|name| name.contains("core_arch") && name.contains("_mm512_"));
    assert_eq!(lost, None, "an intrinsic became a call");
}
