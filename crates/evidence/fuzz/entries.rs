//! What is fuzzed: the parsers of files that come from elsewhere. Included by the fuzz target and by an ordinary test.

use evidence::{Answers, Bundle};

/// A bundle: what is taken is written again and taken again as the same, and names a file in its folder.
pub fn bundle(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Answers::parse(text);
    let Ok(bundle) = Bundle::parse(text) else { return };
    assert_eq!(Bundle::parse(&bundle.to_text()).unwrap(), bundle);
    assert_eq!(Bundle::seal(bundle.lesson().clone()).unwrap(), bundle);
    assert!(bundle.path().matches('/').count() == 1 && !bundle.path().contains(".."));
}
