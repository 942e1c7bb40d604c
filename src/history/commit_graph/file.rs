//! The file of the commit graph: a header, then checksummed layers of rows
//! (`docs/format.md`, "The commit graph").

use std::ops::Range;

use crate::object::{CommitId, ID_LEN, Id, NodeId, RepositoryId, limits};

use super::filter;
use super::graph::{Parents, Position, Row};

const MAGIC: &[u8; 8] = b"AISRGRPH";
const VERSION: u8 = 2;
const HASH_BLAKE3: u8 = 1;
const CONTEXT: &str = "aisr 2026-11-25 commit graph layer v1";

/// Where the first layer starts.
pub const HEADER_LEN: usize = 48;
/// Length of what stands before the rows of a layer.
pub const LAYER_HEAD_LEN: usize = 24;
/// Length of a row.
pub const ROW_LEN: usize = 120;
const EDGE_LEN: usize = 4;
/// No parent.
const NONE: u32 = u32::MAX;
/// In a row's second parent: the rest is a place in the list of further parents. In that list: the
/// last one of its row.
const MARK: u32 = 1 << 31;
/// More commits than places can number are not kept.
pub const MOST_COMMITS: usize = (MARK - 1) as usize;

/// The header of the graph of a repository.
pub fn header(repo: RepositoryId) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[..8].copy_from_slice(MAGIC);
    out[8..10].copy_from_slice(&[VERSION, HASH_BLAKE3]);
    out[16..].copy_from_slice(repo.as_bytes());
    out
}

fn checksum(head: &[u8], body: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(head).update(body);
    hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes")
}

/// The layer of `rows`, which follow `before` others. `filters` is what their ranges lie in.
pub fn encode_layer(before: usize, rows: &[Row], filters: &[u8]) -> Vec<u8> {
    let mut edges: Vec<u32> = Vec::new();
    let mut table = Vec::with_capacity(rows.len() * ROW_LEN);
    let mut own_filters = Vec::new();
    for row in rows {
        own_filters.extend_from_slice(&filters[row.filter.clone()]);
        let written = |id: Option<NodeId>| id.map_or([0; ID_LEN], |id| *id.as_bytes());
        let (first, second) = match &row.parents {
            Parents::None => (NONE, NONE),
            Parents::One(one) => (*one, NONE),
            Parents::Two(two) => (two[0], two[1]),
            Parents::More(all) => {
                let place = MARK | edges.len() as u32;
                let (first, rest) = all.split_first().expect("more than two parents");
                edges.extend_from_slice(rest);
                if let Some(last) = edges.last_mut() {
                    *last |= MARK;
                }
                (*first, place)
            }
        };
        table.extend_from_slice(row.id.as_bytes());
        table.extend_from_slice(&written(row.files));
        table.extend_from_slice(&written(row.system));
        table.extend_from_slice(&row.time.to_le_bytes());
        for number in [row.generation, first, second, own_filters.len() as u32] {
            table.extend_from_slice(&number.to_le_bytes());
        }
    }
    let counts = [before, rows.len(), edges.len(), own_filters.len()];
    let mut out: Vec<u8> = counts.iter().flat_map(|n| (*n as u32).to_le_bytes()).collect();
    let edges = edges.iter().flat_map(|edge| edge.to_le_bytes());
    let body: Vec<u8> = table.into_iter().chain(edges).chain(own_filters).collect();
    let sum = checksum(&out, &body);
    out.extend_from_slice(&sum);
    out.extend_from_slice(&body);
    out
}

