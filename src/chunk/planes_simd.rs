//! Split and join of 16-bit planes, 32 numbers at a time where the processor has AVX2.
//!
//! The loops are the plain ones of [`super::planes`], compiled for AVX2: the compiler vectorises them.
#![allow(unsafe_code)]

/// Splits as [`super::planes::split_plain`] does; false, and nothing done, without AVX2.
#[inline]
pub(super) fn split(numbers: &[u8], mantissas: &mut [u8], exponents: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing that the callee needs.
        unsafe { avx2::split(numbers, mantissas, exponents) };
        return true;
    }
    let _ = (numbers, mantissas, exponents);
    false
}

/// Joins as [`super::planes::join_plain`] does; false, and nothing done, without AVX2.
#[inline]
pub(super) fn join(mantissas: &[u8], exponents: &[u8], numbers: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing that the callee needs.
        unsafe { avx2::join(mantissas, exponents, numbers) };
        return true;
    }
    let _ = (mantissas, exponents, numbers);
    false
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use crate::chunk::planes::{join_plain, split_plain};

    #[target_feature(enable = "avx2")]
    pub(super) fn split(numbers: &[u8], mantissas: &mut [u8], exponents: &mut [u8]) {
        split_plain(numbers, mantissas, exponents);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn join(mantissas: &[u8], exponents: &[u8], numbers: &mut [u8]) {
        join_plain(mantissas, exponents, numbers);
    }
}
