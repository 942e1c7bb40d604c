//! How commits follow each other, drawn beside them.

use std::collections::HashMap;

use aisr::object::CommitId;
use renderdag::{Ancestor, BoxDrawingRenderer, GraphRowRenderer, Renderer};

use super::batches::{Batches, Item};
use crate::cli::error::CliError;

/// So many steps are taken to find that one line says what another one says already.
const STEPS: usize = 10_000;

/// A commit with the lines that lead from it.
pub struct Node {
    /// The commit.
    pub item: Item,
    lines: Vec<Line>,
}

/// A line to a commit further down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Parent(CommitId),
    /// Commits between are left out.
    Ancestor(CommitId),
    /// What comes there is not shown.
    Cut,
}

/// Draws commits with the lines between them.
pub struct GraphLog {
    renderer: BoxDrawingRenderer<CommitId, GraphRowRenderer<CommitId>>,
    is_filtered: bool,
    is_done: bool,
}

impl GraphLog {
    /// Begins. Where commits are left out, all are read before the first is drawn.
    pub fn new(is_filtered: bool) -> Self {
        let renderer = GraphRowRenderer::new().output().with_min_row_height(1).build_box_drawing();
        Self { renderer, is_filtered, is_done: false }
    }

    /// The next commits, and what came instead of another; `None` at the end.
    pub fn read(&mut self, batches: &mut Batches<'_>) -> Option<(Vec<Node>, Option<CliError>)> {
        if self.is_done {
            return None;
        }
        let most = if self.is_filtered { usize::MAX } else { Batches::lot() };
        let (mut steps, mut failed) = (Vec::new(), None);
        while steps.len() < most {
            match batches.next() {
                None => {
                    self.is_done = true;
                    break;
                }
                Some(Ok((walked, item))) => {
                    let lines = walked.follow.iter().copied();
                    steps.push(Step {
                        id: walked.id,
                        follow: lines.collect(),
                        cut: walked.leaves,
                        item,
                    });
                }
                Some(Err(error)) => {
                    (failed, self.is_done) = (Some(error), true);
                    break;
                }
            }
        }
        let nodes = if self.is_filtered { simplified(steps) } else { plain(steps) };
        (!nodes.is_empty() || failed.is_some()).then_some((nodes, failed))
    }

    /// The rows of a commit, with its text beside them.
    pub fn row(&mut self, node: &Node, is_head: bool, text: String) -> String {
        let lines = node.lines.iter().map(|line| match line {
            Line::Parent(id) => Ancestor::Parent(*id),
            Line::Ancestor(id) => Ancestor::Ancestor(*id),
            Line::Cut => Ancestor::Anonymous,
        });
        let glyph = if is_head { "@" } else { "○" };
        let row =
            self.renderer.next_row(node.item.stored.id, lines.collect(), glyph.to_owned(), text);
        let lines = row.lines().map(str::trim_end);
        lines.map(|line| format!("{line}\n")).collect()
    }
}

/// A commit on the way.
struct Step {
    id: CommitId,
    follow: Vec<CommitId>,
    cut: bool,
    item: Option<Item>,
}

fn plain(steps: Vec<Step>) -> Vec<Node> {
    let node = |step: Step| {
        let lines = step.follow.into_iter().map(Line::Parent);
        let lines = lines.chain(step.cut.then_some(Line::Cut)).collect();
        Some(Node { item: step.item?, lines })
    };
    steps.into_iter().filter_map(node).collect()
}

/// Leads lines past commits that are not shown, and leaves out those that say nothing new.
fn simplified(steps: Vec<Step>) -> Vec<Node> {
    let places: HashMap<CommitId, usize> =
        steps.iter().enumerate().map(|(at, step)| (step.id, at)).collect();
    // Of each commit, the lines that lead from it; from the last one up.
    let mut lines: Vec<Vec<Line>> = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        let mut own: Vec<Line> = Vec::new();
        let mut push = |line: Line| {
            if !own.contains(&line) {
                own.push(line);
            }
        };
        for parent in &step.follow {
            match places.get(parent) {
                None => push(Line::Cut),
                Some(place) if steps[*place].item.is_some() => push(Line::Parent(*parent)),
                Some(place) => lines[*place].iter().for_each(|line| {
                    push(match line {
                        Line::Parent(id) => Line::Ancestor(*id),
                        line => *line,
                    });
                }),
            }
        }
        if step.cut {
            push(Line::Cut);
        }
        if own.len() > 1 {
            own = without_detours(own, &lines, &places);
        }
        lines[at] = own;
    }
    let nodes = steps.into_iter().zip(lines);
    nodes.filter_map(|(step, lines)| Some(Node { item: step.item?, lines })).collect()
}

/// Without lines to commits that another line leads to as well.
fn without_detours(
    own: Vec<Line>,
    lines: &[Vec<Line>],
    places: &HashMap<CommitId, usize>,
) -> Vec<Line> {
    let place = |line: &Line| match line {
        Line::Parent(id) | Line::Ancestor(id) => places.get(id).copied(),
        Line::Cut => None,
    };
    let last = own.iter().filter_map(place).max().unwrap_or(0);
    let mut behind = vec![];
    let mut stack: Vec<usize> = own.iter().filter_map(place).collect();
    let mut seen = std::collections::HashSet::new();
    let mut steps = 0;
    while let Some(at) = stack.pop() {
        steps += 1;
        if steps > STEPS {
            return own;
        }
        for next in lines[at].iter().filter_map(place).filter(|next| *next <= last) {
            if seen.insert(next) {
                behind.push(next);
                stack.push(next);
            }
        }
    }
    let is_new = |line: &Line| match line {
        // A parent is always shown as one.
        Line::Ancestor(_) => place(line).is_none_or(|at| !seen.contains(&at)),
        _ => true,
    };
    own.into_iter().filter(is_new).collect()
}
