//! What is wrong with a system, or may be (`docs/manifest.md`, "Checks").

use std::collections::HashSet;
use std::fmt;

use bstr::BString;
use serde::Serialize;

use super::manifest::{Declared, MANIFEST_FILE};
use super::nearest::nearest;
use super::resolve::Resolved;
use crate::object::{ComponentKey, EscapedName, Origin};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is committed.
    Error,
    /// It is told.
    Warning,
}

/// Something that is wrong, or may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// An edge leads to a component that does not exist.
    Dangling {
        /// Where it begins.
        from: ComponentKey,
        /// What it says.
        relation: String,
        /// Where it would lead.
        to: ComponentKey,
        /// Its line in the manifest.
        line: Option<usize>,
        /// The component that may have been meant.
        meant: Option<ComponentKey>,
    },
    /// No file or folder that is captured matches a path.
    NoMatch {
        /// The component.
        component: ComponentKey,
        /// The path or glob.
        path: String,
        /// Nothing matches the others either: the component stands on nothing.
        is_whole: bool,
        /// Its line in the manifest.
        line: Option<usize>,
    },
    /// A link that a component stands on leads out of the folder.
    LeadsOutside {
        /// The component.
        component: ComponentKey,
        /// The link.
        path: BString,
        /// Where it leads.
        target: BString,
        /// The component's line in the manifest.
        line: Option<usize>,
    },
    /// The former name is that of a component that is still there.
    FormerNameTaken {
        /// The component.
        component: ComponentKey,
        /// Its former name.
        was: ComponentKey,
        /// The component's line in the manifest.
        line: Option<usize>,
    },
    /// Two components say that they had one name before.
    FormerNameShared {
        /// The one.
        component: ComponentKey,
        /// The other.
        other: ComponentKey,
        /// The name.
        was: ComponentKey,
        /// The line of the first in the manifest.
        line: Option<usize>,
    },
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Dangling { .. } | Self::FormerNameShared { .. } => Severity::Error,
            Self::NoMatch { .. } | Self::LeadsOutside { .. } | Self::FormerNameTaken { .. } => {
                Severity::Warning
            }
        }
    }

    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dangling { .. } => "dangling-edge",
            Self::NoMatch { .. } => "no-match",
            Self::LeadsOutside { .. } => "leads-outside",
            Self::FormerNameTaken { .. } => "former-name-taken",
            Self::FormerNameShared { .. } => "former-name-shared",
        }
    }

    /// Its line in the manifest, from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Dangling { line, .. }
            | Self::NoMatch { line, .. }
            | Self::LeadsOutside { line, .. }
            | Self::FormerNameTaken { line, .. }
            | Self::FormerNameShared { line, .. } => *line,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dangling { meant: Some(meant), .. } => Some(format!("did you mean {meant}?")),
            Self::Dangling { to, .. } => {
                let (kind, name) = (to.kind().name(), to.name());
                Some(format!("name it with a table [{kind}.{name}] in {MANIFEST_FILE}"))
            }
            Self::NoMatch { path, .. } => Some(format!(
                "see that {path} is there and that no line in .aisrignore leaves it out"
            )),
            Self::LeadsOutside { .. } => {
                Some("copy what it points at into the folder to capture it".into())
            }
            Self::FormerNameTaken { .. } => Some("take `was` out, or rename the other".into()),
            Self::FormerNameShared { .. } => Some("leave `was` where it is true".into()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dangling { from, relation, to, .. } => {
                write!(f, "{from} {relation} {to}, which does not exist")?;
            }
            Self::NoMatch { component, path, is_whole: true, .. } => {
                write!(f, "{component} stands on nothing: no captured file matches {path}")?;
            }
            Self::NoMatch { component, path, is_whole: false, .. } => {
                write!(f, "{component}: no captured file matches {path}")?;
            }
            Self::LeadsOutside { component, path, target, .. } => {
                let (path, target) = (EscapedName(path), EscapedName(target));
                write!(
                    f,
                    "{component} stands on {path}, which leads out of the folder, to {target}: \
                     the link is captured, what it points at is not"
                )?;
            }
            Self::FormerNameTaken { component, was, .. } => {
                write!(f, "{component} says that it was {was}, which is still there")?;
            }
            Self::FormerNameShared { component, other, was, .. } => {
                write!(f, "{component} and {other} both say that they were {was}")?;
            }
        }
        match self.line() {
            Some(line) => write!(f, " ({MANIFEST_FILE}:{line})"),
            None => Ok(()),
        }
    }
}

/// The edges that lead to nothing, and former names that cannot be: what needs no directory tree.
pub fn check_names(components: &[Declared]) -> Vec<Finding> {
    let keys: HashSet<&ComponentKey> = components.iter().map(|declared| &declared.key).collect();
    let mut findings = Vec::new();
    for declared in components {
        for edge in declared.edges.iter().filter(|edge| !keys.contains(&edge.to)) {
            findings.push(Finding::Dangling {
                from: declared.key.clone(),
                relation: edge.relation.clone(),
                to: edge.to.clone(),
                line: edge.line,
                meant: meant(&edge.to, &keys),
            });
        }
        let Some(was) = &declared.was else { continue };
        let Ok(was) = ComponentKey::new(declared.key.kind(), was) else { continue };
        let (component, line) = (declared.key.clone(), declared.line);
        if keys.contains(&was) {
            findings.push(Finding::FormerNameTaken { component, was, line });
            continue;
        }
        let same = |other: &&Declared| other.key.kind() == was.kind() && other.was == declared.was;
        let mut before = components.iter().take_while(|other| other.key != declared.key);
        if let Some(other) = before.find(same) {
            let other = other.key.clone();
            findings.push(Finding::FormerNameShared { component, other, was, line });
        }
    }
    findings
}

/// The component whose key is nearest: of the same kind if there is one, or of the same name.
fn meant(to: &ComponentKey, keys: &HashSet<&ComponentKey>) -> Option<ComponentKey> {
    let of_kind = keys.iter().filter(|key| key.kind() == to.kind());
    let names: Vec<&str> = of_kind.map(|key| key.name()).collect();
    let near = nearest(to.name(), names.iter().copied());
    near.and_then(|name| ComponentKey::new(to.kind(), name).ok()).or_else(|| {
        keys.iter().filter(|key| key.name() == to.name()).min().map(|key| (*key).clone())
    })
}

/// What may be wrong with what components come to in a tree. `links` are the links of the tree
/// that lead out of it, and where.
pub fn check_origins(
    components: &[Declared],
    resolved: &[Resolved],
    links: &[(BString, BString)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (declared, resolved) in components.iter().zip(resolved) {
        let (component, line) = (&declared.key, declared.line);
        let is_whole = resolved.component.origins.is_empty();
        for path in &resolved.unmatched {
            let (component, path) = (component.clone(), path.clone());
            findings.push(Finding::NoMatch { component, path, is_whole, line });
        }
        for (path, target) in links {
            if stands_on(&resolved.component.origins, path) {
                let (path, target) = (path.clone(), target.clone());
                let component = component.clone();
                findings.push(Finding::LeadsOutside { component, path, target, line });
            }
        }
    }
    findings
}

/// Whether `path` is one of the origins, or lies in one.
fn stands_on(origins: &[Origin], path: &BString) -> bool {
    let Ok(path) = crate::object::RepoPath::parse(path) else { return false };
    origins.iter().any(|origin| matches!(origin, Origin::Path(origin) if path.is_within(origin)))
}
