//! Writes the tiny models that golden logits are kept of: `cargo run -p testkit --example tiny_models -- FOLDER`. Golden logits are computed
//! from these files by programs that are not ours.
#![allow(clippy::print_stdout, reason = "it says what it wrote")]

use std::path::Path;
use testkit::TinyModel;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err(std::io::Error::other("name a folder to write to"));
    };
    for (name, model) in TinyModel::golden() {
        let path = Path::new(&folder).join(format!("{name}.gguf"));
        std::fs::write(&path, model.build())?;
        println!("{}", path.display());
    }
    Ok(())
}
