//! How much tensors of one type and shape moved.
//!
//! Numbers are read in stretches, by several threads, and only where the ids of chunks do not say
//! that both versions have the same bytes.

mod numbers;

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::atomic::{self, AtomicBool, AtomicUsize};

use crate::view::dtype::{Block, block};
use crate::view::{Source, Tensor, ViewError, differing};

use numbers::{Kernel, Sum, kernel};

/// A tensor of two versions, of one type and shape.
#[derive(Clone, Copy)]
pub struct TensorPair<'v> {
    /// The first version: the content, and where the tensor lies in it.
    pub before: (&'v dyn Source, &'v Tensor),
    /// The second version.
    pub after: (&'v dyn Source, &'v Tensor),
}

/// What is counted as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A number.
    Value,
    /// Numbers that are coded together.
    Block,
    /// A byte of a type that is not known.
    Byte,
}

/// How much a tensor moved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TensorDelta {
    /// What `total` and `changed` count.
    pub unit: Unit,
    /// How many there are.
    pub total: u64,
    /// How many of them differ in any bit.
    pub changed: u64,
    /// How far the numbers moved; `None` for types whose numbers are not understood.
    pub moved: Option<Moved>,
}

/// How far numbers moved. Where a number is or was no finite one, the distance is none either: it
/// counts among `not_finite` and nowhere else.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moved {
    /// The largest distance of one number.
    pub max: f64,
    /// The mean distance over all numbers, those that did not change included.
    pub mean: f64,
    /// The Euclidean distance (L2) of the whole.
    pub l2: f64,
    /// How many numbers changed from, to, or between what is not finite.
    pub not_finite: u64,
}

impl TensorDelta {
    /// Orders by how much moved, most first: what is not finite, then the Euclidean distance, then
    /// the part that changed.
    pub fn most_moved_first(&self, other: &Self) -> Ordering {
        let key = |delta: &Self| {
            let part = delta.changed as f64 / delta.total.max(1) as f64;
            let moved = delta.moved.map_or((0, 0.0), |moved| (moved.not_finite, moved.l2));
            (moved.0, moved.1, part)
        };
        let (a, b) = (key(self), key(other));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(b.2.total_cmp(&a.2))
    }
}

/// What one thread takes at a time, in bytes.
const SPAN: u64 = 8 << 20;
/// What is read at a time, in bytes.
const PIECE: u64 = 512 << 10;

/// A stretch of a pair, in bytes from the tensor's beginning.
struct Span {
    pair: usize,
    range: Range<u64>,
}

