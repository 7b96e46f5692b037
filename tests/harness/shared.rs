//! One server for the tests that leave nothing behind. It lives as long as a test holds it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Place, Server};

/// A server with a key of `pilot-test`.
pub struct Shared {
    /// The server; declared first, so that it ends before its place vanishes.
    pub server: Server,
    /// Where it runs.
    pub place: Place,
    /// A key of `pilot-test`.
    pub key: String,
}

/// The server of this test process, started if it does not run.
pub fn shared() -> Option<Arc<Shared>> {
    static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
    // A test that failed while starting it leaves nothing broken.
    let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = slot.upgrade() {
        return Some(shared);
    }
    let place = Place::new()?;
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let shared = Arc::new(Shared { server, place, key });
    *slot = Arc::downgrade(&shared);
    Some(shared)
}
