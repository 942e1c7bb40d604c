//! aisr: the system of record for AI systems.

pub mod capture;
pub mod chunk;
pub mod diff;
pub mod disk;
pub mod history;
pub mod log;
pub mod map;
pub mod object;
pub mod policy;
pub mod remote;
pub mod repo;
pub mod sign;
pub mod store;
pub mod system;
pub mod trust;
pub mod upkeep;
pub mod view;
pub mod worktree;
