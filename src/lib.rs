//! aisr: the system of record for AI systems.
pub mod map;
pub mod object;
