//! A path that is accepted is kept as it is, is made of names that may be joined again, and never
//! leaves its folder.

#![no_main]

use aisr::object::RepoPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(path) = RepoPath::parse(data) else { return };
    assert_eq!(path.as_bytes(), data);
    assert!(!data.contains(&0) && !data.starts_with(b"/") && !data.is_empty());
    let mut again = RepoPath::root();
    for name in path.components() {
        assert!(!["", ".", ".."].iter().any(|bad| name == *bad));
        assert!(!name.eq_ignore_ascii_case(b".aisr"));
        again = again.join(name).expect("a name of an accepted path");
    }
    assert_eq!(again, path);
    assert!(!path.to_string().chars().any(char::is_control));
});
