//! Edges and rows as they are typed.

use aisr::object::{EdgeKey, is_word};

use super::error::CliError;
use super::output::Escaped;
use super::system::key_of;

/// Reads `FROM,RELATION,TO`.
pub fn edge_key(text: &str) -> Result<EdgeKey, CliError> {
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    match parts[..] {
        [from, relation, to] if is_word(relation) => {
            let (from, to) = (key_of(from)?, key_of(to)?);
            Ok(EdgeKey { from, relation: relation.into(), to })
        }
        _ => {
            let shown = format!("`{}` is no edge", Escaped(text.as_bytes()));
            Err(CliError::usage(shown)
                .hint("an edge is FROM,RELATION,TO, as in agent:triage,uses,tool:orders"))
        }
    }
}
