//! Whatever a file says, its header is read or refused, and no tensor reaches out of the file.

#![no_main]

use std::sync::Arc;

use aisr::diff::{RecordChanges, pair_tables};
use aisr::view::{SafetensorsView, Value, View};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(view) = SafetensorsView::open(Arc::new(data.to_vec())) else { return };
    for table in view.tables() {
        let mut cursor = view.cursor(table, Some(&view)).expect("bytes in memory");
        while let Some(record) = cursor.next().expect("bytes in memory") {
            if let Value::Tensor(tensor) = record.value {
                assert!(tensor.data.start <= tensor.data.end);
                assert!(tensor.data.end <= data.len() as u64);
            }
        }
    }
    // Beside itself nothing differs but what only the numbers can tell.
    for tables in pair_tables(Some(&view), Some(&view)) {
        let mut changes = RecordChanges::of(Some(&view), Some(&view), &tables).expect("memory");
        while let Some(change) = changes.next_change().expect("bytes in memory") {
            assert!(matches!(change.before, Some(Value::Tensor(_))) && change.before == change.after);
        }
    }
});
