//! Who owns which page of the KV cache. Only page numbers travel; the pages themselves belong to the model runner.
//!
//! A page is free, owned (by one sequence, or by several that share a prefix) or cached (owned by none, kept for a while because
//! its content is known by hash). Free + owned + cached = total, always.
//!
//! A page is shared whole or not at all. To copy one and go on in its middle would save a request 15 positions on average,
//! once, and let who measures first tokens guess a colleague's prompt one token at a time (`decisions/0005`).

use crate::sequence::PageHash;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Positions in a page.
pub(crate) const PAGE_TOKENS: usize = 32;

/// The number of a page, below the manager's total.
pub(crate) type PageId = u32;

#[derive(Default)]
struct Page {
    /// Sequences whose block table names this page.
    owners: u32,
    /// Set when the page is full and its content is known.
    hash: Option<PageHash>,
    /// Its turn among the released; the key in `cached`.
    released_at: u64,
    /// When that was.
    released: Option<Instant>,
}

/// Pages by number, and what is known of them.
pub(crate) struct BlockManager {
    pages: Vec<Page>,
    free: Vec<PageId>,
    /// Unowned pages with known content, oldest release first.
    cached: BTreeMap<u64, PageId>,
    by_hash: HashMap<PageHash, PageId>,
    /// Pages whose content nobody may see again; the runner wipes them before the next step.
    to_wipe: Vec<PageId>,
    clock: u64,
    /// How long a cached page is kept.
    lifetime: Duration,
}

impl BlockManager {
    /// All `total` pages free. What is cached is kept for `lifetime`.
    pub(crate) fn new(total: u32, lifetime: Duration) -> Self {
        BlockManager {
            pages: (0..total).map(|_| Page::default()).collect(),
            free: (0..total).rev().collect(),
            cached: BTreeMap::new(),
            by_hash: HashMap::new(),
            to_wipe: Vec::new(),
            clock: 0,
            lifetime,
        }
    }

    /// Pages there are.
    pub(crate) fn total(&self) -> usize {
        self.pages.len()
    }

    /// Pages that hold nothing.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    /// Pages kept for their content and owned by none.
    pub(crate) fn cached(&self) -> usize {
        self.cached.len()
    }

