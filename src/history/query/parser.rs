//! From text to a question (`docs/queries.md`, "Grammar").

use std::cmp::Ordering;

use crate::object::{ComponentKey, EdgeKey, RepoPath, is_word};
use crate::view::Value;

use super::error::QueryError;
use super::expression::{Atom, Expression, Target};
use super::lexer::{Token, tokens, unescape};
use super::test::{Condition, Number, Test, pattern};

/// How deep parentheses and `not` may lie in each other.
const DEPTH: usize = 64;
/// How many atoms a question may have.
const ATOMS: usize = 256;

const LESS: &[Ordering] = &[Ordering::Less];
const AT_MOST: &[Ordering] = &[Ordering::Less, Ordering::Equal];
const EQUAL: &[Ordering] = &[Ordering::Equal];
const OTHER: &[Ordering] = &[Ordering::Less, Ordering::Greater];
const AT_LEAST: &[Ordering] = &[Ordering::Greater, Ordering::Equal];
const MORE: &[Ordering] = &[Ordering::Greater];

const ATOM: &str = "`exists`, `edge`, `content`, `row`, `count`, `tool`, `key`, `changed`, \
                    `signer`, `not` or `(`";
const TEST: &str = "`~`, `!~`, `=`, `!=`, `<`, `<=`, `>`, `>=` or `contains`";

/// Reads a question.
///
/// # Errors
/// Where the text goes wrong, and what was expected there.
pub fn parse(text: &str) -> Result<Expression, QueryError> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, atoms: 0 };
    let expression = parser.any(0)?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => Err(parser.expected("`and`, `or` or the end")),
    }
}

/// Whose rows are asked, of which table, and what they must be.
type OfTable = (Target, Option<String>, Vec<Condition>);

struct Parser {
    /// The last one is the end.
    tokens: Vec<(usize, Token)>,
    next: usize,
    atoms: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    /// Where the next word begins.
    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(at, _)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn expected(&self, what: &str) -> QueryError {
        QueryError::new(self.at(), format!("expected {what}, found {}", self.peek().shown()))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    /// Goes past the sign, if it comes next.
    fn skip(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> Result<(), QueryError> {
        match self.skip(sign) {
            true => Ok(()),
            false => Err(self.expected(&format!("`{sign}`"))),
        }
    }

    /// Goes past the word, or the sign that means the same, if one comes next.
    fn skip_word(&mut self, word: &str, sign: &str) -> bool {
        let is_word = matches!(self.peek(), Token::Word(found) if found == word);
        self.next += usize::from(is_word);
        is_word || self.skip(sign)
    }

    fn any(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let mut parts = vec![self.all(depth)?];
        while self.skip_word("or", "||") {
            parts.push(self.all(depth)?);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Expression::Any(parts),
        })
    }

    fn all(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let mut parts = vec![self.one(depth)?];
        while self.skip_word("and", "&&") {
            parts.push(self.one(depth)?);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Expression::All(parts),
        })
    }

