//! What `cargo metadata` knows of the workspace and of what it is built from.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

/// How far the dependencies are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What the default features need on this machine. Nothing is downloaded.
    Host,
    /// Every feature of the workspace, every platform. Downloads what is missing.
    Everything,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub packages: Vec<Package>,
    pub workspace_members: Vec<String>,
    pub workspace_root: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    pub id: String,
    pub license: Option<String>,
    pub manifest_path: String,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub name: String,
    /// `None` for an ordinary one, else `dev` or `build`.
    pub kind: Option<String>,
    pub rename: Option<String>,
}

impl Dependency {
    pub fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Target {
    pub kind: Vec<String>,
    pub src_path: String,
}

impl Metadata {
    pub fn read(root: &Path, reach: Reach) -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(root.join("Cargo.toml"));
        match reach {
            Reach::Host => command.args(["--offline", "--filter-platform", &host_triple()?]),
            Reach::Everything => command.arg("--all-features"),
        };
        let output = command.output().context("cannot run cargo metadata")?;
        anyhow::ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        serde_json::from_slice(&output.stdout)
            .context("cargo metadata answered in a form that tidy cannot read")
    }

    /// The packages of the workspace.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The packages from elsewhere.
    pub fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !self.workspace_members.contains(&package.id))
    }

    pub fn is_member(&self, name: &str) -> bool {
        self.members().any(|package| package.name == name)
    }

    /// A path that cargo gave, from the root of the workspace, with `/` between its parts.
    pub fn relative(&self, path: &str) -> String {
        let inside = path.strip_prefix(&self.workspace_root).unwrap_or(path);
        inside.trim_start_matches(['/', '\\']).replace('\\', "/")
    }
}

fn host_triple() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc -vV")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}

#[cfg(test)]
impl Metadata {
    /// A workspace of members, given as (name, [(dependency, kind)]); the root package lies at the root.
    pub fn of(members: &[(&str, &[(&str, &str)])]) -> Self {
        let packages: Vec<Package> = members.iter().map(|(name, needs)| member(name, needs)).collect();
        let workspace_members = packages.iter().map(|package| package.id.clone()).collect();
        Self { packages, workspace_members, workspace_root: "/checkout".into() }
    }

    pub fn with_foreign(mut self, name: &str, license: Option<&str>) -> Self {
        let mut package = member(name, &[]);
        package.license = license.map(str::to_owned);
        package.id = format!("registry+{name}");
        self.packages.push(package);
        self
    }
}

#[cfg(test)]
fn member(name: &str, needs: &[(&str, &str)]) -> Package {
    let folder = if name == "proeftuin" { "/checkout".into() } else { format!("/checkout/crates/{name}") };
    let source = if name == "proeftuin" { "bin" } else { "lib" };
    let dependency = |(name, kind): &(&str, &str)| Dependency {
        name: (*name).into(),
        kind: (!kind.is_empty()).then(|| (*kind).into()),
        rename: None,
    };
    Package {
        name: name.into(),
        version: "1.0.0".into(),
        id: format!("path+{name}"),
        license: None,
        manifest_path: format!("{folder}/Cargo.toml"),
        dependencies: needs.iter().map(dependency).collect(),
        targets: vec![Target {
            kind: vec![source.into()],
            src_path: format!("{folder}/src/{}.rs", if source == "bin" { "main" } else { "lib" }),
        }],
    }
}
