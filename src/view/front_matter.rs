//! Text with front matter: YAML between lines `---`, or TOML between lines `+++`, and a body. The
//! form in which agents and prompts are defined.

use super::document::{Document, Node};
use super::error::ViewError;
use super::value::Value;
use super::{Kind, toml, yaml};

/// A text with front matter, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrontMatter<'t> {
    /// What stands between the two lines.
    pub front: &'t str,
    /// Where that starts, in bytes.
    at: u64,
    /// Whether it is TOML, and not YAML.
    pub is_toml: bool,
    /// What comes behind the second line.
    pub body: &'t str,
}

/// The parts of a text that begins with front matter which also ends.
pub fn split_front_matter(text: &str) -> Option<FrontMatter<'_>> {
    let (fence, rest) = text.split_once('\n')?;
    let fence = fence.trim_end();
    if fence != "---" && fence != "+++" {
        return None;
    }
    let at = text.len() - rest.len();
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        let after = end + line.len();
        if line.trim_end() == fence {
            return Some(FrontMatter {
                front: rest.get(..end)?,
                at: at as u64,
                is_toml: fence == "+++",
                body: rest.get(after..)?,
            });
        }
        end = after;
    }
    None
}

impl FrontMatter<'_> {
    /// The records: `front` and the path of each leaf, and `body`. `None` where what stands
    /// between the lines is no mapping, as between two rules of a Markdown text.
    pub(super) fn view(&self) -> Result<Option<Document>, ViewError> {
        let front = if self.is_toml {
            toml::parse(self.front).map(Node::of)
        } else {
            yaml::parse(self.front)
        };
        let front = front.map_err(|error| self.place(error))?;
        if !self.is_toml && !is_mapping(&front) {
            return Ok(None);
        }
        let body = Node::Leaf(Value::Text(self.body.to_owned()));
        let tree = Node::mapping(vec![("body".into(), body), ("front".into(), front)]);
        Document::new(Kind::FrontMatter, &["path"], tree).map(Some)
    }

    fn place(&self, error: ViewError) -> ViewError {
        match error {
            ViewError::Malformed { what, why, at } => {
                ViewError::Malformed { what, why, at: at.saturating_add(self.at) }
            }
            error => error,
        }
    }
}

/// Whether this is a mapping, or nothing at all.
fn is_mapping(node: &Node) -> bool {
    match node {
        Node::Branch(members) => {
            !matches!(members.first(), Some((crate::object::tuple::Element::Integer(_), _)))
        }
        Node::Leaf(Value::Null) => true,
        Node::Leaf(Value::Fields(fields)) => fields.is_empty(),
        Node::Leaf(_) => false,
        Node::Shared(shared) => is_mapping(shared),
    }
}
