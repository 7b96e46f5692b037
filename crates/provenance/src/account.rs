//! What the leaves say together: numbers in order, ids once, every outcome with its intent.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{Entry, Error, Leaf, ReceiptId};

/// The first contradiction is kept, so that damage of files can be named before it.
#[derive(Default)]
pub(crate) struct Account {
    /// Open intents: index by id.
    open: HashMap<ReceiptId, u64>,
    ids: HashSet<ReceiptId>,
    last_configuration: Option<u64>,
    pub(crate) events: BTreeMap<&'static str, u64>,
    pub(crate) error: Option<Error>,
}

impl Account {
    /// The entry, as long as nothing contradicted.
    pub(crate) fn take(&mut self, index: u64, bytes: &[u8]) -> Option<Entry> {
        if self.error.is_some() {
            return None;
        }
        let checked = Entry::parse(bytes)
            .map_err(|e| e.to_string())
            .and_then(|entry| self.check(index, &entry).map(|()| entry));
        checked.map_err(|why| self.error = Some(Error::BrokenLeaf { index, why })).ok()
    }

    /// Indexes of intents without outcome, in order.
    pub(crate) fn open(&self) -> Vec<u64> {
        let mut open: Vec<u64> = self.open.values().copied().collect();
        open.sort_unstable();
        open
    }

    fn check(&mut self, index: u64, entry: &Entry) -> std::result::Result<(), String> {
        if entry.seq != index {
            return Err(format!("its seq is {}", entry.seq));
        }
        let event = entry.leaf.event();
        *self.events.entry(event).or_insert(0) += 1;
        let config = match &entry.leaf {
            Leaf::Intent(intent) => {
                self.new_id(intent.request.id)?;
                self.open.insert(intent.request.id, index);
                intent.prev_config_event
            }
            Leaf::Denied(denied) => {
                self.new_id(denied.request.id)?;
                denied.prev_config_event
            }
            Leaf::Outcome(outcome) => {
                return match self.open.remove(&outcome.id) {
                    Some(intent) if intent == outcome.intent_seq => Ok(()),
                    Some(intent) => Err(format!("its intent is leaf {intent}, not {}", outcome.intent_seq)),
                    None => Err("it is the outcome of no open intent".to_owned()),
                };
            }
            Leaf::Configuration(configuration) => {
                let before = self.last_configuration.replace(index);
                return same_config(configuration.prev_config_event, before);
            }
            _ => return Ok(()),
        };
        same_config(config, self.last_configuration)
    }

    fn new_id(&mut self, id: ReceiptId) -> std::result::Result<(), String> {
        if self.ids.insert(id) { Ok(()) } else { Err("its receipt id was used before".to_owned()) }
    }
}

fn same_config(said: Option<u64>, was: Option<u64>) -> std::result::Result<(), String> {
    if said == was {
        Ok(())
    } else {
        Err("its prev_config_event is not the configuration before it".to_owned())
    }
}