    fn one(&mut self, depth: usize) -> Result<Expression, QueryError> {
        if depth >= DEPTH {
            let why = format!("a question goes at most {DEPTH} levels deep");
            return Err(QueryError::new(self.at(), why));
        }
        if self.skip_word("not", "") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.skip("(") {
            let inner = self.any(depth + 1)?;
            self.sign(")")?;
            return Ok(inner);
        }
        self.atoms += 1;
        if self.atoms > ATOMS {
            let why = format!("a question has at most {ATOMS} parts");
            return Err(QueryError::new(self.at(), why));
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Expression, QueryError> {
        let Token::Word(word) = self.peek().clone() else {
            return Err(self.expected(ATOM));
        };
        let parsed = match word.as_str() {
            "exists" => Self::exists,
            "edge" => Self::edge,
            "content" => Self::content,
            "row" => Self::row,
            "count" => Self::count,
            "tool" => Self::tool,
            "key" => Self::key,
            "changed" => Self::changed,
            "signer" => return self.signer(),
            _ => return Err(self.expected(ATOM)),
        };
        self.next += 1;
        self.sign("(")?;
        Ok(Expression::Atom(parsed(self)?))
    }

    fn exists(&mut self) -> Result<Atom, QueryError> {
        let target = self.target()?;
        self.sign(")")?;
        Ok(Atom::Exists(target))
    }

    fn changed(&mut self) -> Result<Atom, QueryError> {
        let target = self.target()?;
        self.sign(")")?;
        Ok(Atom::Changed(target))
    }

    fn edge(&mut self) -> Result<Atom, QueryError> {
        let from = self.component()?;
        self.sign(",")?;
        let relation = match self.peek() {
            Token::Word(word) if is_word(word) => word.clone(),
            _ => return Err(self.expected("a relation, such as `uses`")),
        };
        self.next += 1;
        self.sign(",")?;
        let to = self.component()?;
        self.sign(")")?;
        Ok(Atom::Edge(EdgeKey { from, relation, to }))
    }

    fn content(&mut self) -> Result<Atom, QueryError> {
        let target = self.target()?;
        self.sign(")")?;
        let test = self.test()?.ok_or_else(|| self.expected(TEST))?;
        Ok(Atom::Content { target, test })
    }

    fn row(&mut self) -> Result<Atom, QueryError> {
        let (target, table, mut conditions) = self.of_table()?;
        if self.skip(".") {
            let column = self.column()?;
            conditions.push(Condition { column, test: self.test()? });
        }
        Ok(Atom::Row { target, table, conditions })
    }

    fn count(&mut self) -> Result<Atom, QueryError> {
        let (target, table, conditions) = self.of_table()?;
        let orders = self.order().ok_or_else(|| self.expected("`=`, `!=`, `<`, `<=`, `>` or `>=`"));
        let orders = orders?;
        let Token::Number(written) = self.peek() else {
            return Err(self.expected("a whole number"));
        };
        let Ok(number) = written.parse() else {
            return Err(self.expected("a whole number"));
        };
        self.next += 1;
        Ok(Atom::Count { target, table, conditions, number: Number { orders, number } })
    }

    /// `TARGET, TABLE {, COLUMN TEST})`.
    fn of_table(&mut self) -> Result<OfTable, QueryError> {
        let target = self.target()?;
        self.sign(",")?;
        let table = match self.skip("*") {
            true => None,
            false => Some(self.name("the name of a table, or `*` for any")?),
        };
        let mut conditions = Vec::new();
        while !self.skip(")") {
            if !self.skip(",") {
                return Err(self.expected("`,` or `)`"));
            }
            let column = self.column()?;
            let test = Some(self.test()?.ok_or_else(|| self.expected(TEST))?);
            conditions.push(Condition { column, test });
        }
        Ok((target, table, conditions))
    }

    fn tool(&mut self) -> Result<Atom, QueryError> {
        let target = self.target()?;
        self.sign(",")?;
        let name = self.name("the name of a tool")?;
        self.sign(")")?;
        let (mut field, mut test) = (None, None);
        if self.skip(".") {
            field = Some(self.column()?.join("."));
            test = self.test()?;
        }
        Ok(Atom::Tool { target, name, field, test })
    }

    fn key(&mut self) -> Result<Atom, QueryError> {
        let target = self.target()?;
        self.sign(",")?;
        let path = self.column()?.join(".");
        self.sign(")")?;
        Ok(Atom::Key { target, path, test: self.test()? })
    }

    fn signer(&mut self) -> Result<Expression, QueryError> {
        self.next += 1;
        let wanted = match self.order() {
            Some(orders) if orders == EQUAL => true,
            Some(orders) if orders == OTHER => false,
            _ => {
                self.next = self.next.min(self.tokens.len());
                return Err(self.expected("`=` or `!=`"));
            }
        };
        let Token::Text(name) = self.peek() else {
            return Err(self.expected("a name in quotes"));
        };
        let atom = Expression::Atom(Atom::Signer { name: unescape(name) });
        self.next += 1;
        Ok(if wanted { atom } else { Expression::Not(Box::new(atom)) })
    }

    fn component(&mut self) -> Result<ComponentKey, QueryError> {
        let key = match self.peek() {
            Token::Word(word) | Token::Text(word) => word.parse().ok(),
            _ => None,
        };
        let key = key.ok_or_else(|| self.expected("a component, such as `agent:triage`"))?;
        self.next += 1;
        Ok(key)
    }

    fn target(&mut self) -> Result<Target, QueryError> {
        let text = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Text(text) => unescape(text),
            _ => String::new(),
        };
        let target = match text.strip_prefix("path:") {
            // `path:"a b"` is two words.
            Some("") => match self.tokens.get(self.next + 1) {
                Some((_, Token::Text(path))) => {
                    let path = RepoPath::parse(unescape(path).as_str()).ok();
                    self.next += usize::from(path.is_some());
                    path.map(Target::Path)
                }
                _ => None,
            },
            Some(path) => RepoPath::parse(path.trim_end_matches('/')).ok().map(Target::Path),
            None => text.parse().ok().map(Target::Component),
        };
        let what = "a component, such as `prompt:system`, or a path, such as `path:prompts/p7.md`";
        let target = target.ok_or_else(|| self.expected(what))?;
        self.next += 1;
        Ok(target)
    }

    fn name(&mut self, what: &str) -> Result<String, QueryError> {
        let name = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Text(text) => unescape(text),
            Token::Number(number) => number.clone(),
            _ => return Err(self.expected(what)),
        };
        self.next += 1;
        Ok(name)
    }

