//! What the tests need: a place to run in, the program, and a small HTTP client.

mod http;
mod log;
mod place;
pub mod policy;
mod program;
mod shared;
mod store;
mod tiny;

pub use http::{Events, Reply, get, post, request, stream};
pub use log::Leaves;
pub use place::{Place, Server};
pub use program::{Ran, finish, proeftuin, run, which};
pub use shared::{Shared, shared};
pub use tiny::VECTORS;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The pinned default model.
pub const MODEL: &str = "smollm2-135m-instruct";

/// Longest wait for anything, generous: the machine may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// The checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the target directory that tests may fill.
pub fn target_tmp() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Asks until there is an answer; fails, naming what was awaited, when [`PATIENCE`] runs out.
pub fn until<T>(awaited: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s for {awaited}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}
