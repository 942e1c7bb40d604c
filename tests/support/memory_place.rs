//! A place in memory: what is under its keys is whatever a test says.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;

use aisr::remote::{Fill, Listed, Place, Put, RemoteError};

type Result<T> = std::result::Result<T, RemoteError>;

/// A place in memory.
#[derive(Default)]
pub struct MemoryPlace {
    pub keys: Mutex<BTreeMap<String, Vec<u8>>>,
    /// A listing goes on for ever.
    pub endless: bool,
}

impl MemoryPlace {
    /// What lies in the `.aisr` of a folder.
    pub fn of(root: &Path) -> Self {
        let place = Self::default();
        let folder = root.join(".aisr");
        let mut todo = vec![folder.clone()];
        while let Some(dir) = todo.pop() {
            for entry in std::fs::read_dir(dir).expect("read_dir") {
                let path = entry.expect("entry").path();
                if path.is_dir() {
                    todo.push(path);
                    continue;
                }
                let key = path.strip_prefix(&folder).expect("below").to_str().expect("UTF-8");
                place.put(key, std::fs::read(&path).expect("read"));
            }
        }
        place
    }

    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        self.keys.lock().expect("a lock").insert(key.into(), bytes);
    }

    pub fn remove(&self, key: &str) {
        self.keys.lock().expect("a lock").remove(key).expect("something to remove");
    }

    pub fn at(&self, key: &str) -> Vec<u8> {
        self.keys.lock().expect("a lock")[key].clone()
    }

    /// The keys that start so.
    pub fn under(&self, prefix: &str) -> Vec<String> {
        let keys = self.keys.lock().expect("a lock");
        keys.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    fn unsound(key: &str) -> RemoteError {
        let (place, key, why) = ("memory".into(), key.into(), "not there".into());
        RemoteError::Unsound { place, key, why }
    }
}

impl Place for MemoryPlace {
    fn name(&self) -> &str {
        "memory"
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Listed) -> ControlFlow<()>) -> Result<()> {
        for number in 0.. {
            if !self.endless {
                break;
            }
            let key = format!("{prefix}{}.pack", blake3::hash(&u64::to_le_bytes(number)));
            if visit(Listed { key, len: 1 << 40 }).is_break() {
                return Ok(());
            }
        }
        for key in self.under(prefix) {
            let len = self.at(&key).len() as u64;
            if visit(Listed { key, len }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let found = self.keys.lock().expect("a lock").get(key).cloned();
        match found {
            Some(bytes) if bytes.len() as u64 > limit => Err(Self::unsound(key)),
            found => Ok(found),
        }
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let keys = self.keys.lock().expect("a lock");
        let bytes = keys.get(key).ok_or_else(|| Self::unsound(key))?;
        let range = offset as usize..(offset as usize).saturating_add(len);
        bytes.get(range).map(<[u8]>::to_vec).ok_or_else(|| Self::unsound(key))
    }

    fn put_if_absent(&self, key: &str, fill: &mut Fill<'_>) -> Result<Put> {
        let mut all = Vec::new();
        fill(&mut |bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        })?;
        let mut keys = self.keys.lock().expect("a lock");
        if keys.contains_key(key) {
            return Ok(Put::Exists);
        }
        keys.insert(key.into(), all);
        Ok(Put::Created)
    }
}
