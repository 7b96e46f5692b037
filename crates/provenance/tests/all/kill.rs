//! `kill -9` in the middle of work: a child process appends and says what was acknowledged, then dies.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use provenance::{Leaf, Log, LogOptions, ReceiptId, show, tree::leaf_hash, verify};

use crate::samples::{ORIGIN, block_on, configuration, folder, intent, outcome, subject};

const CHILD: &str = "PROVENANCE_KILL_CHILD";

fn say(index: u64, hash: &[u8]) {
    let line = format!("\nack {index} {}\n", hex::encode(hash));
    // One write a line, past the test harness's capture.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Runs only in the child.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = Path::new(&dir);
    let mut options = LogOptions::new(ORIGIN);
    options.publish_every = Duration::from_millis(2);
    let (log, _) = Log::open(dir, options).unwrap();
    let key = subject(dir).request_key(&ReceiptId([0; 16]));
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (log, key) = (log.clone(), key.clone());
            scope.spawn(move || {
                loop {
                    let request = block_on(log.admit(intent(ReceiptId::random().unwrap()))).unwrap();
                    say(request.intent().index, &request.intent().leaf_hash);
                    let alone = log.append(configuration()).unwrap().blocking_wait().unwrap();
                    say(alone.index, &alone.leaf_hash);
                    if worker % 2 == 0 {
                        let receipt = block_on(request.seal(outcome(), &key)).unwrap();
                        let sealed = &receipt.leaves[1];
                        say(sealed.index, &leaf_hash(sealed.leaf.as_bytes()));
                    }
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let dir = folder();
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = acknowledged.len() + 60 + round * 17;
        let mut take = |line: String| {
            let mut words = line.split(' ');
            if let (Some("ack"), Some(index), Some(hash)) = (words.next(), words.next(), words.next())
                && hash.len() == 64
            {
                acknowledged.push((index.parse::<usize>().unwrap(), hash.to_owned()));
            }
            acknowledged.len()
        };
        while let Some(Ok(line)) = lines.next() {
            if take(line) >= enough {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| _ = take(line));

        let (log, recovery) = Log::open(dir.path(), LogOptions::new(ORIGIN)).unwrap();
        log.shutdown();
        let report = verify(dir.path(), log.verifier_key(), None).unwrap();
        assert!(report.open.is_empty() && report.unfinished_bytes == 0);
        assert_eq!(report.events["intent"], report.events["outcome"]);
        let mut hashes = Vec::new();
        let mut aborted = 0;
        show(dir.path(), |leaf| {
            hashes.push(hex::encode(leaf_hash(leaf.json.as_bytes())));
            let Leaf::Outcome(outcome) = leaf.entry.leaf else { return true };
            aborted += usize::from(recovery.aborted.contains(&outcome.id));
            true
        })
        .unwrap();
        assert_eq!(aborted, recovery.aborted.len());
        for (index, hash) in &acknowledged {
            assert_eq!(&hashes[*index], hash, "leaf {index}");
        }
    }
    assert!(acknowledged.len() >= 360);
}
