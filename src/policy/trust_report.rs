//! Who may sign, as people and programs ask it.

use std::collections::HashMap;

use serde::Serialize;

use crate::object::{KeyBytes, Principal, TrustRoot, TrustRootId};
use crate::repo::{RepoError, Repository};
use crate::sign::PublicKey;
use crate::trust::{Chain, ChainedRoot, name_of};

/// The trust root in force, and how it came to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TrustReport {
    /// The repository.
    pub repository: String,
    /// The root in force.
    #[serde(flatten)]
    pub root: RootReport,
    /// Everybody it knows, by ascending id.
    pub principals: Vec<PrincipalReport>,
    /// The roles and how many of their holders must agree.
    pub roles: Vec<RoleReport>,
    /// Keys of earlier roots that are retired.
    pub retired: Vec<RetiredReport>,
    /// The roots before, newest first.
    pub earlier: Vec<RootReport>,
}

/// A trust root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RootReport {
    /// Its version.
    pub version: u64,
    /// Its id.
    pub id: String,
    /// The principal that signed it.
    pub signed_by: Option<String>,
    /// The fingerprint of the key that did.
    pub key: String,
    /// The number of the log entry of this clone since which it is in force.
    pub since_entry: Option<u64>,
}

/// A principal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PrincipalReport {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub names: Vec<String>,
    /// `person`, `service`, `agent`, …
    pub kind: String,
    /// The id of the principal that answers for it.
    pub controller: Option<String>,
    /// The roles that it holds.
    pub roles: Vec<String>,
    /// Its keys.
    pub keys: Vec<KeyReport>,
}

/// A key of a principal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeyReport {
    /// The fingerprint.
    pub fingerprint: String,
    /// The line of a `.pub` file.
    pub public: String,
    /// The version of the root that brought it.
    pub since_version: u64,
}

/// A role.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RoleReport {
    /// Its name.
    pub name: String,
    /// The ids of its holders.
    pub holders: Vec<String>,
    /// How many must agree.
    pub threshold: u64,
}

/// A key that is retired.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RetiredReport {
    /// The fingerprint.
    pub fingerprint: String,
    /// What the principal is called whose it was.
    pub principal: String,
    /// The version of the first root without it.
    pub by_version: u64,
}

/// Tells who may sign in `repo`, by the roots and the log.
///
/// # Errors
/// When the log is damaged.
pub fn trust_report(repo: &Repository) -> Result<TrustReport, RepoError> {
    let chain = repo.trust().chain();
    let since = since_entries(repo)?;
    let mut reports: Vec<RootReport> = Vec::new();
    let mut before: Option<&TrustRoot> = None;
    for chained in chain.roots() {
        reports.push(root_report(chained, before, &since));
        before = Some(&chained.root);
    }
    reports.reverse();
    let earlier = reports.split_off(1.min(reports.len()));
    let last = chain.last();
    let root = reports.pop().unwrap_or_else(|| root_report(last, None, &since));
    let TrustRoot { principals, roles, .. } = &last.root;
    Ok(TrustReport {
        repository: repo.id().to_hex(),
        root,
        principals: principals.iter().map(|p| principal_report(chain, p)).collect(),
        roles: roles
            .iter()
            .map(|role| RoleReport {
                name: role.name.clone(),
                holders: role.holders.iter().map(|id| id.to_hex()).collect(),
                threshold: role.threshold,
            })
            .collect(),
        retired: retired(chain),
        earlier,
    })
}

/// The first entry of the log by which each root was in force.
fn since_entries(repo: &Repository) -> Result<HashMap<TrustRootId, u64>, RepoError> {
    let mut since = HashMap::new();
    repo.log()?.walk(&mut |_, entry| {
        since.entry(entry.trust_root).or_insert(entry.sequence);
    })?;
    Ok(since)
}

/// A root was signed by whom the root before says; the first by one of its own principals.
fn root_report(
    chained: &ChainedRoot,
    before: Option<&TrustRoot>,
    since: &HashMap<TrustRootId, u64>,
) -> RootReport {
    let signer = before.unwrap_or(&chained.root).principal_of(chained.signer.as_bytes());
    RootReport {
        version: chained.root.version,
        id: chained.id.to_hex(),
        signed_by: signer.map(name_of),
        key: chained.signer.fingerprint(),
        since_entry: since.get(&chained.id).copied(),
    }
}

fn principal_report(chain: &Chain, principal: &Principal) -> PrincipalReport {
    let roles = chain.last().root.roles.iter();
    let held = roles.filter(|role| role.holders.contains(&principal.id));
    PrincipalReport {
        id: principal.id.to_hex(),
        names: principal.names.clone(),
        kind: principal.kind.clone(),
        controller: principal.controller.map(|id| id.to_hex()),
        roles: held.map(|role| role.name.clone()).collect(),
        keys: principal.keys.iter().filter_map(|key| key_report(chain, key)).collect(),
    }
}

fn key_report(chain: &Chain, bytes: &KeyBytes) -> Option<KeyReport> {
    let key = PublicKey::from_bytes(bytes).ok()?;
    let mut roots = chain.roots();
    let first = roots.find(|chained| chained.root.principal_of(bytes).is_some())?;
    Some(KeyReport {
        fingerprint: key.fingerprint(),
        public: key.to_openssh(""),
        since_version: first.root.version,
    })
}

/// Keys that a root had and the one after it has not, in the order of their going.
fn retired(chain: &Chain) -> Vec<RetiredReport> {
    let mut found = Vec::new();
    for (before, after) in chain.roots().zip(chain.roots().skip(1)) {
        for principal in &before.root.principals {
            let gone = |key: &&KeyBytes| after.root.principal_of(key).is_none();
            for key in principal.keys.iter().filter(gone) {
                let Ok(key) = PublicKey::from_bytes(key) else { continue };
                found.push(RetiredReport {
                    fingerprint: key.fingerprint(),
                    principal: name_of(principal),
                    by_version: after.root.version,
                });
            }
        }
    }
    found
}
