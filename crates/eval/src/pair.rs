//! Ours and the peers' own tools in turn, A B A B, each a process of its own.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Error;
use crate::definition::{Definition, EngineWorkload};
use crate::peer::{PeerFigures, parse_peer};
use crate::record::{Better, Figure};

/// Most that is kept of what a command prints, in bytes.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;
/// Characters of standard error that a message quotes.
const QUOTE_CHARS: usize = 1500;

/// One side of a comparison.
#[derive(Debug, Clone)]
pub struct Side {
    /// What figures call it.
    pub name: String,
    /// How to run it.
    pub command: SideCommand,
}

/// How a side is run.
#[derive(Debug, Clone)]
pub enum SideCommand {
    /// Program and arguments; ours, which is told the workloads with `--workload`.
    Own(Vec<std::ffi::OsString>),
    /// A line for the shell.
    Shell(String),
}

impl Side {
    /// The line without folders, for a record.
    pub fn shown(&self) -> String {
        match &self.command {
            SideCommand::Own(words) => {
                let words: Vec<String> =
                    words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                without_folders(&words.join(" "))
            }
            SideCommand::Shell(line) => without_folders(line),
        }
    }

    fn command(&self, workloads: &[&EngineWorkload]) -> Command {
        match &self.command {
            SideCommand::Own(words) => {
                let mut words = words.iter();
                let mut command = Command::new(words.next().map_or_else(Default::default, Clone::clone));
                command.args(words);
                for workload in workloads {
                    command.arg("--workload").arg(&workload.name);
                }
                command
            }
            SideCommand::Shell(line) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(line);
                command
            }
        }
    }

    /// Runs it once.
    fn measure(&self, workloads: &[&EngineWorkload], patience: Duration) -> Result<PeerFigures, Error> {
        let refuse = |reason: String| Error::Command { name: self.name.clone(), reason };
        let (status, out, err) = run(self.command(workloads), patience).map_err(refuse)?;
        let quote = || {
            let skip = err.chars().count().saturating_sub(QUOTE_CHARS);
            err.chars().skip(skip).collect::<String>()
        };
        match status {
            None => {
                let reason =
                    format!("took longer than {} s and was ended; it said:\n{}", patience.as_secs(), quote());
                Err(refuse(reason))
            }
            Some(status) if !status.success() => {
                Err(refuse(format!("ended with {status}; it said:\n{}", quote())))
            }
            Some(_) => parse_peer(&out).map_err(|reason| refuse(format!("{reason}\nit said:\n{}", quote()))),
        }
    }
}

/// Measures `ours` and each peer in turn, `rounds` times. Workloads that only one side has are left out after the first
/// round. Gives figures and notes.
///
/// # Errors
/// [`Error::Command`] when a side fails, says nothing, or leaves out in one round what it had in the first.
pub fn run_pair(
    ours: &Side,
    peers: &[Side],
    definition: &Definition<EngineWorkload>,
    rounds: u32,
    patience: Duration,
    say: &mut dyn FnMut(&str),
) -> Result<(Vec<Figure>, Vec<String>), Error> {
    let mut wanted: Vec<&EngineWorkload> =
        definition.workloads.iter().map(|(_, workload)| workload).collect();
    let mut values: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    let mut notes = Vec::new();
    let sides: Vec<&Side> = std::iter::once(ours).chain(peers).collect();
    for round in 0..rounds {
        let mut found = Vec::new();
        for side in &sides {
            say(&format!("round {} of {rounds}: {}", round + 1, side.name));
            let began = Instant::now();
            let figures = side.measure(&wanted, patience)?;
            say(&shown(&figures, began.elapsed()));
            found.push(figures);
        }
        if round == 0 {
            (wanted, notes) = comparable(&wanted, &found);
            if wanted.is_empty() {
                let names =
                    found.iter().skip(1).flat_map(PeerFigures::keys).cloned().collect::<Vec<_>>().join(", ");
                let reason = format!("no workload is measured by both sides; the peers have {names}");
                return Err(Error::Command { name: ours.name.clone(), reason });
            }
            notes.iter().for_each(|note| say(note));
        }
        for (side, figures) in found.iter().enumerate() {
            for (place, workload) in wanted.iter().enumerate() {
                match value(workload, figures) {
                    Some(value) => values.entry((place, side)).or_default().push(value),
                    // A peer may lack a workload that another peer has, but not now and then.
                    None if round == 0 || !values.contains_key(&(place, side)) => {}
                    None => {
                        let name = sides.get(side).map(|side| side.name.clone()).unwrap_or_default();
                        let reason = format!("round {} has no figure for {}", round + 1, workload.name);
                        return Err(Error::Command { name, reason });
                    }
                }
            }
        }
    }
    let figures = values.into_iter().filter_map(|((place, side), runs)| {
        let (workload, side) = (wanted.get(place)?, sides.get(side)?);
        Some(Figure::new(&workload.name, "throughput", "tokens/s", Better::Higher, &side.name, runs))
    });
    Ok((figures.collect(), notes))
}

/// The figure of a workload under its own name (a record of ours) or under the peer's.
fn value(workload: &EngineWorkload, figures: &PeerFigures) -> Option<f64> {
    figures.get(&workload.name).or_else(|| figures.get(workload.peer.as_ref()?)).copied()
}

