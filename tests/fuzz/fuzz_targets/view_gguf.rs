//! Whatever a file says, its header is read or refused, keys ascend, and no tensor reaches out of
//! the file.

#![no_main]

use std::sync::Arc;

use aisr::view::{GgufView, Key, Value, View};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(view) = GgufView::open(Arc::new(data.to_vec())) else { return };
    for table in view.tables() {
        let mut cursor = view.cursor(table, None).expect("bytes in memory");
        let mut last: Option<Key> = None;
        while let Some(record) = cursor.next().expect("a header that was read once") {
            assert!(last.is_none_or(|last| last < record.key));
            if let Value::Tensor(tensor) = record.value {
                assert!(tensor.data.start <= tensor.data.end);
                assert!(tensor.data.end <= data.len() as u64);
            }
            last = Some(record.key);
        }
    }
});
