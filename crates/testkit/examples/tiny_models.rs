//! Writes a tiny model of every family: `cargo run -p testkit --example tiny_models -- FOLDER`. Golden logits are computed
//! from these files by programs that are not ours.
#![allow(clippy::print_stdout, reason = "it says what it wrote")]

use std::path::Path;
use testkit::{TinyFamily, TinyModel};

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err(std::io::Error::other("name a folder to write to"));
    };
    for family in TinyFamily::ALL {
        let path = Path::new(&folder).join(format!("{}.gguf", family.architecture()));
        std::fs::write(&path, TinyModel { plain: true, ..TinyModel::of(family) }.build())?;
        println!("{}", path.display());
    }
    Ok(())
}
