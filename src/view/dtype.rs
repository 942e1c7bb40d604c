//! How the numbers of a tensor lie in its bytes.

/// Some numbers that are coded together, and how many bytes they take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// How many numbers.
    pub values: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Block {
    /// How many bytes a tensor of these dimensions takes; `None` where it fills no whole number of
    /// blocks, or 64 bits cannot say.
    pub fn len_of(self, shape: &[u64]) -> Option<u64> {
        let values = shape.iter().try_fold(1u64, |all, len| all.checked_mul(*len))?;
        match values % self.values {
            0 => (values / self.values).checked_mul(self.bytes),
            _ => None,
        }
    }
}

/// The blocks of a type of numbers, by the name that safetensors (`Dtype`) or GGUF
/// (`ggml_type`, in `gguf-py/gguf/constants.py`) gives it; `None` for one that is not known.
pub fn block(dtype: &str) -> Option<Block> {
    let (values, bytes) = match dtype {
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => (1, 1),
        "U16" | "I16" | "F16" | "BF16" => (1, 2),
        "U32" | "I32" | "F32" => (1, 4),
        "U64" | "I64" | "F64" | "C64" => (1, 8),
        "F4" => (2, 1),
        "F6_E2M3" | "F6_E3M2" => (4, 3),
        "Q4_0" | "IQ4_NL" => (32, 18),
        "Q4_1" => (32, 20),
        "Q5_0" => (32, 22),
        "Q5_1" => (32, 24),
        "Q8_0" => (32, 34),
        "MXFP4" => (32, 17),
        "Q2_K" => (256, 84),
        "Q3_K" | "IQ3_S" => (256, 110),
        "Q4_K" => (256, 144),
        "Q5_K" => (256, 176),
        "Q6_K" => (256, 210),
        "Q8_K" => (256, 292),
        "IQ1_S" => (256, 50),
        "IQ1_M" => (256, 56),
        "IQ2_XXS" | "TQ2_0" => (256, 66),
        "IQ2_XS" => (256, 74),
        "IQ2_S" => (256, 82),
        "IQ3_XXS" => (256, 98),
        "IQ4_XS" => (256, 136),
        "TQ1_0" => (256, 54),
        _ => return None,
    };
    Some(Block { values, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_takes_whole_blocks() {
        let len = |dtype, shape: &[u64]| block(dtype).and_then(|block| block.len_of(shape));
        assert_eq!(len("BF16", &[3, 5]), Some(30));
        assert_eq!(len("F32", &[]), Some(4));
        assert_eq!(len("Q4_0", &[64, 2]), Some(72));
        assert_eq!(len("Q4_0", &[33]), None);
        assert_eq!(len("F64", &[u64::MAX, 2]), None);
        assert_eq!(len("F32", &[u64::MAX / 2]), None);
        assert_eq!(len("F31", &[1]), None);
    }
}
