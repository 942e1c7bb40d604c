//! The upkeep of a whole repository.
