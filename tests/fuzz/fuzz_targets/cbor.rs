//! Whatever [`Reader::any`] accepts, written again item by item, gives the same bytes.

#![no_main]

use aisr::object::cbor::{Kind, Reader, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(item) = Reader::new(data).any() else { return };
    let mut again = Writer::new();
    copy(&mut Reader::new(item), &mut again);
    assert_eq!(again.finish(), item);
});

/// Reads one item that is known to be sound by its type, and writes it.
fn copy(from: &mut Reader<'_>, to: &mut Writer) {
    const SOUND: &str = "`any` accepted it";
    match from.kind().expect(SOUND) {
        Kind::Uint => to.uint(from.uint().expect(SOUND)),
        Kind::Negative => to.int(from.int().expect(SOUND)),
        Kind::Bytes => to.bytes(from.bytes().expect(SOUND)),
        Kind::Text => to.text(from.text().expect(SOUND)),
        Kind::Array => {
            let items = from.list(|r| r.any()).expect(SOUND);
            to.array(items.len());
            items.iter().for_each(|item| copy(&mut Reader::new(item), to));
            return;
        }
        Kind::Map => {
            let mut pairs = Vec::new();
            let read = from.fields(|r, key| {
                pairs.push((key, r.any()?));
                Ok(())
            });
            read.expect(SOUND);
            to.map(pairs.len());
            for (key, value) in pairs {
                to.text(key);
                copy(&mut Reader::new(value), to);
            }
            return;
        }
    };
}
