//! What is salvaged from any bytes hashes to its id and lies where its record says.
//!
//! Salvage reads a file, so the input goes through one, in memory where the system has such a place.

#![no_main]

use std::path::{Path, PathBuf};

use aisr::object::PackId;
use aisr::store::salvage;
use libfuzzer_sys::fuzz_target;

const FOOTER: &[u8] = b"AISRFOOT";

fuzz_target!(|data: &[u8]| {
    let folder = Path::new("/dev/shm");
    let folder = if folder.is_dir() { folder.into() } else { std::env::temp_dir() };
    let path: PathBuf = folder.join(format!("aisr-fuzz-salvage-{}", std::process::id()));
    std::fs::write(&path, data).unwrap();
    // The name that makes the last thing that looks like a footer a proven one, and another.
    let at = data.windows(FOOTER.len()).rposition(|bytes| bytes == FOOTER);
    let footer = at.map_or(data, |at| &data[at..data.len().saturating_sub(32).max(at)]);
    for name in [PackId::of(footer), PackId::of(b"another")] {
        let mut found = 0;
        let salvaged = salvage(&path, name, &mut |record| {
            let mut start = 0;
            for (slot, id) in record.header.slots.iter().zip(record.ids) {
                let object = &record.decoded[start..start + slot.len as usize];
                if let Some(id) = id {
                    assert_eq!(slot.kind.id_of(object), *id);
                    found += 1;
                }
                start += slot.len as usize;
            }
            assert_eq!(start, record.decoded.len());
            Ok(())
        });
        assert_eq!(salvaged.unwrap().objects, found);
    }
    std::fs::remove_file(&path).unwrap();
});
