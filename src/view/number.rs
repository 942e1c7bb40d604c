//! Numbers as formats of text write them.

use super::value::Value;

/// No double is written longer than this in the one form that is taken for it.
const LONGEST: usize = 48;

/// The value of a number. Another spelling is another value: what would not be written back as it
/// stands (`1.50`, `1e400`, `007`, `-0`) stays text, so no digit is lost and no change is hidden.
pub(super) fn number(written: &str) -> Value {
    if written.len() <= LONGEST {
        if let Ok(integer) = written.parse::<i128>()
            && integer.to_string() == written
        {
            return Value::Integer(integer);
        }
        // Minus zero equals zero when values are compared, so it stays text as well.
        if let Ok(double) = written.parse::<f64>()
            && double.is_finite()
            && !(double == 0.0 && double.is_sign_negative())
            && format!("{double:?}") == written
        {
            return Value::Double(double);
        }
    }
    Value::Number(written.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_is_written_or_stays_text() {
        let cases = [
            ("0", Value::Integer(0)),
            ("-17", Value::Integer(-17)),
            (
                "340282366920938463463374607431768211456",
                Value::Number("340282366920938463463374607431768211456".into()),
            ),
            ("1.0", Value::Double(1.0)),
            ("0.1", Value::Double(0.1)),
            ("1e16", Value::Double(1e16)),
            ("1.50", Value::Number("1.50".into())),
            ("1e400", Value::Number("1e400".into())),
            (
                "0.1000000000000000055511151231257827",
                Value::Number("0.1000000000000000055511151231257827".into()),
            ),
            ("-0", Value::Number("-0".into())),
            ("-0.0", Value::Number("-0.0".into())),
            ("NaN", Value::Number("NaN".into())),
            ("007", Value::Number("007".into())),
        ];
        for (written, value) in cases {
            assert_eq!(number(written), value, "{written}");
        }
    }
}