/// The workloads that ours and at least one peer have, and what to say of the others.
fn comparable<'a>(
    wanted: &[&'a EngineWorkload],
    found: &[PeerFigures],
) -> (Vec<&'a EngineWorkload>, Vec<String>) {
    let Some((ours, peers)) = found.split_first() else { return Default::default() };
    let has = |workload: &EngineWorkload| {
        value(workload, ours).is_some() && peers.iter().any(|peer| value(workload, peer).is_some())
    };
    let (kept, left): (Vec<_>, Vec<_>) = wanted.iter().copied().partition(|workload| has(workload));
    let notes = left.iter().map(|workload| {
        let who = if value(workload, ours).is_some() { "no peer has it" } else { "ours does not have it" };
        format!("{} was left out: {who}", workload.name)
    });
    (kept, notes.collect())
}

fn shown(figures: &PeerFigures, took: Duration) -> String {
    let figures: Vec<String> = figures.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
    format!("    {} tokens/s ({:.0} s)", figures.join(", "), took.as_secs_f64())
}

/// Runs a command to its end or for `patience`: its status (`None` when it was ended), standard output and standard error.
fn run(mut command: Command, patience: Duration) -> Result<(Option<ExitStatus>, String, String), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
    let out = child.stdout.take().map(read_all);
    let err = child.stderr.take().map(read_all);
    let deadline = Instant::now() + patience;
    let status = loop {
        // Asking now and then costs the process that is measured nothing.
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
            Ok(None) | Err(_) => {
                end(&mut child);
                break None;
            }
        }
    };
    let text = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
        let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok((status, text(out), text(err)))
}

/// Ends a child with everything it started.
fn end(child: &mut std::process::Child) {
    #[cfg(unix)]
    {
        let group = rustix::process::Pid::from_child(child);
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads to the end, so that the writer never waits, and keeps the first [`OUTPUT_BYTES_MAX`].
fn read_all(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        // What cannot be read is not there; the parser says what is missing.
        let _ = from.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut kept);
        let _ = std::io::copy(&mut from, &mut std::io::sink());
        kept
    })
}

/// Each word of a line after its last slash: records hold no folder of anybody's machine.
fn without_folders(line: &str) -> String {
    let mut shown = String::new();
    let mut word = String::new();
    for c in line.chars() {
        match c {
            '/' => word.clear(),
            c if c.is_whitespace() || "'\"=;".contains(c) => {
                shown.push_str(&word);
                shown.push(c);
                word.clear();
            }
            c => word.push(c),
        }
    }
    shown + &word
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn shell(name: &str, line: &str) -> Side {
        Side { name: name.to_owned(), command: SideCommand::Shell(line.to_owned()) }
    }

    fn line(prompt: u32, new: u32, speed: f64) -> String {
        format!("echo '{{\"n_prompt\":{prompt},\"n_gen\":{new},\"avg_ts\":{speed}}}'")
    }

    fn definition() -> Definition<EngineWorkload> {
        Definition::load::<&std::path::Path>(&[]).unwrap()
    }

    fn pair(ours: &Side, peers: &[Side], rounds: u32) -> Result<(Vec<Figure>, Vec<String>), Error> {
        run_pair(ours, peers, &definition(), rounds, PATIENCE, &mut |_| ())
    }

    #[test]
    fn sides_take_turns_and_figures_are_paired() {
        let dir = tempfile::tempdir().unwrap();
        let order = dir.path().join("order");
        let ours = format!("echo a >> {}; {}; {}", order.display(), line(512, 0, 20.0), line(0, 128, 4.0));
        let peer = format!("echo b >> {}; {}", order.display(), line(512, 0, 10.0));
        let (figures, notes) = pair(&shell("ours", &ours), &[shell("peer", &peer)], 3).unwrap();
        assert_eq!(std::fs::read_to_string(order).unwrap(), "a\nb\na\nb\na\nb\n");
        assert_eq!(figures.len(), 2);
        assert_eq!((figures[0].system.as_str(), figures[0].runs.as_slice()), ("ours", &[20.0; 3][..]));
        assert_eq!(crate::record::ratios("ours", &figures)[0].runs, [2.0; 3]);
        assert!(notes.contains(&"tg128 was left out: no peer has it".to_owned()), "{notes:?}");
        assert!(notes.contains(&"copy was left out: ours does not have it".to_owned()), "{notes:?}");
    }

    #[test]
    fn what_goes_wrong_is_named() {
        let good = shell("good", &line(512, 0, 20.0));
        let refused = |line: &str| pair(&good, &[shell("bad", line)], 1).unwrap_err().to_string();
        let failed = refused("echo no model >&2; exit 3");
        assert!(
            failed.starts_with("bad: ended with exit status: 3") && failed.contains("no model"),
            "{failed}"
        );
        assert!(refused("echo '| model |'").contains("-o json"));
        assert!(refused(&line(99, 0, 1.0)).contains("the peers have pp99"));
        let (peers, set) = ([shell("slow", "sleep 600 & wait")], definition());
        let slow = run_pair(&good, &peers, &set, 1, Duration::from_millis(300), &mut |_| ()).unwrap_err();
        assert!(slow.to_string().contains("took longer than"), "{slow}");
    }

    #[test]
    fn a_figure_that_goes_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let once = dir.path().join("once");
        let second = format!("test -e {0} || {1}; touch {0}", once.display(), line(0, 128, 9.0));
        let both = format!("{}; {}", line(512, 0, 20.0), line(0, 128, 4.0));
        let peer = shell("peer", &format!("{}; {second}", line(512, 0, 20.0)));
        let refused = pair(&shell("ours", &both), &[peer], 2).unwrap_err().to_string();
        assert_eq!(refused, "peer: round 2 has no figure for tg128");
    }

    #[test]
    fn no_folder_is_recorded() {
        let shown = without_folders("A=/x/y bench -m '/some where/m.gguf' --x=/a/b/c; ./run");
        assert_eq!(shown, "A=y bench -m 'some m.gguf' --x=c; run");
    }
}
