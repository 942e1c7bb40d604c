//! Ids as they are shown, and the names beside them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::rc::Rc;

use aisr::history::{Revisions, SHOWN_DIGITS, shortest};
use aisr::log::{Head, RefName};
use aisr::object::Id;
use aisr::repo::Repository;

use super::color::{BRANCH, ID_REST, ID_UNIQUE, TAG, WARNING};
use super::escape::Escaped;

/// Draws ids: eight digits or as many as are unique, the unique ones coloured.
pub struct Ids<'r> {
    repo: &'r Repository,
    whole: bool,
    known: RefCell<HashMap<Id, Rc<str>>>,
}

impl<'r> Ids<'r> {
    /// With `whole`, all digits are shown.
    pub fn new(repo: &'r Repository, whole: bool) -> Self {
        Self { repo, whole, known: RefCell::default() }
    }

    /// The id of a commit or tag.
    pub fn show(&self, id: Id) -> Rc<str> {
        let mut known = self.known.borrow_mut();
        Rc::clone(known.entry(id).or_insert_with(|| self.draw(id).into()))
    }

    fn draw(&self, id: Id) -> String {
        // Where ids cannot be compared because a pack is damaged, the digits still serve.
        let (mut digits, unique) = match shortest(self.repo.store(), id) {
            Ok(short) => (short.digits, short.unique),
            Err(_) => (id.to_hex()[..SHOWN_DIGITS].to_owned(), 0),
        };
        if self.whole {
            digits = id.to_hex();
        }
        let (unique, rest) = digits.split_at(unique);
        let mut shown = String::with_capacity(128);
        // Writing into a string does not fail.
        let _ = write!(shown, "{ID_UNIQUE}{unique}{ID_UNIQUE:#}{ID_REST}{rest}{ID_REST:#}");
        shown
    }

    /// The id of anything else: there is nothing it must be told from.
    pub fn plain(&self, id: Id) -> String {
        let hex = id.to_hex();
        let digits = if self.whole { &hex[..] } else { &hex[..SHOWN_DIGITS] };
        format!("{ID_REST}{digits}{ID_REST:#}")
    }
}

/// The refs that name each commit.
pub struct Names {
    names: BTreeMap<Id, Vec<RefName>>,
    head: Option<Id>,
    branch: Option<RefName>,
    lost: HashSet<Id>,
}

impl Names {
    /// Reads the refs, following tags to their commits.
    pub fn load(revisions: &Revisions<'_>) -> Self {
        let refs = revisions.refs();
        let mut names: BTreeMap<Id, Vec<RefName>> = BTreeMap::new();
        for (name, id) in &refs.refs {
            let target = if name.is_tag() { revisions.leads_to(*id) } else { *id };
            names.entry(target).or_default().push(name.clone());
        }
        let branch = match &refs.head {
            Head::Branch(name) => Some(name.clone()),
            Head::Detached(_) => None,
        };
        Self { names, head: refs.head_object(), branch, lost: HashSet::new() }
    }

    /// Where names do not count.
    pub fn none() -> Self {
        Self { names: BTreeMap::new(), head: None, branch: None, lost: HashSet::new() }
    }

    /// The same, knowing that no ref leads to these.
    pub fn with_lost(self, lost: HashSet<Id>) -> Self {
        Self { lost, ..self }
    }

    /// ` (HEAD -> main, tag: v1)`, or nothing.
    pub fn show(&self, id: Id) -> String {
        let here = self.names.get(&id).map_or(&[][..], Vec::as_slice);
        let is_head = self.head == Some(id);
        let mut parts = Vec::new();
        match &self.branch {
            Some(branch) if is_head => {
                let short = Escaped(branch.short());
                parts.push(format!("{BRANCH}HEAD -> {short}{BRANCH:#}"));
            }
            None if is_head => parts.push(format!("{BRANCH}HEAD{BRANCH:#}")),
            _ => {}
        }
        for name in here.iter().filter(|name| !is_head || self.branch.as_ref() != Some(*name)) {
            let short = Escaped(name.short());
            parts.push(match name.is_tag() {
                true => format!("{TAG}tag: {short}{TAG:#}"),
                false => format!("{BRANCH}{short}{BRANCH:#}"),
            });
        }
        if self.lost.contains(&id) {
            parts.push(format!("{WARNING}no ref leads to it{WARNING:#}"));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(" ({})", parts.join(", ")),
        }
    }

    /// Whether HEAD is at this commit.
    pub fn is_head(&self, id: Id) -> bool {
        self.head == Some(id)
    }

    /// The full names of the refs at a commit, and `HEAD` behind them.
    pub fn full(&self, id: Id) -> Vec<String> {
        let refs = self.names.get(&id).into_iter().flatten().map(ToString::to_string);
        refs.chain((self.head == Some(id)).then(|| "HEAD".to_owned())).collect()
    }
}
