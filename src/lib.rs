//! aisr: the system of record for AI systems.
