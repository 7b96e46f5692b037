//! What the leaves say together: numbers in order, ids once, every outcome with its intent.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{Entry, Error, Leaf, LogPruned, ReceiptId};

/// The first contradiction is kept, so that damage of files can be named before it.
pub(crate) struct Account {
    /// Index of the first leaf there is.
    base: u64,
    /// Open intents: index by id.
    open: HashMap<ReceiptId, u64>,
    ids: HashSet<ReceiptId>,
    /// `None` while only pruned leaves would tell.
    last_configuration: Option<Option<u64>>,
    /// The newest pruning, and its index.
    pub(crate) pruned: Option<(u64, LogPruned)>,
    pub(crate) events: BTreeMap<&'static str, u64>,
    pub(crate) error: Option<Error>,
}

impl Account {
    /// Of leaves from `base` on; those before were pruned.
    pub(crate) fn starting(base: u64) -> Self {
        Self {
            base,
            open: HashMap::new(),
            ids: HashSet::new(),
            last_configuration: (base == 0).then_some(None),
            pruned: None,
            events: BTreeMap::new(),
            error: None,
        }
    }

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
            // Its intent is pruned.
            Leaf::Outcome(outcome) if outcome.intent_seq < self.base => return Ok(()),
            Leaf::Outcome(outcome) => {
                return match self.open.remove(&outcome.id) {
                    Some(intent) if intent == outcome.intent_seq => Ok(()),
                    Some(intent) => Err(format!("its intent is leaf {intent}, not {}", outcome.intent_seq)),
                    None => Err("it is the outcome of no open intent".to_owned()),
                };
            }
            Leaf::Configuration(configuration) => {
                self.same_config(configuration.prev_config_event)?;
                self.last_configuration = Some(Some(index));
                return Ok(());
            }
            Leaf::LogPruned(pruned) => {
                pruned.check(index)?;
                if self.pruned.is_some_and(|(_, before)| before.before >= pruned.before) {
                    return Err("it prunes less than the pruning before it".to_owned());
                }
                self.pruned = Some((index, *pruned));
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.same_config(config)
    }

    /// The configuration that a leaf names must be the newest. Where that one was pruned, the first leaf to name it is
    /// believed, and the others must agree.
    fn same_config(&mut self, said: Option<u64>) -> std::result::Result<(), String> {
        let known = match self.last_configuration {
            Some(was) => said == was,
            None => said.is_none_or(|index| index < self.base),
        };
        if !known {
            return Err("its prev_config_event is not the configuration before it".to_owned());
        }
        self.last_configuration = Some(said);
        Ok(())
    }

    fn new_id(&mut self, id: ReceiptId) -> std::result::Result<(), String> {
        if self.ids.insert(id) { Ok(()) } else { Err("its receipt id was used before".to_owned()) }
    }
}
