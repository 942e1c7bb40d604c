//! Decoding: exact, or an error.

use std::io::Cursor;

use zstd_safe::{DCtx, DParameter, FrameFormat, WriteBuf};

use super::codec::{Codec, CodecError, MAX_DECODED};
use super::{frame, planes};

/// What every standard zstd frame begins with (RFC 8878 §3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Decodes stored bytes; one per worker, so that contexts and buffers are made once.
pub struct Decoder {
    zstd: DCtx<'static>,
    /// Made when the first planes come.
    magicless: Option<DCtx<'static>>,
    exponents: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder with fresh contexts.
    pub fn new() -> Decoder {
        Decoder { zstd: DCtx::create(), magicless: None, exponents: Vec::new() }
    }

    /// Appends to `out` the `decoded_len` bytes that `data` stands for.
    ///
    /// `data` may be hostile: it decodes to exactly that length and is used up to its last byte, or
    /// this is an error and `out` is as before. Nothing is allocated beyond `decoded_len` and buffers
    /// of the same size, and nothing at all above [`MAX_DECODED`]. That the bytes are the right ones
    /// only their hash can tell.
    pub fn decode(
        &mut self,
        codec: Codec,
        data: &[u8],
        decoded_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        if decoded_len > MAX_DECODED {
            return Err(CodecError::TooLong { len: decoded_len });
        }
        match codec {
            Codec::Raw => decode_raw(data, decoded_len, out),
            Codec::Zstd => self.decode_zstd(data, decoded_len, out),
            Codec::Planes => self.decode_planes(data, decoded_len, out),
        }
    }

    fn decode_zstd(
        &mut self,
        data: &[u8],
        decoded_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let malformed = CodecError::Malformed { codec: Codec::Zstd };
        // RFC 8878 §3.1.1.1.1: of the descriptor's bits, decoders pass over one and reserve another.
        let spare_bits = data.get(ZSTD_MAGIC.len()).is_some_and(|bits| bits & 0x18 != 0);
        if !data.starts_with(&ZSTD_MAGIC)
            || spare_bits
            || zstd_safe::find_frame_compressed_size(data) != Ok(data.len())
        {
            return Err(malformed);
        }
        let stated = zstd_safe::get_frame_content_size(data).ok().flatten().ok_or(malformed)?;
        if stated != decoded_len as u64 {
            return Err(CodecError::WrongLength { expected: decoded_len });
        }
        let start = out.len();
        out.reserve(decoded_len);
        let mut tail = Cursor::new(&mut *out);
        tail.set_position(start as u64);
        decode_frame(&mut self.zstd, data, decoded_len, &mut tail)
            .ok_or(malformed)
            .inspect_err(|_| out.truncate(start))
    }

    fn decode_planes(
        &mut self,
        data: &[u8],
        decoded_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let malformed = CodecError::Malformed { codec: Codec::Planes };
        let (&kind, rest) = data.split_first().ok_or(malformed)?;
        if kind != planes::KIND_BF16 {
            return Err(CodecError::UnknownElement { kind });
        }
        let count = decoded_len / 2;
        let (mantissas, rest) = rest.split_at_checked(count).ok_or(malformed)?;
        let (odd, exponent_frame) = rest.split_at_checked(decoded_len % 2).ok_or(malformed)?;
        if frame::decoded_bound(exponent_frame).ok_or(malformed)? < count {
            return Err(CodecError::WrongLength { expected: decoded_len });
        }
        self.exponents.clear();
        self.exponents.reserve(count);
        let magicless = self.magicless.get_or_insert_with(magicless_context);
        decode_frame(magicless, exponent_frame, count, &mut self.exponents).ok_or(malformed)?;

        let start = out.len();
        out.resize(start + count * 2, 0);
        planes::join(mantissas, &self.exponents, &mut out[start..]);
        out.extend_from_slice(odd);
        Ok(())
    }
}

fn magicless_context() -> DCtx<'static> {
    let mut context = DCtx::create();
    context
        .set_parameter(DParameter::Format(FrameFormat::Magicless))
        .expect("the zstd built in knows its own parameters");
    context
}

fn decode_raw(data: &[u8], decoded_len: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if data.len() != decoded_len {
        return Err(CodecError::WrongLength { expected: decoded_len });
    }
    out.extend_from_slice(data);
    Ok(())
}

