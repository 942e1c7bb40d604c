//! The words of a SQL statement, as SQLite's own tokenizer cuts them.

/// A word of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// A keyword, a name without quotes, or a number.
    Word(String),
    /// What stands in quotes of any of the four kinds, without them.
    Quoted(String),
    /// Any other character.
    Mark(char),
}

impl Token {
    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The name that it is, if it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Mark(_) => None,
        }
    }
}

/// Cuts a statement into words; comments and white space are none.
pub fn tokens(sql: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let len = first.len_utf8();
        if first.is_ascii_whitespace() {
            rest = &rest[len..];
        } else if rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |end| &rest[end + 1..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.find("*/").map_or("", |end| &comment[end + 2..]);
        } else if let Some(close) = closing(first) {
            let (text, after) = quoted(&rest[len..], close);
            found.push(Token::Quoted(text));
            rest = after;
        } else if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            found.push(Token::Mark(first));
            rest = &rest[len..];
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn closing(open: char) -> Option<char> {
    match open {
        '\'' | '"' | '`' => Some(open),
        '[' => Some(']'),
        _ => None,
    }
}

/// What stands before the closing quote, and what comes after it. A doubled quote is one.
fn quoted(mut rest: &str, close: char) -> (String, &str) {
    let mut text = String::new();
    loop {
        let Some(end) = rest.find(close) else {
            text.push_str(rest);
            return (text, "");
        };
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(close) {
            Some(after) if close != ']' => {
                text.push(close);
                rest = after;
            }
            _ => return (text, rest),
        }
    }
}

/// The module of a virtual table and its arguments, each cut into words; `None` where the
/// statement makes no virtual table.
pub fn virtual_table(sql: &str) -> Option<(String, Vec<Vec<Token>>)> {
    let words = tokens(sql);
    let mut at = 0;
    let mut take = |keyword: &str| {
        let found = words.get(at).is_some_and(|word| word.is(keyword));
        at += usize::from(found);
        found
    };
    if !(take("CREATE") && take("VIRTUAL") && take("TABLE")) {
        return None;
    }
    if take("IF") && !(take("NOT") && take("EXISTS")) {
        return None;
    }
    let using = words.iter().skip(at).position(|word| word.is("USING"))? + at;
    let module = words.get(using + 1)?.name()?.to_owned();
    let mut arguments = Vec::new();
    let mut depth = 0_usize;
    for word in words.into_iter().skip(using + 2) {
        match word {
            Token::Mark('(') if depth == 0 => arguments.push(Vec::new()),
            Token::Mark(',') if depth == 1 => {
                arguments.push(Vec::new());
                continue;
            }
            Token::Mark(')') if depth == 1 => break,
            ref inner => {
                if let Some(argument) = arguments.last_mut() {
                    argument.push(inner.clone());
                }
            }
        }
        match word {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    arguments.retain(|argument: &Vec<Token>| !argument.is_empty());
    Some((module, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_all_kinds_and_comments_are_cut_as_sqlite_does() {
        let sql = "create /* x' */ \"a\"\"b\" 'c''d' [e\"f] `g``h` -- 'i\n j1";
        let quoted = |text: &str| Token::Quoted(text.into());
        let word = |text: &str| Token::Word(text.into());
        let expected = [
            word("create"),
            quoted("a\"b"),
            quoted("c'd"),
            quoted("e\"f"),
            quoted("g`h"),
            word("j1"),
        ];
        assert_eq!(tokens(sql), expected);
    }

    #[test]
    fn the_arguments_of_a_virtual_table_are_cut_at_the_outer_commas() {
        let sql = "CREATE VIRTUAL TABLE IF NOT EXISTS x.y USING fts5(a, b UNINDEXED, \
                   tokenize = 'a, b', f(1, 2))";
        let (module, arguments) = virtual_table(sql).unwrap();
        assert_eq!((module.as_str(), arguments.len()), ("fts5", 4));
        assert_eq!(arguments[2][2], Token::Quoted("a, b".into()));
        assert_eq!(virtual_table("CREATE VIRTUAL TABLE y USING z").unwrap().1.len(), 0);
        assert_eq!(virtual_table("CREATE TABLE y (a)"), None);
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_with_the_text() {
        assert_eq!(tokens("'a"), [Token::Quoted("a".into())]);
        assert_eq!(tokens("/* a"), []);
        assert_eq!(tokens("[a"), [Token::Quoted("a".into())]);
    }
}