/// Compares tensors. The sums do not depend on the number of threads.
///
/// # Errors
/// When a content cannot be read.
pub fn compare_tensors(
    pairs: &[TensorPair<'_>],
    threads: usize,
) -> Result<Vec<TensorDelta>, ViewError> {
    let mut spans = Vec::new();
    for (pair, tensors) in pairs.iter().enumerate() {
        let stretches = differing(
            (tensors.before.0, &tensors.before.1.data),
            (tensors.after.0, &tensors.after.1.data),
        )?;
        let unit = block(&tensors.after.1.dtype).map_or(1, |block| block.bytes);
        let len = len_of(tensors);
        for range in whole_units(&stretches, unit, len) {
            let step = SPAN / unit * unit;
            let starts = (range.start..range.end).step_by(usize::try_from(step).unwrap_or(1 << 20));
            spans.extend(starts.map(|start| {
                let end = range.end.min(start.saturating_add(step));
                Span { pair, range: start..end }
            }));
        }
    }
    let mut sums = vec![Sum::default(); pairs.len()];
    for (span, sum) in spans.iter().zip(sum_spans(pairs, &spans, threads)?) {
        if let Some(whole) = sums.get_mut(span.pair) {
            whole.add(&sum);
        }
    }
    Ok(pairs.iter().zip(sums).map(|(pair, sum)| delta(pair, &sum)).collect())
}

fn len_of(pair: &TensorPair<'_>) -> u64 {
    let len = |tensor: &Tensor| tensor.data.end.saturating_sub(tensor.data.start);
    len(pair.before.1).min(len(pair.after.1))
}

/// The stretches, made to begin and end between units.
fn whole_units(stretches: &[Range<u64>], unit: u64, len: u64) -> Vec<Range<u64>> {
    let mut out: Vec<Range<u64>> = Vec::new();
    for stretch in stretches {
        let start = stretch.start / unit * unit;
        let end = stretch.end.div_ceil(unit).saturating_mul(unit).min(len);
        match out.last_mut().filter(|last| last.end >= start) {
            Some(last) => last.end = last.end.max(end),
            None => out.push(start..end),
        }
    }
    out.retain(|range| range.start < range.end);
    out
}

fn delta(pair: &TensorPair<'_>, sum: &Sum) -> TensorDelta {
    let dtype = &pair.after.1.dtype;
    let len = len_of(pair);
    let Some(Block { values, bytes }) = block(dtype) else {
        return TensorDelta { unit: Unit::Byte, total: len, changed: sum.changed, moved: None };
    };
    let total = len / bytes;
    let all = total.saturating_mul(values).max(1);
    let moved = kernel(dtype).map(|_| Moved {
        max: sum.max,
        mean: sum.distance / all as f64,
        l2: sum.squares.sqrt(),
        not_finite: sum.not_finite,
    });
    let unit = if values == 1 { Unit::Value } else { Unit::Block };
    TensorDelta { unit, total, changed: sum.changed, moved }
}

/// The sum of each span, in order.
fn sum_spans(
    pairs: &[TensorPair<'_>],
    spans: &[Span],
    threads: usize,
) -> Result<Vec<Sum>, ViewError> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> Result<Vec<(usize, Sum)>, ViewError> {
        let mut buffers = (Vec::new(), Vec::new());
        let mut done = Vec::new();
        while !stop.load(atomic::Ordering::Relaxed) {
            let at = next.fetch_add(1, atomic::Ordering::Relaxed);
            let Some(span) = spans.get(at) else { break };
            let Some(pair) = pairs.get(span.pair) else { break };
            match sum_span(pair, span.range.clone(), &mut buffers) {
                Ok(sum) => done.push((at, sum)),
                Err(e) => {
                    stop.store(true, atomic::Ordering::Relaxed);
                    return Err(e);
                }
            }
        }
        Ok(done)
    };
    let helpers = threads.min(spans.len()).saturating_sub(1);
    let mut found = std::thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let mut found = work()?;
        for helper in helpers {
            match helper.join() {
                Ok(done) => found.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, ViewError>(found)
    })?;
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, sum)| sum).collect())
}

fn sum_span(
    pair: &TensorPair<'_>,
    range: Range<u64>,
    (old, new): &mut (Vec<u8>, Vec<u8>),
) -> Result<Sum, ViewError> {
    let dtype = &pair.after.1.dtype;
    let unit = block(dtype).map_or(1, |block| block.bytes);
    let kernel = kernel(dtype).unwrap_or(Kernel::Bytes { unit });
    let step = PIECE / unit * unit;
    let mut sum = Sum::default();
    let mut at = range.start;
    while at < range.end {
        let len = step.min(range.end - at);
        read(pair.before, at, len, old)?;
        read(pair.after, at, len, new)?;
        kernel.compare(old, new, &mut sum);
        at += len;
    }
    Ok(sum)
}

fn read(
    (source, tensor): (&dyn Source, &Tensor),
    at: u64,
    len: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), ViewError> {
    buffer.resize(usize::try_from(len).unwrap_or(0), 0);
    let start = tensor.data.start.saturating_add(at);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read_at(start.saturating_add(filled as u64), rest)? {
            0 => {
                let why = "it ends within a tensor".into();
                return Err(ViewError::Malformed { what: "file of tensors", why, at: start });
            }
            read => filled += read,
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tensors_tests.rs"]
mod tests;
