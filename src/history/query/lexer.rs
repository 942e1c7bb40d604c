//! A question, cut into words.

use super::error::QueryError;

/// A word of a question.
#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A name, a component, a path without odd characters.
    Word(String),
    /// What stands in quotes.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// A sign: one of [`SIGNS`].
    Sign(&'static str),
    /// Nothing follows.
    End,
}

impl Token {
    /// What it is, for a message.
    pub fn shown(&self) -> String {
        match self {
            Self::Word(word) | Self::Number(word) => format!("`{word}`"),
            Self::Text(_) => "a text".into(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".into(),
        }
    }
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 16] =
    ["!~", "!=", "==", "<=", ">=", "&&", "||", "(", ")", ",", ".", "~", "=", "<", ">", "*"];

/// The longest question, in bytes.
pub const LONGEST: usize = 64 << 10;

/// Cuts a question into words, each with the byte at which it begins. The last one is the end.
///
/// # Errors
/// Where the text has what no word begins with, or quotes that do not end.
pub fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    if text.len() > LONGEST {
        let why = format!("a question has at most {} KiB", LONGEST >> 10);
        return Err(QueryError::new(LONGEST, why));
    }
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, len) = if first == '"' || first == '\'' {
            quoted(rest, first).map_err(|(offset, why)| QueryError::new(at + offset, why))?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else if first.is_ascii_digit() || first == '-' {
            let len = end_of(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            let word = rest.get(..len).unwrap_or_default();
            match word.parse::<f64>() {
                Ok(_) => (Token::Number(word.into()), len),
                Err(_) => return Err(QueryError::new(at, format!("`{word}` is no number"))),
            }
        } else if is_of_word(first) {
            let len = end_of_word(rest);
            (Token::Word(rest.get(..len).unwrap_or_default().into()), len)
        } else {
            let why = format!("`{}` begins no word", first.escape_default());
            return Err(QueryError::new(at, why));
        };
        out.push((at, token));
        at += len;
    }
    out.push((text.len(), Token::End));
    Ok(out)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '@' | '$' | '+')
}

/// A word that names a component or a path may have dots; others end at one.
fn end_of_word(rest: &str) -> usize {
    let len = end_of(rest, is_of_word);
    match rest.get(..len).is_some_and(|word| word.contains(':')) {
        true => end_of(rest, |c| is_of_word(c) || c == '.'),
        false => len,
    }
}

fn end_of(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

/// A text in quotes and its length with them. `\"`, `\'` and `\\` stand for what follows the
/// backslash; any other backslash stands for itself, so that patterns need no doubled ones.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), (usize, String)> {
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((Token::Text(out), at + c.len_utf8())),
            '\\' => match chars.peek() {
                Some((_, next)) if *next == quote => {
                    out.push(*next);
                    chars.next();
                }
                // Kept as two, for the pattern to read; `unescape` makes a plain text of it.
                Some((_, '\\')) => {
                    out.push_str("\\\\");
                    chars.next();
                }
                _ => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    Err((0, format!("the text that begins here has no {quote} at its end")))
}

/// A text that is no pattern: `\\` stands for one backslash.
pub fn unescape(text: &str) -> String {
    text.replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(_, token)| token).collect()
    }

    #[test]
    fn a_component_keeps_its_dots_and_a_column_does_not() {
        let words = cut("row(memory:a.b, t, id=-7).text !~ 'x\\'y\\d'");
        let word = |text: &str| Token::Word(text.into());
        let wanted = [
            word("row"),
            Token::Sign("("),
            word("memory:a.b"),
            Token::Sign(","),
            word("t"),
            Token::Sign(","),
            word("id"),
            Token::Sign("="),
            Token::Number("-7".into()),
            Token::Sign(")"),
            Token::Sign("."),
            word("text"),
            Token::Sign("!~"),
            Token::Text("x'y\\d".into()),
            Token::End,
        ];
        assert_eq!(words, wanted);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        let at = |text| tokens(text).unwrap_err().at;
        assert_eq!(at("a ; b"), 2);
        assert_eq!(at("a ~ \"b"), 4);
        assert_eq!(at("1x"), 0);
        assert_eq!(at(&"x".repeat(LONGEST + 1)), LONGEST);
    }
}
