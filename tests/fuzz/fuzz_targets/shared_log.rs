//! An entry that a shared place's log takes moves refs that such a place has, and no others.

#![no_main]

use aisr::log::SharedLog;
use aisr::object::{Id, LogId, RepositoryId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let repo = RepositoryId::from_id(Id::new([7; 32]));
    let mut log = SharedLog::new(repo, LogId::new([7; 16]));
    if log.take(data).is_ok() {
        assert!(log.refs().refs.keys().all(|name| name.is_branch() || name.is_tag()));
        assert_eq!(log.next(), 1);
    }
});
