//! Numbers of every type, compared pair by pair.

/// What a stretch came to.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Sum {
    /// How many units differ in any bit.
    pub changed: u64,
    /// The largest distance.
    pub max: f64,
    /// The sum of distances.
    pub distance: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// How many distances are not finite.
    pub not_finite: u64,
}

impl Sum {
    /// Adds what another stretch came to.
    pub fn add(&mut self, other: &Self) {
        self.changed += other.changed;
        self.max = self.max.max(other.max);
        self.distance += other.distance;
        self.squares += other.squares;
        self.not_finite += other.not_finite;
    }

    fn moved(&mut self, distance: f64) {
        if distance.is_finite() {
            self.max = self.max.max(distance);
            self.distance += distance;
            self.squares += distance * distance;
        } else {
            self.not_finite += 1;
        }
    }
}

/// How the numbers of a type are compared.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// Floating point of 64 bits.
    F64,
    /// Floating point of 32 bits.
    F32,
    /// Two numbers of 32 bits each: a complex one.
    C64,
    /// Half precision (IEEE 754 binary16).
    F16,
    /// The upper half of binary32.
    Bf16,
    /// Eight bits: a table of what they mean.
    Byte(fn(u8) -> f64),
    /// Whole numbers.
    I16,
    /// Whole numbers.
    I32,
    /// Whole numbers.
    I64,
    /// Whole numbers.
    U16,
    /// Whole numbers.
    U32,
    /// Whole numbers.
    U64,
    /// A scale in half precision and 32 whole numbers of 8 bits (`block_q8_0` of ggml).
    Q8_0,
    /// A scale in half precision and 32 whole numbers of 4 bits, less 8 (`block_q4_0` of ggml).
    Q4_0,
    /// Units whose numbers are not understood.
    Bytes {
        /// Bytes of a unit.
        unit: u64,
    },
}

/// How the numbers of a type are compared; `None` where they are not understood.
pub fn kernel(dtype: &str) -> Option<Kernel> {
    Some(match dtype {
        "F64" => Kernel::F64,
        "F32" => Kernel::F32,
        "C64" => Kernel::C64,
        "F16" => Kernel::F16,
        "BF16" => Kernel::Bf16,
        "F8_E4M3" => Kernel::Byte(f8_e4m3),
        "F8_E5M2" => Kernel::Byte(f8_e5m2),
        "F8_E8M0" => Kernel::Byte(f8_e8m0),
        "U8" | "BOOL" => Kernel::Byte(f64::from),
        "I8" => Kernel::Byte(|byte| f64::from(byte.cast_signed())),
        "I16" => Kernel::I16,
        "I32" => Kernel::I32,
        "I64" => Kernel::I64,
        "U16" => Kernel::U16,
        "U32" => Kernel::U32,
        "U64" => Kernel::U64,
        "Q8_0" => Kernel::Q8_0,
        "Q4_0" => Kernel::Q4_0,
        _ => return None,
    })
}

/// Equal stretches of this length are passed over at once.
const STRIDE: usize = 4096;

impl Kernel {
    /// Compares two pieces of one length that hold whole units.
    // Inlined among what reads, its loops take half as long again.
    #[inline(never)]
    pub fn compare(self, a: &[u8], b: &[u8], sum: &mut Sum) {
        match self {
            Self::F64 => {
                numbers(a, b, sum, |a, b| (f64::from_le_bytes(a) - f64::from_le_bytes(b)).abs());
            }
            Self::F32 => {
                numbers(a, b, sum, |a, b| distance(f32::from_le_bytes(a), f32::from_le_bytes(b)));
            }
            Self::C64 => numbers(a, b, sum, |a, b| {
                let part =
                    |a: u64, b: u64| distance(f32::from_bits(a as u32), f32::from_bits(b as u32));
                let (a, b) = (u64::from_le_bytes(a), u64::from_le_bytes(b));
                let (real, imaginary) = (part(a, b), part(a >> 32, b >> 32));
                // Unlike `hypot`, this does not take what is no number for infinite.
                (real * real + imaginary * imaginary).sqrt()
            }),
            Self::F16 => numbers(a, b, sum, |a, b| distance(f16(a), f16(b))),
            Self::Bf16 => numbers(a, b, sum, |a, b| distance(bf16(a), bf16(b))),
            Self::Byte(decode) => {
                numbers(a, b, sum, |[a]: [u8; 1], [b]: [u8; 1]| (decode(a) - decode(b)).abs());
            }
            Self::I16 => whole(a, b, sum, |n| i16::from_le_bytes(n).into()),
            Self::I32 => whole(a, b, sum, |n| i32::from_le_bytes(n).into()),
            Self::I64 => whole(a, b, sum, |n| i64::from_le_bytes(n).into()),
            Self::U16 => whole(a, b, sum, |n| u16::from_le_bytes(n).into()),
            Self::U32 => whole(a, b, sum, |n| u32::from_le_bytes(n).into()),
            Self::U64 => whole(a, b, sum, |n| u64::from_le_bytes(n).into()),
            Self::Q8_0 => blocks(a, b, sum, |block: &[u8; 34]| {
                let [s0, s1, numbers @ ..] = block;
                let scale = f16([*s0, *s1]);
                numbers.map(|n| scale * f32::from(n.cast_signed()))
            }),
            Self::Q4_0 => blocks(a, b, sum, |block: &[u8; 18]| {
                let [s0, s1, pairs @ ..] = block;
                let scale = f16([*s0, *s1]);
                let number = |n: u8| scale * (f32::from(n) - 8.0);
                let mut out = [0.0; 32];
                let (low, high) = out.split_at_mut(16);
                for ((pair, low), high) in pairs.iter().zip(low).zip(high) {
                    (*low, *high) = (number(pair & 15), number(pair >> 4));
                }
                out
            }),
            Self::Bytes { unit } => {
                let unit = usize::try_from(unit).unwrap_or(1).max(1);
                let differ = a.chunks(unit).zip(b.chunks(unit)).filter(|(a, b)| a != b);
                sum.changed += differ.count() as u64;
            }
        }
    }
}

