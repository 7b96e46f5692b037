//! Data subjects: a key each, found by it, and gone with it, whatever the disk does meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use provenance::{
    AdminRead, AdminRef, DataSubject, DataSubjectRef, DataSubjectType, Denied, Entry, Error, KeyRing, Leaf,
    Pseudonym, SubjectFiles, SubjectFolder, VerifierKey, about, erasure_sealed, verify,
};
use zeroize::Zeroizing;

use crate::samples::{block_on, denied, folder, id, intent, name, open, outcome};

const BY: AdminRef = AdminRef { uid: 1000 };

fn person(number: usize) -> DataSubject {
    DataSubject::new(DataSubjectType::Klantnummer, &format!("K-{number}")).unwrap()
}

fn ring(dir: &Path) -> KeyRing {
    KeyRing::open(&dir.join("subject-keys.json")).unwrap()
}

fn pseudonyms(ring: &KeyRing, who: &DataSubject) -> Vec<(u32, Pseudonym)> {
    ring.find_data_subject(who).unwrap().iter().map(|key| (key.epoch, key.pseudonym())).collect()
}

fn erase(ring: &KeyRing, who: &DataSubject) -> u64 {
    let Some(plan) = ring.plan_erasure(who, 0, BY).unwrap() else { return 0 };
    ring.carry_out(&plan).unwrap();
    ring.end_erasure().unwrap();
    plan.keys()
}

/// The one key file of epoch 7.
fn only_file(dir: &Path) -> std::path::PathBuf {
    fs::read_dir(dir.join("subject-keys.d/7")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn identifiers_have_a_shape_and_errors_do_not_repeat_them() {
    use DataSubjectType::{Bsn, Klantnummer, Kvk, Other, System};
    for (kind, typed, kept) in [
        (Bsn, " 1112.22.333 ", "111222333"),
        (Bsn, "12345678", "012345678"),
        (Kvk, "1234 5678", "12345678"),
        (Klantnummer, "K-12/ab", "K-12/ab"),
        (System, "batch.nightly", "batch.nightly"),
        (Other, "jan@example.nl", "jan@example.nl"),
    ] {
        assert_eq!(DataSubject::new(kind, typed).unwrap().id(), kept);
    }
    for (kind, wrong) in [
        (Bsn, "1234567"),
        (Bsn, "qqqqqqqqq"),
        (Kvk, "123456789"),
        (Other, ""),
        (Other, "qq qq"),
        (Other, "qq,qq"),
    ] {
        let Err(error) = DataSubject::new(kind, wrong) else { panic!("{wrong} is taken") };
        assert!(matches!(error, Error::DataSubject { .. }) && !error.to_string().contains("qq"), "{error}");
    }
    assert!(DataSubject::new(Other, &"q".repeat(129)).is_err());
}

#[test]
fn each_has_a_key_of_their_own_in_a_file_of_its_own() {
    let dir = folder();
    let keys = ring(dir.path());
    let one = keys.data_subject(7, &person(1)).unwrap();
    assert_eq!(keys.data_subject(7, &person(1)).unwrap().pseudonym(), one.pseudonym());
    let same_digits = DataSubject::new(DataSubjectType::Other, "K-1").unwrap();
    for other in [
        keys.data_subject(7, &person(2)).unwrap(),
        keys.data_subject(8, &person(1)).unwrap(),
        keys.data_subject(7, &same_digits).unwrap(),
        keys.actor(7, "klantnummer\0K-1").unwrap(),
    ] {
        assert_ne!(other.pseudonym(), one.pseudonym());
    }
    // The commitments of a request need the keys of everybody it is about.
    let actor = || keys.actor(7, "somebody").unwrap().request_key(&id(1));
    let bound = actor().bound_to(&one, &id(1));
    assert_ne!(bound.to_hex(), actor().to_hex());
    let two = keys.data_subject(7, &person(2)).unwrap();
    assert_ne!(actor().bound_to(&two, &id(1)).to_hex(), bound.to_hex());
    assert_eq!(actor().bound_to(&one, &id(1)).to_hex(), bound.to_hex());
    let files = dir.path().join("subject-keys.d/7");
    assert_eq!(fs::read_dir(&files).unwrap().count(), 3);
    for file in fs::read_dir(&files).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!file.file_name().to_str().unwrap().contains("K-"));
    }
}

