//! What `--where` and `--key` say of a row.

use aisr::object::tuple::Integer;
use aisr::view::{Element, Key, Table, Value, value_of};

/// A condition.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// Columns that have these values.
    Equal(Vec<(String, Literal)>),
    /// Something that SQL understands.
    Sql(String),
}

/// A value as it is written.
#[derive(Clone, PartialEq, Debug)]
pub struct Literal {
    /// Without quotes.
    text: String,
    /// It stood in quotes, and is text.
    is_quoted: bool,
}

impl Literal {
    /// A word of the command line, which may be a number or text.
    pub fn word(text: &str) -> Self {
        Self { text: text.to_owned(), is_quoted: false }
    }

    /// The parts of a key that it may stand for, the likeliest first.
    pub fn elements(&self) -> Vec<Element> {
        let mut out = Vec::new();
        if !self.is_quoted {
            let integer = self.text.parse().ok().and_then(Integer::new);
            out.extend(integer.map(Element::Integer));
            let double = self.text.parse::<f64>().ok().filter(|number| number.is_finite());
            out.extend(double.map(Element::Double));
            match self.text.to_ascii_lowercase().as_str() {
                "true" => out.push(Element::Bool(true)),
                "false" => out.push(Element::Bool(false)),
                "null" => out.push(Element::Null),
                _ => {}
            }
        }
        out.push(Element::Text(self.text.clone()));
        out
    }

    /// Whether a value is the one that is meant.
    fn is(&self, value: &Value) -> bool {
        self.elements().iter().any(|element| value_of(element) == *value)
    }
}

impl Condition {
    /// Reads `NAME = VALUE AND …`; what is anything else is left to SQL.
    pub fn parse(text: &str) -> Self {
        match equalities(text) {
            Some(pairs) if !pairs.is_empty() => Self::Equal(pairs),
            _ => Self::Sql(text.to_owned()),
        }
    }

    /// Whether a record is meant, by its columns.
    pub fn holds(&self, table: &Table, columns: &[String], key: &Key, value: &Value) -> bool {
        let Self::Equal(pairs) = self else { return false };
        let names = if table.is_multiset() { columns } else { &table.key };
        pairs.iter().all(|(name, literal)| {
            let is_it = |known: &str| known.eq_ignore_ascii_case(name);
            let in_key = names.iter().position(|known| is_it(known)).and_then(|nth| key.get(nth));
            if let Some(part) = in_key {
                return literal.is(&value_of(part));
            }
            // Records without columns of their own stand whole in their key.
            let whole = key.first().map(value_of);
            let fields = match (value, &whole) {
                (Value::Fields(fields), _) | (_, Some(Value::Fields(fields))) => fields,
                _ => return false,
            };
            fields.iter().any(|(known, value)| is_it(known) && literal.is(value))
        })
    }

    /// The keys that are meant, where the condition names all parts of a key and nothing else.
    pub fn keys(&self, table: &Table) -> Option<Vec<Key>> {
        let Self::Equal(pairs) = self else { return None };
        if table.is_multiset() || pairs.len() != table.key.len() {
            return None;
        }
        let literal = |name: &String| {
            let mut named = pairs.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            named.next().map(|(_, literal)| literal)
        };
        let literals: Option<Vec<&Literal>> = table.key.iter().map(literal).collect();
        Some(keys(literals?.into_iter()))
    }
}

/// All keys that literals may stand for, one for each part.
pub fn keys<'l>(literals: impl Iterator<Item = &'l Literal>) -> Vec<Key> {
    literals.fold(vec![Key::new()], |keys, literal| {
        let longer = |key: &Key| {
            let longer = |part: Element| key.iter().cloned().chain([part]).collect::<Key>();
            literal.elements().into_iter().map(longer).collect::<Vec<_>>()
        };
        // A few forms of each part; no table has so many parts that this counts.
        keys.iter().flat_map(longer).take(256).collect()
    })
}

fn equalities(text: &str) -> Option<Vec<(String, Literal)>> {
    let mut rest = text.trim();
    let mut pairs = Vec::new();
    loop {
        let (name, after) = word(rest)?;
        let after = after.trim_start().strip_prefix('=')?;
        let after = after.strip_prefix('=').unwrap_or(after).trim_start();
        let (value, after) = word(after)?;
        pairs.push((name.text, value));
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(pairs);
        }
        let and = rest.get(..3).filter(|and| and.eq_ignore_ascii_case("and"));
        rest = match (and, rest.strip_prefix(',')) {
            (Some(_), _) => rest.get(3..)?.strip_prefix(char::is_whitespace)?.trim_start(),
            (_, Some(rest)) => rest.trim_start(),
            _ => return None,
        };
    }
}

/// A word, or a text in quotes, and what follows.
fn word(text: &str) -> Option<(Literal, &str)> {
    let first = text.chars().next()?;
    if matches!(first, '\'' | '"') {
        let mut out = String::new();
        let mut rest = text.get(1..)?;
        loop {
            let end = rest.find(first)?;
            out += rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            match rest.strip_prefix(first) {
                Some(more) => {
                    out.push(first);
                    rest = more;
                }
                None => return Some((Literal { text: out, is_quoted: true }, rest)),
            }
        }
    }
    let is_part =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | ':' | '@' | '/');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (!word.is_empty()).then(|| (Literal::word(word), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Literal {
        Literal { text: text.into(), is_quoted: true }
    }

    #[test]
    fn equalities_are_read_and_all_else_is_sql() {
        let equal = |text: &str| match Condition::parse(text) {
            Condition::Equal(pairs) => pairs,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(equal("id = 777"), [("id".into(), Literal::word("777"))]);
        assert_eq!(equal("id=777"), equal("id == 777 "));
        let both = [("a".into(), quoted("it's")), ("b c".into(), Literal::word("-1.5"))];
        assert_eq!(equal("a = 'it''s' AND \"b c\" = -1.5"), both);
        assert_eq!(equal("a='it''s', \"b c\"=-1.5"), both);
        for text in [
            "id > 7",
            "id = 7 OR id = 8",
            "text LIKE '%x%'",
            "id = ",
            "= 7",
            "",
            "id = 'x",
            "id = 7 andy = 8",
            "id = 1 + 1",
        ] {
            assert_eq!(Condition::parse(text), Condition::Sql(text.into()), "{text}");
        }
    }

    #[test]
    fn a_condition_on_the_whole_key_gives_its_keys_in_order() {
        let table = Table { name: "t".into(), key: vec!["a".into(), "b".into()] };
        let keys = Condition::parse("B = 'x' and a = 7").keys(&table).unwrap();
        let x = || Element::from("x");
        let wanted: [Key; 3] =
            [vec![7i64.into(), x()], vec![Element::Double(7.0), x()], vec!["7".into(), x()]];
        assert_eq!(keys, wanted);
        assert_eq!(Condition::parse("a = 7").keys(&table), None);
        assert_eq!(Condition::parse("a = 7 and c = 8").keys(&table), None);
    }
}
