//! Sets of small numbers, one in each row.

/// Rows of bits, all of one width.
#[derive(Clone, Debug)]
pub struct BitMatrix {
    stride: usize,
    words: Vec<u64>,
}

impl BitMatrix {
    /// So many empty rows of so many bits.
    pub fn new(rows: usize, width: usize) -> Self {
        let stride = width.div_ceil(64);
        Self { stride, words: vec![0; rows * stride] }
    }

    /// Puts a number into the set of a row.
    pub fn insert(&mut self, row: usize, bit: usize) {
        self.words[row * self.stride + bit / 64] |= 1 << (bit % 64);
    }

    /// Whether it is there.
    pub fn has(&self, row: usize, bit: usize) -> bool {
        self.words[row * self.stride + bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Adds all of a later row to an earlier one.
    pub fn absorb(&mut self, earlier: usize, later: usize) {
        let (head, tail) = self.words.split_at_mut(later * self.stride);
        let into = &mut head[earlier * self.stride..][..self.stride];
        for (to, from) in into.iter_mut().zip(&tail[..self.stride]) {
            *to |= from;
        }
    }

    /// The numbers of a row, ascending.
    pub fn row(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        let words = &self.words[row * self.stride..][..self.stride];
        words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                (left != 0).then(|| {
                    left &= left - 1;
                    at * 64 + bit as usize
                })
            })
        })
    }
}