    /// Pages `allocate` can still give: the free ones, then the cached ones.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.cached.len()
    }

    /// How many of the leading `hashes` are present.
    pub(crate) fn match_prefix(&self, hashes: &[PageHash]) -> usize {
        hashes.iter().take_while(|hash| self.by_hash.contains_key(*hash)).count()
    }

    /// Becomes an owner of the page with this content, if there is one.
    pub(crate) fn share(&mut self, hash: &PageHash) -> Option<PageId> {
        let id = *self.by_hash.get(hash)?;
        let page = self.pages.get_mut(id as usize)?;
        if page.owners == 0 {
            self.cached.remove(&page.released_at);
        }
        page.owners += 1;
        Some(id)
    }

    /// An empty page with one owner; evicts the page released longest ago when none is free.
    pub(crate) fn allocate(&mut self) -> Option<PageId> {
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                let (_, id) = self.cached.pop_first()?;
                if let Some(hash) = self.pages.get_mut(id as usize).and_then(|page| page.hash.take()) {
                    self.by_hash.remove(&hash);
                }
                self.to_wipe.push(id);
                id
            }
        };
        self.pages.get_mut(id as usize)?.owners = 1;
        Some(id)
    }

    /// Makes the content of a full page known. A second page with the same content stays unknown.
    pub(crate) fn publish(&mut self, id: PageId, hash: PageHash) {
        let Some(page) = self.pages.get_mut(id as usize) else { return };
        if page.hash.is_none() && !self.by_hash.contains_key(&hash) {
            page.hash = Some(hash);
            self.by_hash.insert(hash, id);
        }
    }

    /// Gives up one owner's pages, the last first, so that a prefix outlives its continuations.
    ///
    /// # Panics
    /// When a page had no owner: a page released twice is a fault, and the engine stops on it.
    pub(crate) fn release(&mut self, table: &mut Vec<PageId>) {
        while let Some(id) = table.pop() {
            let Some(page) = self.pages.get_mut(id as usize) else { continue };
            assert!(page.owners > 0, "page {id} released without an owner");
            page.owners -= 1;
            if page.owners > 0 {
                continue;
            }
            if page.hash.is_some() {
                self.clock += 1;
                page.released_at = self.clock;
                page.released = Some(Instant::now());
                self.cached.insert(self.clock, id);
            } else {
                self.free.push(id);
                self.to_wipe.push(id);
            }
        }
    }

    /// When the page that has been cached longest has had its time; `None` when none is cached.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        let (_, id) = self.cached.first_key_value()?;
        self.pages.get(*id as usize)?.released?.checked_add(self.lifetime)
    }

    /// Frees the cached pages that have had their time at `now`.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.expires_at().is_some_and(|at| at <= now) {
            let Some((_, id)) = self.cached.pop_first() else { return };
            if let Some(hash) = self.pages.get_mut(id as usize).and_then(|page| page.hash.take()) {
                self.by_hash.remove(&hash);
            }
            self.free.push(id);
            self.to_wipe.push(id);
        }
    }

    /// Pages to wipe before anything is written to them, once.
    pub(crate) fn take_wipes(&mut self) -> Vec<PageId> {
        std::mem::take(&mut self.to_wipe)
    }

    /// The conservation law, counted page by page.
    ///
    /// # Panics
    /// When free + owned + cached differs from total, or a page is in two places.
    pub(crate) fn assert_conserved(&self) {
        let owned = self.pages.iter().filter(|page| page.owners > 0).count();
        assert_eq!(
            self.free.len() + owned + self.cached.len(),
            self.pages.len(),
            "pages were lost or doubled"
        );
        let known = self.pages.iter().filter(|page| page.hash.is_some()).count();
        assert_eq!(known, self.by_hash.len(), "known pages and their hashes differ");
        let unowned = |id: &PageId| self.pages.get(*id as usize).is_some_and(|page| page.owners == 0);
        assert!(
            self.free.iter().all(unowned) && self.cached.values().all(unowned),
            "an unowned page has an owner"
        );
    }

    /// The law when nothing runs: besides, nothing is owned.
    ///
    /// # Panics
    /// When a page is still owned, or the law is broken.
    pub(crate) fn assert_idle(&self) {
        self.assert_conserved();
        assert_eq!(self.available(), self.total(), "a page is owned though nothing runs");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Debug, Clone)]
    enum Op {
        Allocate(usize),
        Publish(usize, u8),
        Share(usize, u8),
        Release(usize),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0..4usize).prop_map(Op::Allocate),
            (0..4usize, 0..12u8).prop_map(|(t, h)| Op::Publish(t, h)),
            (0..4usize, 0..12u8).prop_map(|(t, h)| Op::Share(t, h)),
            (0..4usize).prop_map(Op::Release),
        ]
    }

    /// The naive model: tables of (page, content), a list of cached contents in order of release.
    #[derive(Default)]
    struct Naive {
        tables: [Vec<PageId>; 4],
        content: BTreeMap<PageId, u8>,
        cached: Vec<PageId>,
    }

    impl Naive {
        fn owned(&self) -> BTreeSet<PageId> {
            self.tables.iter().flatten().copied().collect()
        }

        fn release(&mut self, t: usize) {
            while let Some(id) = self.tables[t].pop() {
                if !self.owned().contains(&id) && self.content.contains_key(&id) {
                    self.cached.push(id);
                }
            }
        }
    }

    fn hash(content: u8) -> PageHash {
        [content; 32]
    }

    fn apply(op: &Op, manager: &mut BlockManager, naive: &mut Naive) {
        match *op {
            Op::Allocate(t) => {
                let room = naive.owned().len() < manager.total();
                let evict = naive.owned().len() + naive.cached.len() == manager.total();
                let got = manager.allocate();
                assert_eq!(got.is_some(), room);
                if let Some(id) = got {
                    assert!(!naive.owned().contains(&id), "an owned page was given away");
                    if evict {
                        assert_eq!(id, naive.cached.remove(0), "not the page released longest ago");
                        assert!(manager.take_wipes().contains(&id), "an evicted page keeps its content");
                    }
                    naive.content.remove(&id);
                    naive.tables[t].push(id);
                }
            }
            Op::Publish(t, content) => {
                if let Some(&id) = naive.tables[t].last() {
                    manager.publish(id, hash(content));
                    if !naive.content.contains_key(&id) && !naive.content.values().any(|c| *c == content) {
                        naive.content.insert(id, content);
                    }
                }
            }
            Op::Share(t, content) => {
                let expected = naive.content.iter().find(|(_, c)| **c == content).map(|(id, _)| *id);
                assert_eq!(manager.match_prefix(&[hash(content)]), usize::from(expected.is_some()));
                let got = manager.share(&hash(content));
                assert_eq!(got, expected);
                if let Some(id) = got {
                    naive.cached.retain(|c| *c != id);
                    naive.tables[t].push(id);
                }
            }
            Op::Release(t) => {
                let mut table = naive.tables[t].clone();
                manager.release(&mut table);
                naive.release(t);
            }
        }
    }

    proptest! {
        /// Against the naive model, after every operation.
        #[test]
        fn pages_are_conserved(total in 1..9u32, ops in prop::collection::vec(op(), 0..80)) {
            let mut manager = BlockManager::new(total, Duration::MAX);
            let mut naive = Naive::default();
            for op in &ops {
                apply(op, &mut manager, &mut naive);
                manager.assert_conserved();
                prop_assert_eq!(manager.cached(), naive.cached.len());
                prop_assert_eq!(manager.available(), total as usize - naive.owned().len());
            }
            for t in 0..4 {
                manager.release(&mut naive.tables[t].clone());
                naive.tables[t].clear();
            }
            manager.assert_idle();
        }
    }

    #[test]
    fn a_cached_page_has_its_time_and_is_wiped() {
        let lifetime = Duration::from_secs(60);
        let mut manager = BlockManager::new(3, lifetime);
        let (first, second) = (manager.allocate().unwrap(), manager.allocate().unwrap());
        manager.publish(first, hash(1));
        manager.publish(second, hash(2));
        assert_eq!(manager.expires_at(), None, "what is owned does not expire");
        manager.release(&mut vec![first]);
        manager.release(&mut vec![second]);
        let at = manager.expires_at().unwrap();
        assert_eq!(manager.share(&hash(2)), Some(second));
        manager.expire(at - Duration::from_millis(1));
        assert_eq!((manager.cached(), manager.take_wipes()), (1, Vec::new()));
        manager.expire(at);
        assert_eq!((manager.cached(), manager.take_wipes()), (0, vec![first]));
        assert_eq!(manager.match_prefix(&[hash(1)]), 0, "nobody finds it any more");
        assert_eq!(manager.match_prefix(&[hash(2)]), 1, "what somebody uses stays");
        manager.assert_conserved();
        manager.release(&mut vec![second]);
        manager.assert_idle();
    }

    #[test]
    #[should_panic(expected = "released without an owner")]
    fn a_page_released_twice_is_a_fault() {
        let mut manager = BlockManager::new(2, Duration::MAX);
        let id = manager.allocate().unwrap();
        manager.release(&mut vec![id, id]);
    }
}
