//! TOML (1.1), by key path.

use ::toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::error::ViewError;
use super::limits::{DEPTH, NODES, too_deep, too_many};
use super::number::number;
use super::value::Value;

/// What a TOML file says. Dates and times stay as they are written, beside the numbers. The format
/// forbids a key that is there twice, so such a file is refused.
pub(super) fn parse(text: &str) -> Result<Value, ViewError> {
    let table = DeTable::parse(text).map_err(|error| ViewError::Malformed {
        what: "TOML",
        why: error.message().to_owned(),
        at: error.span().map_or(0, |span| span.start as u64),
    })?;
    table_value(table.into_inner(), 1, &mut 0)
}

fn table_value(table: DeTable<'_>, depth: usize, nodes: &mut usize) -> Result<Value, ViewError> {
    let field = |(name, value): (
        ::toml::Spanned<std::borrow::Cow<'_, str>>,
        ::toml::Spanned<DeValue<'_>>,
    )| {
        Ok((name.into_inner().into_owned(), value_of(value.into_inner(), depth, nodes)?))
    };
    table.into_iter().map(field).collect::<Result<_, ViewError>>().map(Value::Fields)
}

fn value_of(value: DeValue<'_>, depth: usize, nodes: &mut usize) -> Result<Value, ViewError> {
    *nodes += 1;
    if *nodes > NODES {
        return Err(too_many());
    }
    if depth > DEPTH {
        return Err(too_deep());
    }
    Ok(match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(integer) => integer_value(&integer),
        DeValue::Float(float) => float_value(&float),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(time) => Value::Number(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| value_of(item.into_inner(), depth + 1, nodes))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => table_value(table, depth + 1, nodes)?,
    })
}

fn integer_value(integer: &DeInteger<'_>) -> Value {
    match i128::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(integer) => Value::Integer(integer),
        Err(_) => Value::Number(integer.to_string()),
    }
}

fn float_value(float: &DeFloat<'_>) -> Value {
    match number(float.as_str()) {
        // A float without a point would be taken for an integer, which TOML keeps apart.
        Value::Integer(_) => Value::Number(float.as_str().to_owned()),
        value => value,
    }
}
