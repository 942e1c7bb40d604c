//! What is known while looking: files, what claims them, and what was found so far.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::classify;
use super::document::{Document, Format, parse_document};
use super::draft::Draft;
use super::place::{folder_of, is_within};
use super::{Files, Head, Listing, Told, agents, identities, tools};

/// The longest document that is read, in bytes; a tool list may be long.
const LONGEST_DOCUMENT: usize = 4 << 20;
/// The longest where nothing but its ending says that it may be of interest.
const LONGEST_UNTOLD: usize = 256 << 10;
/// Of a text, so much is read to find its front matter.
const FRONT_MATTER: usize = 64 << 10;
/// So many documents are read for what their paths say, and so many without that.
const MOST_TOLD: usize = 8_192;
const MOST_UNTOLD: usize = 1_000;
/// The most bytes of documents that are read in all.
const MOST_BYTES: usize = 128 << 20;
/// So many heads of other files are read.
const MOST_HEADS: usize = 50_000;
/// So many files are named as not understood.
const MOST_BROKEN: usize = 100;

/// A document, and whose it is.
pub(super) struct Found {
    pub path: String,
    pub document: Document,
}

pub(super) struct Finder<'a> {
    pub paths: &'a BTreeSet<String>,
    files: &'a dyn Files,
    /// Which draft a file is part of, the first that claimed it.
    claimed: BTreeMap<String, usize>,
    /// Folders that a draft stands on whole.
    folders: BTreeMap<String, usize>,
    pub drafts: Vec<Draft>,
    /// Identities by their ids.
    pub identities: BTreeMap<String, usize>,
    pub told: Told,
    bytes_left: usize,
    heads_left: usize,
}

impl<'a> Finder<'a> {
    pub fn new(listing: &'a Listing, files: &'a dyn Files) -> Self {
        Self {
            paths: &listing.paths,
            files,
            claimed: BTreeMap::new(),
            folders: BTreeMap::new(),
            drafts: Vec::new(),
            identities: BTreeMap::new(),
            told: Told::default(),
            bytes_left: MOST_BYTES,
            heads_left: MOST_HEADS,
        }
    }

    /// The first bytes of a file, and how long it is.
    pub fn head(&mut self, path: &str, len: usize) -> Option<Head> {
        self.heads_left = match self.heads_left.checked_sub(1) {
            Some(left) => left,
            None => {
                self.told.passed_over += 1;
                return None;
            }
        };
        self.files.head(path, len)
    }

    /// The fields of a file; `None` where it is too long or not what its name says, which is told.
    pub fn document(&mut self, path: &str) -> Option<Document> {
        self.document_of(path, Format::of(path)?, LONGEST_DOCUMENT, true)
    }

    fn document_of(
        &mut self,
        path: &str,
        format: Format,
        longest: usize,
        told: bool,
    ) -> Option<Document> {
        let in_part = format == Format::FrontMatter;
        let len = if in_part { FRONT_MATTER } else { longest };
        let len = len.min(self.bytes_left);
        let head = self.files.head(path, len)?;
        self.bytes_left = self.bytes_left.saturating_sub(head.bytes.len());
        if !in_part && head.size > head.bytes.len() as u64 {
            self.told.too_large.push(path.to_owned());
            return None;
        }
        let mut bytes = head.bytes;
        if in_part && head.size > bytes.len() as u64 {
            // A character that is cut in two is no fault of the file.
            let whole = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
            bytes.truncate(whole);
        }
        match parse_document(format, &bytes) {
            Ok(document) => Some(document),
            Err(why) => {
                if told && self.told.broken.len() < MOST_BROKEN {
                    self.told.broken.push((path.to_owned(), why));
                }
                None
            }
        }
    }

    /// Whether a draft has this file already.
    pub fn is_claimed(&self, path: &str) -> bool {
        self.owner(path).is_some()
    }

    /// The draft that a file is part of.
    pub fn owner(&self, path: &str) -> Option<usize> {
        if let Some(owner) = self.claimed.get(path) {
            return Some(*owner);
        }
        let mut folder = folder_of(path);
        while !folder.is_empty() {
            if let Some(owner) = self.folders.get(folder) {
                return Some(*owner);
            }
            folder = folder_of(folder);
        }
        None
    }

    /// The draft that stands on a folder whole.
    pub fn folder_owner(&self, folder: &str) -> Option<usize> {
        self.folders.get(folder).copied()
    }

    /// Takes a draft up.
    pub fn add(&mut self, draft: Draft) -> usize {
        let index = self.drafts.len();
        for file in &draft.files {
            self.claimed.entry(file.clone()).or_insert(index);
        }
        if let Some(folder) = &draft.folder {
            self.folders.entry(folder.clone()).or_insert(index);
        }
        self.drafts.push(draft);
        index
    }

    /// Lets a draft stand on a whole folder.
    pub fn claim_folder(&mut self, folder: &str, index: usize) {
        if let Some(draft) = self.drafts.get_mut(index) {
            draft.folder = Some(folder.to_owned());
            self.folders.entry(folder.to_owned()).or_insert(index);
        }
    }

    /// Adds a file to a draft.
    pub fn extend(&mut self, index: usize, file: &str) {
        if let Some(draft) = self.drafts.get_mut(index)
            && !draft.files.iter().any(|known| known == file)
        {
            draft.files.push(file.to_owned());
            draft.files.sort();
            self.claimed.entry(file.to_owned()).or_insert(index);
        }
    }

    /// The files in a folder, at any depth.
    pub fn within<'f>(&self, folder: &'f str) -> impl Iterator<Item = &'a str> + use<'a, 'f> {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let paths: &'a BTreeSet<String> = self.paths;
        paths.range(start..).map(String::as_str).take_while(move |path| is_within(path, folder))
    }

    /// The files right in a folder.
    pub fn right_in<'f>(&self, folder: &'f str) -> impl Iterator<Item = &'a str> + use<'a, 'f> {
        self.within(folder).filter(move |path| folder_of(path) == folder)
    }

    /// Reads the documents that nothing claims yet, and takes up what they say.
    pub fn read_documents(&mut self) {
        let free = |path: &&String| classify::is_document(path) && !self.is_claimed(path);
        let all: Vec<String> = self.paths.iter().filter(free).cloned().collect();
        let (told, mut untold): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|path| classify::is_told(path));
        untold.sort_by_key(|path| path.bytes().filter(|byte| *byte == b'/').count());
        self.told.passed_over += told.len().saturating_sub(MOST_TOLD);
        self.told.passed_over += untold.len().saturating_sub(MOST_UNTOLD);
        let told = told.into_iter().take(MOST_TOLD).map(|path| (path, LONGEST_DOCUMENT, true));
        let untold = untold.into_iter().take(MOST_UNTOLD);
        let untold = untold.map(|path| (path, LONGEST_UNTOLD, false));
        let mut found = Vec::new();
        for (path, longest, told) in told.chain(untold) {
            let Some(format) = Format::of(&path) else { continue };
            if let Some(document) = self.document_of(&path, format, longest, told)
                && !matches!(document.fields, Value::Null)
            {
                found.push(Found { path, document });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.retain(|found| !tools::take(self, found) && !identities::take_card(self, found));
        for found in &found {
            agents::take(self, found);
            identities::take_ids(self, found);
        }
    }

    /// What is worth telling of and part of nothing.
    pub fn unplaced(&self) -> Vec<String> {
        let free = self.paths.iter().filter(|path| !self.is_claimed(path));
        free.filter(|path| classify::is_worth_telling(path)).cloned().collect()
    }
}
