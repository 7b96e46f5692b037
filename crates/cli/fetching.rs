//! Fetching a model in a process of its own, so that the server can give up the network before it has a thread.

use std::process::{Child, Command};

use anyhow::{Context, bail};

use crate::places::Places;

/// A running `models fetch`.
pub(crate) struct Fetching {
    child: Child,
    model: String,
}

impl Fetching {
    /// Starts to fetch `model` into the store. What goes wrong is said by that process itself, on standard error.
    pub(crate) fn start(places: &Places, model: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the program's own file")?;
        let mut command = Command::new(program);
        command.args(["models", "fetch", model, "--until-parent-ends", "--store"]).arg(&places.store);
        if let Some(models) = places.models_file() {
            command.arg("--models").arg(models);
        }
        // Its report would be taken for the server's.
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        let child = command.spawn().context("the process that fetches the model could not be started")?;
        Ok(Self { child, model: model.to_owned() })
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let status = self.child.wait().context("waiting for the process that fetches the model")?;
        if !status.success() {
            bail!("{} could not be fetched (see above)", self.model);
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
