//! A record: what was measured, by what, on what, with every run's figure. JSON, one file a measurement.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::machine::{Build, Machine};
use crate::statistics::Summary;

/// Version of the format that this build writes and reads.
const SCHEMA: u32 = 1;
/// Largest record that is read, in bytes.
const RECORD_BYTES_MAX: u64 = 64 << 20;
/// The name of this project's side in figures.
pub const OURS: &str = "proeftuin";

/// A measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the format.
    pub schema: u32,
    /// `engine`, `pair`, `server` or `fidelity`.
    pub suite: String,
    /// When it was finished, RFC 3339 in UTC.
    pub taken: String,
    /// Where.
    pub machine: Machine,
    /// By which build of ours; its ISA is the one in use.
    pub build: Build,
    /// Which model, when the measuring side knows it.
    pub model: Option<ModelFacts>,
    /// Threads of our engine, when it ran in this process or was told.
    pub threads: Option<usize>,
    /// SHA-256 over the definition files, in hex.
    pub definition_sha256: Option<String>,
    /// What was measured, ours first.
    pub systems: Vec<System>,
    /// Every figure.
    pub figures: Vec<Figure>,
    /// Ours against each peer, pair by pair.
    pub ratios: Vec<Ratio>,
    /// What a reader must know: workloads left out, a model nobody approved.
    pub notes: Vec<String>,
}

/// A model by its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFacts {
    /// Its id, or the file's name without folders.
    pub name: String,
    /// What the file hashes to, in hex.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
}

/// One of the systems measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// As figures name it.
    pub name: String,
    /// As given; "unknown" when not.
    pub version: String,
    /// How it was run, its folders left out.
    pub command: Option<String>,
}

/// Which way is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One quantity of one system in one workload, run by run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The workload's name.
    pub workload: String,
    /// What was measured.
    pub metric: String,
    /// In what.
    pub unit: String,
    /// Which way is ahead.
    pub better: Better,
    /// Of which system.
    pub system: String,
    /// Each run's value, in order.
    pub runs: Vec<f64>,
    /// Of the runs; `None` when there are none.
    pub summary: Option<Summary>,
}

impl Figure {
    /// A figure with its summary.
    pub fn new(
        workload: &str,
        metric: &str,
        unit: &str,
        better: Better,
        system: &str,
        runs: Vec<f64>,
    ) -> Self {
        Figure {
            workload: workload.to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            better,
            system: system.to_owned(),
            summary: Summary::of(&runs),
            runs,
        }
    }

    /// Our tokens a second.
    pub(crate) fn throughput(workload: &str, runs: Vec<f64>) -> Self {
        Figure::new(workload, "throughput", "tokens/s", Better::Higher, OURS, runs)
    }
}

/// Ours against a peer in one workload and metric. Above 1 is ahead, whichever way the metric goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The workload's name.
    pub workload: String,
    /// What was measured.
    pub metric: String,
    /// Our system's name.
    pub ours: String,
    /// The peer's name.
    pub peer: String,
    /// Each pair's ratio, in order.
    pub runs: Vec<f64>,
    /// Of the pairs.
    pub summary: Option<Summary>,
}

/// The ratios of every figure of `ours` against the same of each other system, run by run.
pub fn ratios(ours: &str, figures: &[Figure]) -> Vec<Ratio> {
    let own = figures.iter().filter(|figure| figure.system == ours);
    own.flat_map(|own| {
        let same = move |other: &&Figure| {
            other.system != ours && other.workload == own.workload && other.metric == own.metric
        };
        figures.iter().filter(same).map(|peer| ratio(own, peer))
    })
    .collect()
}

fn ratio(own: &Figure, peer: &Figure) -> Ratio {
    let pairs = own.runs.iter().zip(&peer.runs).map(|(ours, theirs)| match own.better {
        Better::Higher => ours / theirs,
        Better::Lower => theirs / ours,
    });
    let runs: Vec<f64> = pairs.filter(|value| value.is_finite()).collect();
    Ratio {
        workload: own.workload.clone(),
        metric: own.metric.clone(),
        ours: own.system.clone(),
        peer: peer.system.clone(),
        summary: Summary::of(&runs),
        runs,
    }
}

impl Record {
    /// A record of this machine and build, with nothing measured yet.
    pub fn new(suite: &str, isa: &str) -> Self {
        let build = Build::own(isa);
        let version = format!("{} ({})", build.version, build.commit);
        Record {
            schema: SCHEMA,
            suite: suite.to_owned(),
            taken: jiff::Timestamp::now().to_string(),
            machine: Machine::here(),
            build,
            model: None,
            threads: None,
            definition_sha256: None,
            systems: vec![System { name: OURS.to_owned(), version, command: None }],
            figures: Vec::new(),
            ratios: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The record as text.
    pub fn to_json(&self) -> String {
        // Plain strings, numbers and lists: nothing that JSON cannot say.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Parses a record; `path` is its name in messages.
    ///
    /// # Errors
    /// [`Error::Record`] with the key that is wrong, or the version when it is another.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Record { path: path.to_owned(), reason };
        let record: Record =
            serde_json::from_str(text).map_err(|error| refuse(format!("is not a record: {error}")))?;
        if record.schema != SCHEMA {
            return Err(refuse(format!("has schema {}, this build reads {SCHEMA}", record.schema)));
        }
        Ok(record)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Record`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        if size > RECORD_BYTES_MAX {
            let reason = format!("has more than {RECORD_BYTES_MAX} bytes");
            return Err(Error::Record { path: path.to_owned(), reason });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(Error::io("read", path))?, path)
    }

    /// Writes the record.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        std::fs::write(path, self.to_json()).map_err(Error::io("write", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(workload: &str, better: Better, system: &str, runs: &[f64]) -> Figure {
        Figure::new(workload, "m", "u", better, system, runs.to_vec())
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let mut record = Record::new("engine", "scalar");
        record.model = Some(ModelFacts { name: "m".into(), sha256: "00".into(), size_bytes: 7 });
        record.figures =
            vec![figure("w", Better::Higher, OURS, &[1.0, 0.1, 1e-9]), figure("v", Better::Lower, OURS, &[])];
        record.notes.push("a \"note\"".into());
        let text = record.to_json();
        assert_eq!(Record::parse(&text, Path::new("r.json")).unwrap(), record);
        let other = text.replace("\"schema\": 1", "\"schema\": 2");
        let refused = Record::parse(&other, Path::new("r.json")).unwrap_err().to_string();
        assert_eq!(refused, "r.json: has schema 2, this build reads 1");
        let unknown = text.replace("\"schema\"", "\"colour\": 1, \"schema\"");
        assert!(Record::parse(&unknown, Path::new("r.json")).unwrap_err().to_string().contains("colour"));
    }

    #[test]
    fn above_one_is_ahead_either_way() {
        let figures = [
            figure("speed", Better::Higher, OURS, &[20.0, 30.0]),
            figure("speed", Better::Higher, "peer", &[10.0, 10.0]),
            figure("delay", Better::Lower, OURS, &[1.0]),
            figure("delay", Better::Lower, "peer", &[4.0, 9.0]),
            figure("alone", Better::Lower, OURS, &[1.0]),
            figure("speed", Better::Higher, "dead", &[0.0, 0.0]),
        ];
        let found = ratios(OURS, &figures);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].peer.as_str(), found[0].runs.as_slice()), ("peer", &[2.0, 3.0][..]));
        assert_eq!(found[0].summary.unwrap().median, 2.5);
        assert_eq!((found[1].peer.as_str(), found[1].summary), ("dead", None));
        assert_eq!(found[2].runs, [4.0]);
    }
}
