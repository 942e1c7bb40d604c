//! Keys and values, whatever content they come from.

use std::ops::Range;

pub use crate::object::tuple::Element;

/// What identifies a record in its table. The order is that of tuples (`docs/format.md`).
pub type Key = Vec<Element>;

/// What is known of a record, or of a part of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing: SQL's NULL, JSON's null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number in floating point.
    Double(f64),
    /// A number as it is written, where it fits none of those exactly; also a date, and what else a
    /// format writes without quotes and no value here stands for.
    Number(String),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Values with names, in the order in which they are shown.
    Fields(Vec<(String, Value)>),
    /// How often a record is there, in a table without keys.
    Count(u64),
    /// Numbers of one type that stay where they lie, to be read when they are compared.
    Tensor(Tensor),
}

/// A tensor: what its header says of it, and where its numbers lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tensor {
    /// The type of its numbers, as the format writes it.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// The bytes of the content in which its numbers lie.
    pub data: Range<u64>,
}

/// A key and what is under it.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Value,
}
