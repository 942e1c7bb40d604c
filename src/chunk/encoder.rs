//! Encoding: the smallest form that is worth its time.

use std::io::Cursor;

use zstd_safe::{CCtx, CParameter, FrameFormat, ParamSwitch};

use super::codec::Codec;
use super::hint::ContentHint;
use super::planes;

/// Level for chunks of files (see `docs/storage.md` for the measurements behind each level).
const LEVEL_CHUNK: i32 = 1;
/// Level for blocks of small files, which are read often and written once.
const LEVEL_BLOCK: i32 = 3;
/// Level for pages of a database.
const LEVEL_PAGE: i32 = 1;
/// Fast enough to find no matches at all: with literals forced, only the entropy coder runs.
const LEVEL_ENTROPY_ONLY: i32 = -1000;

/// A coded form must save at least 3 %, else the bytes stay raw.
const WORTHWHILE_PERCENT: usize = 97;
/// How much of a numeric chunk the probe looks at.
const PROBE: usize = 4 << 10;
/// A numeric chunk is coded whole only if its probe shrinks below this.
const PROBE_PERCENT: usize = 95;

/// Encodes chunks and blocks; one per worker, so that contexts and buffers are made once.
pub struct Encoder {
    zstd: CCtx<'static>,
    entropy: CCtx<'static>,
    exponents: Vec<u8>,
    probed: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder::new()
    }
}

impl Encoder {
    /// An encoder with fresh contexts.
    pub fn new() -> Encoder {
        Encoder {
            zstd: CCtx::create(),
            entropy: entropy_coder(),
            exponents: Vec::new(),
            probed: Vec::new(),
        }
    }

    /// Appends the stored form of `data` to `out` and says which codec made it.
    ///
    /// Data above [`MAX_DECODED`](super::MAX_DECODED) is stored, but no decoder will take it.
    pub fn encode(&mut self, hint: ContentHint, data: &[u8], out: &mut Vec<u8>) -> Codec {
        let start = out.len();
        let coded = match hint {
            ContentHint::Unknown => self.zstd(LEVEL_CHUNK, data, out),
            ContentHint::SqlitePage => self.zstd(LEVEL_PAGE, data, out),
            ContentHint::Block => self.zstd(LEVEL_BLOCK, data, out),
            ContentHint::Bf16 => self.bf16(data, out),
            ContentHint::Numeric => self.numeric(data, out),
        };
        coded.unwrap_or_else(|| {
            out.truncate(start);
            out.extend_from_slice(data);
            Codec::Raw
        })
    }

    fn zstd(&mut self, level: i32, data: &[u8], out: &mut Vec<u8>) -> Option<Codec> {
        let start = out.len();
        set_level(&mut self.zstd, level)?;
        append_frame(&mut self.zstd, data, out)?;
        worthwhile(out.len() - start, data.len()).then_some(Codec::Zstd)
    }

    fn numeric(&mut self, data: &[u8], out: &mut Vec<u8>) -> Option<Codec> {
        self.shrinks(data)?;
        self.zstd(LEVEL_CHUNK, data, out)
    }

    /// Planes, unless the mantissas shrink too: then the numbers are no plain weights (zeros,
    /// repeats, widened smaller floats) and zstd over the whole does better.
    fn bf16(&mut self, data: &[u8], out: &mut Vec<u8>) -> Option<Codec> {
        let start = out.len();
        let count = data.len() / 2;
        out.push(planes::KIND_BF16);
        out.resize(start + 1 + count, 0);
        self.exponents.resize(count, 0);
        planes::split(data, &mut out[start + 1..], &mut self.exponents);
        if self.shrinks(&out[start + 1..]).is_some() {
            out.truncate(start);
            return self.zstd(LEVEL_CHUNK, data, out);
        }
        out.extend_from_slice(&data[count * 2..]);
        append_frame(&mut self.entropy, &self.exponents, out)?;
        worthwhile(out.len() - start, data.len()).then_some(Codec::Planes)
    }

    /// Some if a sample out of the middle of `data` shrinks enough to code the whole.
    fn shrinks(&mut self, data: &[u8]) -> Option<()> {
        let from = (data.len() / 2).saturating_sub(PROBE / 2);
        let sample = &data[from..data.len().min(from + PROBE)];
        self.probed.clear();
        set_level(&mut self.zstd, LEVEL_CHUNK)?;
        append_frame(&mut self.zstd, sample, &mut self.probed)?;
        (self.probed.len() * 100 <= sample.len() * PROBE_PERCENT).then_some(())
    }
}

fn worthwhile(coded: usize, plain: usize) -> bool {
    coded.saturating_mul(100) <= plain.saturating_mul(WORTHWHILE_PERCENT)
}

fn set_level(context: &mut CCtx<'static>, level: i32) -> Option<()> {
    context.set_parameter(CParameter::CompressionLevel(level)).ok().map(drop)
}

/// Appends one frame that holds `data`; after `None` nothing was appended.
fn append_frame(context: &mut CCtx<'static>, data: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.reserve(zstd_safe::compress_bound(data.len()));
    let end = out.len() as u64;
    let mut tail = Cursor::new(out);
    tail.set_position(end);
    context.compress2(&mut tail, data).ok().map(drop)
}

/// A context for exponent planes: only the entropy coder, and a frame without what the record says.
fn entropy_coder() -> CCtx<'static> {
    let mut context = CCtx::create();
    for parameter in [
        CParameter::CompressionLevel(LEVEL_ENTROPY_ONLY),
        CParameter::LiteralCompressionMode(ParamSwitch::Enable),
        CParameter::Format(FrameFormat::Magicless),
        CParameter::ContentSizeFlag(false),
    ] {
        context.set_parameter(parameter).expect("the zstd built in knows its own parameters");
    }
    context
}