    /// A column, and with dots what lies in it.
    fn column(&mut self) -> Result<Vec<String>, QueryError> {
        let mut path = vec![self.name("the name of a column")?];
        while self.skip(".") {
            path.push(self.name("the name of what lies in it")?);
        }
        Ok(path)
    }

    fn order(&mut self) -> Option<&'static [Ordering]> {
        let Token::Sign(sign) = self.peek() else { return None };
        let orders = match *sign {
            "=" | "==" => EQUAL,
            "!=" => OTHER,
            "<" => LESS,
            "<=" => AT_MOST,
            ">" => MORE,
            ">=" => AT_LEAST,
            _ => return None,
        };
        self.next += 1;
        Some(orders)
    }

    /// What a value must be, if that follows.
    fn test(&mut self) -> Result<Option<Test>, QueryError> {
        if let Token::Sign(sign @ ("~" | "!~")) = self.peek() {
            let wanted = *sign == "~";
            self.next += 1;
            let Token::Text(text) = self.peek() else {
                return Err(self.expected("a pattern in quotes"));
            };
            let pattern = pattern(text).map_err(|why| QueryError::new(self.at(), why))?;
            self.next += 1;
            return Ok(Some(Test::Matches { pattern, wanted }));
        }
        if self.skip_word("contains", "") {
            let Token::Text(text) = self.peek() else {
                return Err(self.expected("a text in quotes"));
            };
            let text = unescape(text);
            self.next += 1;
            return Ok(Some(Test::Contains(text)));
        }
        let Some(orders) = self.order() else { return Ok(None) };
        let value = self.value()?;
        Ok(Some(match orders {
            _ if orders == EQUAL => Test::Equals { value, wanted: true },
            _ if orders == OTHER => Test::Equals { value, wanted: false },
            orders => Test::Order { orders, value },
        }))
    }

    fn value(&mut self) -> Result<Value, QueryError> {
        let value = match self.peek() {
            Token::Text(text) => Value::Text(unescape(text)),
            Token::Number(written) => match (written.parse(), written.parse()) {
                (Ok(integer), _) => Value::Integer(integer),
                (_, Ok(double)) => Value::Double(double),
                _ => return Err(self.expected("a number")),
            },
            Token::Word(word) => match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => {
                    return Err(
                        self.expected("a number, a text in quotes, `true`, `false` or `null`")
                    );
                }
            },
            _ => return Err(self.expected("a number, a text in quotes, `true`, `false` or `null`")),
        };
        self.take();
        Ok(value)
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