/// Decodes one frame into `out`, which has room for `expected` bytes or some more.
fn decode_frame(
    context: &mut DCtx<'static>,
    data: &[u8],
    expected: usize,
    out: &mut impl WriteBuf,
) -> Option<()> {
    let len = context.decompress(out, data).ok()?;
    (len == expected).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::{ContentHint, Encoder};
    use super::*;
    use proptest::prelude::*;

    const HINTS: [ContentHint; 5] = [
        ContentHint::Unknown,
        ContentHint::Bf16,
        ContentHint::Numeric,
        ContentHint::SqlitePage,
        ContentHint::Block,
    ];

    fn encoded(hint: ContentHint, data: &[u8]) -> (Codec, Vec<u8>) {
        let mut out = Vec::new();
        let codec = Encoder::new().encode(hint, data, &mut out);
        (codec, out)
    }

    fn decoded(codec: Codec, data: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
        let mut out = Vec::new();
        Decoder::new().decode(codec, data, len, &mut out).map(|()| out)
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut data);
        data
    }

    /// Brain floats around zero, as weights are: the exponent from a few, the mantissa noise.
    fn weights(count: usize) -> Vec<u8> {
        noise(count * 2)
            .chunks_exact(2)
            .flat_map(|pair| {
                let exponent = 122 - u16::from(pair[1].trailing_zeros() as u8);
                ((u16::from(pair[1] >> 7) << 15) | (exponent << 7) | u16::from(pair[0] & 0x7F))
                    .to_le_bytes()
            })
            .collect()
    }

    fn content() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..5000),
            (prop::collection::vec(any::<u8>(), 0..40), 0usize..300)
                .prop_map(|(unit, times)| unit.repeat(times)),
            (0usize..4000, 0usize..3).prop_map(|(count, cut)| {
                let mut data = weights(count);
                data.truncate(data.len().saturating_sub(cut));
                data
            }),
        ]
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded_under_any_hint(contents in prop::collection::vec(content(), 1..4)) {
            let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
            for hint in HINTS {
                let (mut stored, mut restored) = (b"before".to_vec(), b"before".to_vec());
                for data in &contents {
                    let start = stored.len();
                    let codec = encoder.encode(hint, data, &mut stored);
                    prop_assert!(stored.len() - start <= data.len());
                    decoder.decode(codec, &stored[start..], data.len(), &mut restored).unwrap();
                }
                prop_assert_eq!(&restored[..6], b"before");
                prop_assert_eq!(&restored[6..], &contents.concat()[..]);
            }
        }

        #[test]
        fn arbitrary_bytes_decode_to_the_stated_length_or_to_an_error(
            number in 0u8..3,
            data in prop::collection::vec(any::<u8>(), 0..2000),
            len in 0usize..4000,
        ) {
            let codec = Codec::from_u8(number).unwrap();
            let mut out = b"before".to_vec();
            match Decoder::new().decode(codec, &data, len, &mut out) {
                Ok(()) => prop_assert_eq!(out.len(), 6 + len),
                Err(_) => prop_assert_eq!(out, b"before"),
            }
        }

        #[test]
        fn damaged_bytes_decode_to_the_stated_length_or_to_an_error(
            data in content(),
            hint in prop::sample::select(&HINTS[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            longer in 0usize..3,
        ) {
            let (codec, mut stored) = encoded(hint, &data);
            prop_assume!(!stored.is_empty());
            for (at, value) in damage {
                let at = at.index(stored.len());
                stored[at] = value;
            }
            let mut out = b"before".to_vec();
            match Decoder::new().decode(codec, &stored, data.len() + longer, &mut out) {
                Ok(()) => prop_assert_eq!(out.len(), 6 + data.len() + longer),
                Err(_) => prop_assert_eq!(out, b"before"),
            }
        }

        #[test]
        fn a_byte_after_the_coded_bytes_is_an_error(data in content(), hint in prop::sample::select(&HINTS[..]), byte: u8) {
            let (codec, mut stored) = encoded(hint, &data);
            stored.push(byte);
            prop_assert!(decoded(codec, &stored, data.len()).is_err());
        }
    }

    #[test]
    fn weights_are_stored_as_planes_of_two_thirds_their_size() {
        let data = weights(128 << 10);
        let (codec, stored) = encoded(ContentHint::Bf16, &data);
        assert_eq!(codec, Codec::Planes);
        assert!(stored.len() * 100 < data.len() * 68, "{}", stored.len());
        assert_eq!(decoded(codec, &stored, data.len()).unwrap(), data);
    }

    #[test]
    fn noise_stays_raw_under_every_hint() {
        let data = noise(256 << 10);
        for hint in HINTS {
            assert_eq!(encoded(hint, &data).0, Codec::Raw, "{hint:?}");
        }
    }

    #[test]
    fn equal_brain_floats_are_left_to_zstd() {
        let (codec, stored) = encoded(ContentHint::Bf16, &[0x3F, 0x80].repeat(128 << 10));
        assert_eq!(codec, Codec::Zstd);
        assert!(stored.len() < 100, "{}", stored.len());
    }

    #[test]
    fn the_smallest_and_the_largest_chunks_survive() {
        let largest = weights(4 << 20);
        let equal = vec![0xAB; 8 << 20];
        for data in [&[][..], &[7], &[7, 8], &[7, 8, 9], &largest[..], &largest[1..], &equal[..]] {
            for hint in HINTS {
                let (codec, stored) = encoded(hint, data);
                assert!(
                    decoded(codec, &stored, data.len()).unwrap() == data,
                    "{hint:?} {}",
                    data.len()
                );
            }
        }
    }

    #[test]
    fn a_second_frame_behind_the_first_is_an_error() {
        for hint in [ContentHint::Unknown, ContentHint::Bf16] {
            let data = weights(4 << 10).repeat(if hint == ContentHint::Bf16 { 1 } else { 4 });
            let (codec, mut stored) = encoded(hint, &data);
            assert_ne!(codec, Codec::Raw);
            let empty_frame: &[u8] = if codec == Codec::Planes {
                &[0, 0x58, 1, 0, 0]
            } else {
                &[0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0]
            };
            stored.extend_from_slice(empty_frame);
            assert_eq!(decoded(codec, &stored, data.len()), Err(CodecError::Malformed { codec }));
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_anything_is_allocated() {
        let mut out = Vec::new();
        let refused = Decoder::new().decode(Codec::Zstd, &[], MAX_DECODED + 1, &mut out);
        assert_eq!(refused, Err(CodecError::TooLong { len: MAX_DECODED + 1 }));
        assert_eq!(out.capacity(), 0);
    }

    #[test]
    fn planes_of_an_element_kind_to_come_are_refused_by_name() {
        assert_eq!(
            decoded(Codec::Planes, &[9, 0, 0], 2),
            Err(CodecError::UnknownElement { kind: 9 })
        );
    }
}
