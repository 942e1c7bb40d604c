//! Whatever a database holds, its tables are read to an end or an error, alone and beside another
//! version, and keys ascend.

#![no_main]

use std::sync::Arc;

use aisr::view::View;
use aisr::view::sqlite::SqliteView;
use libfuzzer_sys::fuzz_target;

/// Enough to see all of what small inputs hold.
const MOST: usize = 20_000;

fuzz_target!(|data: &[u8]| {
    let Ok(view) = SqliteView::open(Arc::new(data.to_vec())) else { return };
    // Another version: the same but for its second half.
    let mut other = data.to_vec();
    let middle = other.len() / 2;
    other[middle..].iter_mut().for_each(|byte| *byte = byte.rotate_left(1));
    let other = SqliteView::open(Arc::new(other)).ok();
    for table in view.tables() {
        let versions = [None, Some(&view), other.as_ref()];
        for beside in versions {
            let beside = beside.map(|view| view as &dyn View);
            let Ok(mut cursor) = view.cursor(table, beside) else { continue };
            let (mut last, mut count) = (None, 0);
            while let Ok(Some(record)) = cursor.next() {
                assert!(last.as_ref().is_none_or(|last| *last < record.key));
                last = Some(record.key);
                count += 1;
                if count == MOST {
                    break;
                }
            }
        }
    }
});
