//! The log as `log show` prints it.

use serde_json::Value;

/// Leaves, oldest first.
pub struct Leaves(pub Vec<Value>);

impl Leaves {
    /// Parses JSON lines.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect())
    }

    /// Those of one event.
    pub fn of(&self, event: &str) -> Vec<&Value> {
        self.0.iter().filter(|leaf| leaf["event"] == event).collect()
    }

    /// The one leaf of `event` about the request that `receipt` names.
    #[track_caller]
    pub fn about(&self, event: &str, receipt: &str) -> &Value {
        let mut found = self.of(event).into_iter().filter(|leaf| leaf["id"] == receipt);
        let leaf = found.next().unwrap_or_else(|| panic!("no {event} of {receipt}"));
        assert!(found.next().is_none(), "two leaves {event} of {receipt}");
        leaf
    }
}
