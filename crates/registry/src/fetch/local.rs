//! Source `file`: a copy from this machine.

use std::path::Path;

use crate::Error;
use crate::store::Landing;

/// Copies a file. What an earlier attempt left is thrown away: a copy is cheap.
pub(super) fn fetch(landing: &mut Landing, path: &Path, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
    let facts = std::fs::metadata(path).map_err(Error::io("read", path))?;
    if !facts.is_file() {
        return Err(Error::io("read", path)(std::io::Error::other("not a regular file")));
    }
    landing.offered(facts.len())?;
    landing.restart()?;
    let mut file = std::fs::File::open(path).map_err(Error::io("open", path))?;
    landing.copy(&mut file, progress)?.map_err(Error::io("read", path))
}