fn distance(a: f32, b: f32) -> f64 {
    (f64::from(a) - f64::from(b)).abs()
}

fn numbers<const N: usize>(
    a: &[u8],
    b: &[u8],
    sum: &mut Sum,
    distance: impl Fn([u8; N], [u8; N]) -> f64,
) {
    for (a, b) in a.chunks(STRIDE).zip(b.chunks(STRIDE)) {
        if a == b {
            continue;
        }
        for (a, b) in a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0) {
            if a != b {
                sum.changed += 1;
                sum.moved(distance(*a, *b));
            }
        }
    }
}

fn whole<const N: usize>(a: &[u8], b: &[u8], sum: &mut Sum, decode: impl Fn([u8; N]) -> i128) {
    numbers(a, b, sum, |a, b| decode(a).abs_diff(decode(b)) as f64);
}

fn blocks<const N: usize>(
    a: &[u8],
    b: &[u8],
    sum: &mut Sum,
    decode: impl Fn(&[u8; N]) -> [f32; 32],
) {
    for (a, b) in a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0) {
        if a != b {
            sum.changed += 1;
            for (a, b) in decode(a).into_iter().zip(decode(b)) {
                if a.to_bits() != b.to_bits() {
                    sum.moved(distance(a, b));
                }
            }
        }
    }
}

fn bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// IEEE 754 binary16: 1 bit sign, 5 exponent, 10 mantissa.
fn f16(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, exponent, mantissa) = ((bits & 0x8000) << 16, bits >> 10 & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        // Below the normal numbers, steps of 2^-24.
        0 => return f32::from_bits(sign | (mantissa as f32 * (-24f32).exp2()).to_bits()),
        0x1f => 0x7f80_0000 | mantissa << 13,
        _ => (exponent + 112) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// 1 bit sign, 4 exponent, 3 mantissa; no infinities (OCP 8-bit floating point, E4M3).
fn f8_e4m3(byte: u8) -> f64 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f64::from(byte & 7));
    let magnitude = match (exponent, byte & 7) {
        (15, 7) => f64::NAN,
        (0, _) => mantissa / 8.0 * 2f64.powi(-6),
        _ => (1.0 + mantissa / 8.0) * 2f64.powi(exponent - 7),
    };
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

/// 1 bit sign, 5 exponent, 2 mantissa: the upper half of binary16 (OCP 8-bit floating point, E5M2).
fn f8_e5m2(byte: u8) -> f64 {
    f16([0, byte]).into()
}

/// 8 bits of exponent alone (OCP microscaling formats, E8M0).
fn f8_e8m0(byte: u8) -> f64 {
    if byte == 0xff { f64::NAN } else { 2f64.powi(i32::from(byte) - 127) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known values of each format.
    #[test]
    fn small_floats_mean_what_their_formats_say() {
        let half = |bits: u16| f16(bits.to_le_bytes());
        let halves = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555, 0x8000].map(half);
        let wanted = [1.0, -2.0, 65504.0, 5.960_464_5e-8, 6.103_515_6e-5, 0.333_251_95, -0.0];
        assert_eq!(halves.map(f32::to_bits), wanted.map(f32::to_bits));
        assert_eq!((half(0x7c00), half(0xfc00)), (f32::INFINITY, f32::NEG_INFINITY));
        assert!(half(0x7e00).is_nan());
        assert_eq!(bf16(0x3f80u16.to_le_bytes()), 1.0);
        assert_eq!([0x38, 0x7e, 0x01, 0xc0].map(f8_e4m3), [1.0, 448.0, 2f64.powi(-9), -2.0]);
        assert!(f8_e4m3(0x7f).is_nan() && f8_e4m3(0xff).is_nan());
        assert_eq!([0x3c, 0x7b, 0x01].map(f8_e5m2), [1.0, 57344.0, 2f64.powi(-16)]);
        assert_eq!([127, 128, 0].map(f8_e8m0), [1.0, 2.0, 2f64.powi(-127)]);
    }

    #[test]
    fn whole_numbers_of_64_bits_keep_their_small_differences() {
        let (a, b) = (i64::MAX.to_le_bytes(), (i64::MAX - 3).to_le_bytes());
        let mut sum = Sum::default();
        Kernel::I64.compare(&a, &b, &mut sum);
        assert_eq!((sum.changed, sum.max), (1, 3.0));
        let mut sum = Sum::default();
        Kernel::I64.compare(&i64::MIN.to_le_bytes(), &a, &mut sum);
        assert_eq!(sum.max, 2f64.powi(64));
    }
}