/// Another name of the same blocks shows what is left in them.
#[test]
fn erasing_overwrites_the_key_and_nobody_elses() {
    let dir = folder();
    let keys = ring(dir.path());
    let mine = keys.data_subject(7, &person(1)).unwrap().pseudonym();
    let file = only_file(dir.path());
    let others = keys.data_subject(7, &person(2)).unwrap().pseudonym();
    let blocks = dir.path().join("blocks");
    fs::hard_link(&file, &blocks).unwrap();
    assert_eq!(fs::read(&blocks).unwrap().len(), 64);
    assert_eq!(erase(&keys, &person(1)), 1);
    assert_eq!(fs::read(&blocks).unwrap(), vec![0; 64]);
    assert!(!file.exists() && !dir.path().join("subject-keys.d/erasing").exists());
    let keys = ring(dir.path());
    assert_eq!(pseudonyms(&keys, &person(1)), []);
    assert_eq!(pseudonyms(&keys, &person(2)), [(7, others)]);
    assert_eq!(erase(&keys, &person(1)), 0);
    assert_ne!(keys.data_subject(7, &person(1)).unwrap().pseudonym(), mine);
}

#[test]
fn a_damaged_key_is_not_used_and_can_be_erased() {
    let dir = folder();
    let keys = ring(dir.path());
    keys.data_subject(7, &person(1)).unwrap();
    fs::write(only_file(dir.path()), [0; 64]).unwrap();
    assert!(matches!(keys.data_subject(7, &person(1)), Err(Error::KeyFile { .. })));
    assert!(matches!(keys.find_data_subject(&person(1)), Err(Error::KeyFile { .. })));
    assert_eq!(erase(&keys, &person(1)), 1);
    keys.data_subject(7, &person(1)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Against a map: whoever was named is found until erased, and no pseudonym ever comes twice.
    #[test]
    fn the_ring_is_a_map_that_forgets(acts in prop::collection::vec((0..3_usize, 0..4_usize, 0..3_u32), 1..40)) {
        let dir = folder();
        let mut keys = ring(dir.path());
        let mut model: BTreeMap<(usize, u32), Pseudonym> = BTreeMap::new();
        let mut ever = BTreeSet::new();
        for (act, who, epoch) in acts {
            match act {
                0 => {
                    let given = keys.data_subject(epoch, &person(who)).unwrap().pseudonym();
                    match model.insert((who, epoch), given) {
                        Some(known) => prop_assert_eq!(known, given),
                        None => prop_assert!(ever.insert(given), "a pseudonym came back"),
                    }
                }
                1 => {
                    let before = model.len();
                    model.retain(|(one, _), _| *one != who);
                    prop_assert_eq!(erase(&keys, &person(who)), (before - model.len()) as u64);
                }
                _ => keys = ring(dir.path()),
            }
            for who in 0..4 {
                let of = model.iter().filter(|((one, _), _)| *one == who);
                let wanted: Vec<_> = of.map(|((_, epoch), pseudonym)| (*epoch, *pseudonym)).collect();
                prop_assert_eq!(pseudonyms(&keys, &person(who)), wanted);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nothing reached the disk.
    NotPersisted,
    /// All of it did, and the answer was lost.
    Persisted,
    /// A key is overwritten in part and still has its name.
    Torn,
}

struct FaultyFiles {
    inner: SubjectFolder,
    dir: std::path::PathBuf,
    left: Arc<Mutex<usize>>,
    fault: Fault,
}

impl FaultyFiles {
    fn strikes(&self) -> bool {
        let mut left = self.left.lock().unwrap();
        let strikes = *left == 1;
        *left = left.saturating_sub(1);
        strikes
    }

    fn full(path: &str) -> Error {
        Error::Io { doing: "write", path: path.into(), why: "no space left on device".to_owned() }
    }
}

impl SubjectFiles for FaultyFiles {
    fn get(&self, path: &str) -> provenance::Result<Option<Zeroizing<String>>> {
        self.inner.get(path)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> provenance::Result<()> {
        if !self.strikes() {
            return self.inner.put(path, bytes);
        }
        if self.fault == Fault::Persisted {
            self.inner.put(path, bytes)?;
        }
        Err(Self::full(path))
    }

    fn wipe(&mut self, path: &str) -> provenance::Result<()> {
        if !self.strikes() {
            return self.inner.wipe(path);
        }
        match self.fault {
            Fault::NotPersisted => {}
            Fault::Persisted => self.inner.wipe(path)?,
            Fault::Torn => {
                let file = self.dir.join(path);
                let mut bytes = fs::read(&file).unwrap();
                let half = bytes.len() / 2;
                bytes[..half].fill(0);
                fs::write(&file, bytes).unwrap();
            }
        }
        Err(Self::full(path))
    }

    fn list(&self, folder: &str) -> provenance::Result<Vec<String>> {
        self.inner.list(folder)
    }
}

/// One erasure of three keys whose operation `at` fails. Returns whether it did.
fn one_fault(at: usize, fault: Fault) -> bool {
    let dir = folder();
    let healthy = ring(dir.path());
    (1..=3).for_each(|epoch| drop(healthy.data_subject(epoch, &person(1)).unwrap()));
    let other = healthy.data_subject(1, &person(2)).unwrap().pseudonym();
    let files = dir.path().join("subject-keys.d");
    let left = Arc::new(Mutex::new(at));
    let inner = SubjectFolder::new(files.clone());
    let faulty = FaultyFiles { inner, dir: files, left: Arc::clone(&left), fault };
    let keys = KeyRing::open_with(&dir.path().join("subject-keys.json"), Box::new(faulty)).unwrap();
    let done = keys.plan_erasure(&person(1), 3, BY).and_then(|plan| {
        keys.carry_out(&plan.expect("there are keys"))?;
        keys.end_erasure()
    });
    assert_eq!(done.is_err(), *left.lock().unwrap() == 0, "{at} {fault:?}");

    let next = ring(dir.path());
    match next.planned_erasure() {
        Ok(Some(plan)) => {
            assert_eq!((plan.keys(), plan.records), (3, 3));
            next.carry_out(&plan).unwrap();
            next.end_erasure().unwrap();
            assert_eq!(pseudonyms(&next, &person(1)), [], "{at} {fault:?}");
        }
        // No plan: not begun, or finished to its end.
        Ok(None) => {
            let whole = at == 1 && fault == Fault::NotPersisted;
            assert_eq!(pseudonyms(&next, &person(1)).len(), if whole { 3 } else { 0 }, "{at} {fault:?}");
        }
        Err(error) => panic!("{at} {fault:?}: {error}"),
    }
    assert!(next.planned_erasure().unwrap().is_none());
    assert_eq!(pseudonyms(&next, &person(2)), [(1, other)]);
    done.is_err()
}

/// Plan, three keys, end of the plan: each fails once in every way. Afterwards the person is either whole, and was told so,
/// or the next start finishes the erasure.
#[test]
fn an_erasure_that_fails_anywhere_is_finished_or_was_not_begun() {
    let mut struck = 0;
    for at in 1..=6 {
        struck +=
            usize::from(one_fault(at, Fault::NotPersisted)) + usize::from(one_fault(at, Fault::Persisted));
    }
    for at in 2..=4 {
        struck += usize::from(one_fault(at, Fault::Torn));
    }
    assert_eq!(struck, 13, "the sixth operation is one too many, and all others fail");
}

#[test]
fn a_plan_that_cannot_be_read_or_is_not_finished_stops_the_next() {
    let dir = folder();
    let keys = ring(dir.path());
    keys.data_subject(7, &person(1)).unwrap();
    keys.plan_erasure(&person(1), 1, BY).unwrap().unwrap();
    assert!(matches!(keys.plan_erasure(&person(1), 1, BY), Err(Error::KeyFile { .. })));
    fs::write(dir.path().join("subject-keys.d/erasing"), "{\"v\":").unwrap();
    assert!(matches!(keys.planned_erasure(), Err(Error::KeyFile { .. })));
}

/// What the log has about two persons, one of them named second, and what it has when one is erased.
#[test]
fn records_are_found_with_their_outcomes_and_the_log_holds_without_the_keys() {
    let dir = folder();
    let keys = ring(dir.path());
    let [one, two] = [1, 2].map(|n| keys.data_subject(692, &person(n)).unwrap().pseudonym());
    let log_dir = dir.path().join("log");
    let (log, _) = open(&log_dir);
    let about_both = |mut request: provenance::RequestFacts| {
        request.data_subject_pseudonym = Some(one);
        request.data_subject_type = Some(name("klantnummer"));
        let r#type = DataSubjectType::Klantnummer;
        request.other_data_subjects = vec![DataSubjectRef { pseudonym: two, r#type }];
        request
    };
    let mut both = intent(id(1));
    both.request = about_both(both.request);
    let nobody = block_on(log.admit(intent(id(2)))).unwrap();
    let open_request = block_on(log.admit(both)).unwrap();
    let key = keys.actor(692, "someone").unwrap().request_key(&id(1));
    block_on(nobody.seal(outcome(), &key)).unwrap();
    let receipt = block_on(open_request.seal(outcome(), &key)).unwrap();
    let refused = denied(id(3));
    let refused = Denied { request: about_both(refused.request), ..refused };
    let read = AdminRead { by: BY, what: name("subject_find"), records: 2, pseudonym: Some(two) };
    for leaf in [Leaf::Denied(Box::new(refused)), Leaf::AdminRead(read)] {
        log.append(leaf).unwrap().blocking_wait().unwrap();
    }
    let found = |who| about(&log_dir, &BTreeSet::from([who])).unwrap();
    let events = |who| found(who).iter().map(|leaf| leaf.entry.leaf.event()).collect::<Vec<_>>();
    assert_eq!(events(one), ["intent", "denied"]);
    assert_eq!(events(two), ["intent", "denied", "admin_read"]);
    assert_eq!(found(one)[0].outcome.as_ref().unwrap().1, outcome());
    assert_eq!(found(one)[0].request().unwrap().id, id(1));
    assert!(found(Pseudonym([1; 32])).is_empty());

    let plan = keys.plan_erasure(&person(1), 2, BY).unwrap().unwrap();
    keys.carry_out(&plan).unwrap();
    assert!(!erasure_sealed(&log_dir, &plan.id).unwrap());
    let text = log.append(plan.leaf()).unwrap().blocking_wait().unwrap().entry;
    assert!(erasure_sealed(&log_dir, &plan.id).unwrap());
    assert!(!text.contains(&one.to_hex()) && text.contains("\"event\":\"subject_erased\""), "{text}");
    log.shutdown();
    let vkey = VerifierKey::parse(&fs::read_to_string(log_dir.join("log.vkey")).unwrap()).unwrap();
    verify(&log_dir, &vkey, None).unwrap();
    receipt.verify(&vkey).unwrap();
    assert!(pseudonyms(&keys, &person(1)).is_empty() && !pseudonyms(&keys, &person(2)).is_empty());
}

/// A record of before there could be several, and one that names others and no first.
#[test]
fn records_without_data_subjects_read_as_before() {
    let mut plain = intent(id(1));
    plain.request.data_subject_pseudonym = None;
    plain.request.data_subject_type = None;
    let entry = |intent| Entry { v: 1, seq: 7, ts_ms: 1, leaf: Leaf::Intent(Box::new(intent)) };
    let bytes = entry(plain.clone()).encode().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("data_subject"));
    assert_eq!(Entry::parse(&bytes).unwrap(), entry(plain.clone()));
    let other = DataSubjectRef { pseudonym: Pseudonym([1; 32]), r#type: DataSubjectType::Bsn };
    plain.request.other_data_subjects = vec![other];
    assert!(matches!(entry(plain).encode(), Err(Error::Leaf { field: "other_data_subjects", .. })));
}

/// Keys of pruned epochs go, each wiped; whatever write fails, another call does the rest, and other epochs keep theirs.
#[test]
fn keys_of_pruned_epochs_are_destroyed() {
    for fault in [Fault::NotPersisted, Fault::Persisted, Fault::Torn] {
        for at in 0..5 {
            let dir = folder();
            let healthy = ring(dir.path());
            for epoch in 1..=4 {
                (1..=2).for_each(|who| drop(healthy.data_subject(epoch, &person(who)).unwrap()));
                healthy.actor(epoch, "someone").unwrap();
            }
            let kept = pseudonyms(&healthy, &person(1));
            drop(healthy);
            let files = dir.path().join("subject-keys.d");
            let left = Arc::new(Mutex::new(at));
            let inner = SubjectFolder::new(files.clone());
            let faulty = FaultyFiles { inner, dir: files.clone(), left, fault };
            let keys = KeyRing::open_with(&dir.path().join("subject-keys.json"), Box::new(faulty)).unwrap();
            let first = keys.destroy_before(3);
            assert_eq!(first.is_err(), at != 0, "{fault:?} at {at}");
            keys.destroy_before(3).unwrap();
            assert_eq!(keys.destroy_before(3).unwrap(), 0);
            for keys in [keys, ring(dir.path())] {
                assert_eq!(pseudonyms(&keys, &person(1)), kept[2..]);
                assert!(keys.find_actor(2, "someone").is_none() && keys.find_actor(3, "someone").is_some());
            }
            let there = |epoch: u32| fs::read_dir(files.join(epoch.to_string())).unwrap().count();
            assert_eq!([1, 2, 3, 4].map(there), [0, 0, 2, 2]);
        }
    }
}
