//! JSON (RFC 8259), read so that nothing in it is lost: numbers stay as they are written, and
//! members of one name all stay. Strict: what a strict reader refuses is refused.

use super::error::ViewError;
use super::limits::{DEPTH, NODES, too_deep, too_many};
use super::number::number;
use super::value::Value;

/// The one value that a text holds. Members stand in the order in which they are written.
pub(super) fn parse(text: &str) -> Result<Value, ViewError> {
    let mut parser = Parser { text, at: 0, nodes: 0 };
    parser.skip_space();
    let value = parser.value(0)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("something follows the value")),
    }
}

/// The values of a text that has one in each line, all together within the bounds of one.
pub(super) fn parse_lines(text: &str) -> Result<Vec<Value>, ViewError> {
    let mut parser = Parser { text, at: 0, nodes: 0 };
    let mut values = Vec::new();
    parser.skip_space();
    while parser.peek().is_some() {
        values.push(parser.value(1)?);
        if !parser.ends_line() {
            return Err(parser.error("something follows the value"));
        }
        parser.skip_space();
    }
    Ok(values)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nodes: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether nothing follows on this line.
    fn ends_line(&mut self) -> bool {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
        matches!(self.peek(), None | Some(b'\n'))
    }

    fn error(&self, why: &str) -> ViewError {
        ViewError::Malformed { what: "JSON", why: why.to_owned(), at: self.at as u64 }
    }

    fn value(&mut self, depth: usize) -> Result<Value, ViewError> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(too_many());
        }
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, ViewError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let words =
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        match words.into_iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) => {
                self.at += word.len();
                Ok(value)
            }
            None if rest.is_empty() => Err(self.error("it ends before a value")),
            None => Err(self.error("no value begins like this")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, ViewError> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth)?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.error("a comma or ] is missing"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, ViewError> {
        self.open(depth)?;
        let mut fields = Vec::new();
        if self.eat(b'}') {
            return Ok(Value::Fields(fields));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a name in double quotes is missing"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.eat(b':') {
                return Err(self.error("a colon is missing"));
            }
            self.skip_space();
            fields.push((name, self.value(depth)?));
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Value::Fields(fields));
            }
            if !self.eat(b',') {
                return Err(self.error("a comma or } is missing"));
            }
        }
    }

    /// Goes over an opening bracket and the space behind it.
    fn open(&mut self, depth: usize) -> Result<(), ViewError> {
        if depth > DEPTH {
            return Err(too_deep());
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn number(&mut self) -> Result<Value, ViewError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(number(self.text.get(start..self.at).unwrap_or_default()))
    }

    fn digits(&mut self) -> Result<(), ViewError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit is missing")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, ViewError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
                .unwrap_or(rest.len());
            out.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.error("a control character inside a text")),
                None => return Err(self.error("a text does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ViewError> {
        self.at += 1;
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => {
                self.at -= 1;
                return Err(self.error("no such escape"));
            }
        })
    }

    /// The code unit behind `\u`, and the one that it is paired with.
    fn unicode(&mut self) -> Result<char, ViewError> {
        let first = self.code_unit()?;
        if (0xd800..0xdc00).contains(&first) && self.eat(b'\\') && self.eat(b'u') {
            let second = self.code_unit()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).ok_or_else(|| self.error("no such character"));
            }
        }
        char::from_u32(first).ok_or_else(|| self.error("half a surrogate pair"))
    }

    fn code_unit(&mut self) -> Result<u32, ViewError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        let unit = digits.iter().try_fold(0, |unit, digit| {
            char::from(*digit).to_digit(16).map(|digit| unit << 4 | digit)
        });
        match unit {
            Some(unit) if digits.len() == 4 => {
                self.at += 4;
                Ok(unit)
            }
            _ => Err(self.error("four hexadecimal digits are missing")),
        }
    }
}
