//! A map node that decodes is exactly what its header and its entries, read one by one, encode to.

#![no_main]

use std::sync::Arc;

use aisr::object::cbor::Writer;
use aisr::object::{Node, ValueRef};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(node) = Node::decode(Arc::from(data)) else { return };
    let header = node.header();
    let mut again = Writer::new();
    again.map(5).text("c").uint(header.count);
    again.text("e").array(node.len());
    for (key, value) in node.entries() {
        again.array(2).bytes(key);
        match value {
            ValueRef::Inline(bytes) => again.array(2).uint(0).bytes(bytes),
            ValueRef::Blob { id, size } => again.array(3).uint(1).bytes(id.as_bytes()).uint(size),
        };
    }
    for (key, child) in node.children() {
        again.array(2).bytes(key).bytes(child.as_bytes());
    }
    again.text("l").uint(u64::from(header.level));
    again.text("s").text(header.schema.name());
    again.text("z").uint(header.bytes);
    assert_eq!(again.finish(), data);
    for index in 0..node.len() {
        assert_eq!(node.search(node.key(index).expect("within the length")), Ok(index));
    }
});
