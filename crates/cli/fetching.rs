//! Fetching models in a process of its own, so that the server can give up the network before it has a thread.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::places::Places;

/// A running `models fetch` for each of some models.
pub(crate) struct Fetching(Vec<(String, Child)>);

impl Fetching {
    /// Starts to fetch `models` into the store. What goes wrong is said by those processes themselves, on standard error.
    pub(crate) fn start(places: &Places, models: Vec<String>) -> anyhow::Result<Self> {
        let start = |model: String| {
            let program = std::env::current_exe().context("the program's own file")?;
            let mut command = Command::new(program);
            command.args(["models", "fetch", &model, "--until-parent-ends", "--store"]).arg(&places.store);
            if let Some(file) = places.models_file() {
                command.arg("--models").arg(file);
            }
            // Its report would be taken for the server's.
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let child = command
                .spawn()
                .with_context(|| format!("{model}: no process could be started to fetch it"))?;
            Ok((model, child))
        };
        models.into_iter().map(start).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Waits for their end.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        for (model, mut child) in self.0 {
            let status = child.wait().context("waiting for the process that fetches a model")?;
            if !status.success() {
                bail!("{model} could not be fetched (see above)");
            }
        }
        Ok(())
    }
}

/// Has the kernel end this process when the one that started it ends, however that ends.
pub(crate) fn end_with_parent() -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL)).context("PR_SET_PDEATHSIG")?;
    }
    Ok(())
}
