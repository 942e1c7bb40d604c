//! aisr: the system of record for AI systems.

pub mod chunk;
