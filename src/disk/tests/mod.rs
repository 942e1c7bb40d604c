//! The room as a whole: faults at every call, and crashes at every moment.

mod faults;
mod operations;
mod protocols;