/// Reads the layer that starts at `at` in `file`, puts its rows behind `rows` and gives where it
/// ends; `None` if there is none, or it is not sound: then `rows` is as before. Filters lie in
/// `file`.
pub fn decode_layer(file: &[u8], at: usize, rows: &mut Vec<Row>) -> Option<usize> {
    let (head, rest) = file.get(at..)?.split_first_chunk::<LAYER_HEAD_LEN>()?;
    let (counts, sum) = head.split_first_chunk::<16>()?;
    let number = |at: usize| counts[at..].first_chunk().map_or(0, |n| u32::from_le_bytes(*n));
    let (before, count, edges, filters) = (number(0), number(4), number(8), number(12) as usize);
    let table_len = (count as usize).checked_mul(ROW_LEN)?;
    let edges_len = (edges as usize).checked_mul(EDGE_LEN)?;
    let len = table_len.checked_add(edges_len)?.checked_add(filters)?;
    let body = rest.get(..len)?;
    let after = rows.len() + count as usize;
    let sound = count > 0 && before as usize == rows.len() && after <= MOST_COMMITS;
    if !sound || checksum(counts, body) != *sum {
        return None;
    }
    let (table, rest) = body.split_at(table_len);
    let (edges, filters) = rest.split_at(edges_len);
    let known = rows.len();
    let end = at + LAYER_HEAD_LEN + len;
    let base = end - filters.len();
    let mut reader =
        Rows { edges: edges.as_chunks::<EDGE_LEN>().0, edge: 0, filters, filter: 0, base };
    rows.reserve(count as usize);
    for bytes in table.as_chunks::<ROW_LEN>().0 {
        match reader.row(bytes, rows) {
            Some(row) => rows.push(row),
            None => {
                rows.truncate(known);
                return None;
            }
        }
    }
    if reader.edge != reader.edges.len() || reader.filter != filters.len() {
        rows.truncate(known);
        return None;
    }
    Some(end)
}

/// What is read of a layer so far.
struct Rows<'a> {
    edges: &'a [[u8; EDGE_LEN]],
    edge: usize,
    filters: &'a [u8],
    filter: usize,
    base: usize,
}

impl Rows<'_> {
    /// The row that comes behind `before`.
    fn row(&mut self, bytes: &[u8; ROW_LEN], before: &[Row]) -> Option<Row> {
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |n| u32::from_le_bytes(*n));
        let id = CommitId::from_id(Id::from_slice(&bytes[..ID_LEN])?);
        let node = |at: usize| {
            let id = Id::from_slice(bytes.get(at..at + ID_LEN)?)?;
            (id.as_bytes() != &[0; ID_LEN]).then(|| NodeId::from_id(id))
        };
        let (files, system) = (node(ID_LEN), node(2 * ID_LEN));
        if files.is_none() && system.is_some() {
            return None;
        }
        let time = i64::from_le_bytes(*bytes[3 * ID_LEN..].first_chunk()?);
        let parents = self.parents(number(108), number(112))?;
        let filter = self.filter(number(116) as usize)?;
        let highest = parents.iter().try_fold(0, |highest: u32, at| {
            before.get(at as usize).map(|row| row.generation.max(highest))
        })?;
        // Below the number of rows, so it cannot overflow.
        let generation = number(104);
        let row = Row { id, files, system, time, generation, parents, filter };
        (generation == highest + 1).then_some(row)
    }

    fn parents(&mut self, first: Position, second: u32) -> Option<Parents> {
        match (first, second) {
            (NONE, NONE) => Some(Parents::None),
            (one, NONE) => Some(Parents::One(one)),
            (one, two) if two & MARK == 0 => Some(Parents::Two([one, two])),
            (one, place) if (place & !MARK) as usize == self.edge => {
                let mut all = vec![one];
                loop {
                    let edge = u32::from_le_bytes(*self.edges.get(self.edge)?);
                    self.edge += 1;
                    all.push(edge & !MARK);
                    if edge & MARK != 0 {
                        break;
                    }
                    if all.len() >= limits::PARENTS {
                        return None;
                    }
                }
                (all.len() > 2).then(|| Parents::More(all.into()))
            }
            _ => None,
        }
    }

    fn filter(&mut self, end: usize) -> Option<Range<usize>> {
        let start = std::mem::replace(&mut self.filter, end);
        let len = end.checked_sub(start)?;
        let fits = end <= self.filters.len() && len <= filter::LONGEST;
        fits.then(|| self.base + start..self.base + end)
    }
}
