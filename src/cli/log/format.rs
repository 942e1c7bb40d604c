//! Commits in a form that a person asks for: git's placeholders, as far as they have a meaning
//! here, and some of our own (git-log(1), "Pretty formats").

use std::io::Write;

use aisr::policy::Verdict;
use aisr::repo::StoredCommit;

use crate::cli::error::CliError;
use crate::cli::output::{
    CommitView, Escaped, EscapedText, Ids, Judged, Names, acting_for_names, day, iso, moment,
};

/// A form, taken apart.
pub struct Format(Vec<Piece>);

enum Piece {
    Text(Vec<u8>),
    Field(Field),
}

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    ShortId,
    Root,
    ShortRoot,
    Parents,
    ShortParents,
    Refs,
    RefsInBrackets,
    Author,
    AuthorDate(Date),
    Signer,
    Date(Date),
    Subject,
    Body,
    Message,
    Letter,
    Verdict,
    Key,
    For,
    Cause,
    Repository,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Date {
    Moment,
    Iso,
    Day,
    Seconds,
}

/// The placeholders, each behind a `%`.
const FIELDS: [(&str, Field); 35] = [
    ("(signer)", Field::Signer),
    ("(verdict)", Field::Verdict),
    ("(key)", Field::Key),
    ("(author)", Field::Author),
    ("(for)", Field::For),
    ("(cause)", Field::Cause),
    ("(root)", Field::Root),
    ("(repository)", Field::Repository),
    ("H", Field::Id),
    ("h", Field::ShortId),
    ("T", Field::Root),
    ("t", Field::ShortRoot),
    ("P", Field::Parents),
    ("p", Field::ShortParents),
    ("D", Field::Refs),
    ("d", Field::RefsInBrackets),
    ("an", Field::Author),
    ("ad", Field::AuthorDate(Date::Moment)),
    ("ai", Field::AuthorDate(Date::Iso)),
    ("aI", Field::AuthorDate(Date::Iso)),
    ("as", Field::AuthorDate(Date::Day)),
    ("at", Field::AuthorDate(Date::Seconds)),
    ("cn", Field::Signer),
    ("cd", Field::Date(Date::Moment)),
    ("ci", Field::Date(Date::Iso)),
    ("cI", Field::Date(Date::Iso)),
    ("cs", Field::Date(Date::Day)),
    ("ct", Field::Date(Date::Seconds)),
    ("s", Field::Subject),
    ("b", Field::Body),
    ("B", Field::Message),
    ("G?", Field::Letter),
    ("GS", Field::Signer),
    ("GK", Field::Key),
    ("GF", Field::Key),
];

impl Format {
    /// Takes a form apart.
    pub fn parse(text: &str) -> Result<Self, CliError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            pieces.push(Piece::Text(before.as_bytes().to_vec()));
            let (piece, left) = placeholder(after).ok_or_else(|| unknown(after))?;
            pieces.push(piece);
            rest = left;
        }
        pieces.push(Piece::Text(rest.as_bytes().to_vec()));
        Ok(Self(pieces))
    }

    /// Whether signatures must be judged to fill it in.
    pub fn asks_for_signer(&self) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Field(field) => matches!(
                field,
                Field::Author | Field::Signer | Field::Letter | Field::Verdict | Field::Key
            ),
            Piece::Text(_) => false,
        })
    }

    /// Writes a commit so, and a line end. What others wrote is made safe to show.
    pub fn write(
        &self,
        ids: &Ids<'_>,
        names: &Names,
        stored: &StoredCommit,
        judged: Option<&Judged>,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.write_all(text)?,
                Piece::Field(field) => {
                    write!(out, "{}", value(*field, ids, names, stored, judged))?;
                }
            }
        }
        Ok(writeln!(out)?)
    }
}

/// What a placeholder stands for, and what follows it.
fn placeholder(text: &str) -> Option<(Piece, &str)> {
    if let Some(rest) = text.strip_prefix('n') {
        return Some((Piece::Text(b"\n".to_vec()), rest));
    }
    if let Some(rest) = text.strip_prefix('%') {
        return Some((Piece::Text(b"%".to_vec()), rest));
    }
    if let Some(rest) = text.strip_prefix('x') {
        let byte = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
        return Some((Piece::Text(vec![byte]), rest.get(2..)?));
    }
    let known = FIELDS.iter().find_map(|(word, field)| Some((*field, text.strip_prefix(word)?)));
    known.map(|(field, rest)| (Piece::Field(field), rest))
}

fn unknown(after: &str) -> CliError {
    let word: String = match after.strip_prefix('(') {
        Some(_) => after.split_inclusive(')').next().unwrap_or_default().to_owned(),
        None => after.chars().take(1).collect(),
    };
    let shown = Escaped(word.as_bytes());
    let known: Vec<String> = FIELDS.iter().map(|(word, _)| format!("%{word}")).collect();
    CliError::usage(format!("`%{shown}` stands for nothing"))
        .hint(format!("known are {}, %n, %%, and %x00 for a byte", known.join(" ")))
}

fn value(
    field: Field,
    ids: &Ids<'_>,
    names: &Names,
    stored: &StoredCommit,
    judged: Option<&Judged>,
) -> String {
    let commit = &stored.commit;
    let line = |text: &str| Escaped(text.as_bytes()).to_string();
    let message = commit.message.as_deref().unwrap_or_default();
    match field {
        Field::Id => stored.id.to_hex(),
        Field::ShortId => ids.show(stored.id.id()).to_string(),
        Field::Root => commit.root.to_hex(),
        Field::ShortRoot => ids.plain(commit.root.id()),
        Field::Parents => commit.parents.iter().map(|id| id.to_hex()).collect::<Vec<_>>().join(" "),
        Field::ShortParents => {
            commit.parents.iter().map(|id| ids.show(id.id())).collect::<Vec<_>>().join(" ")
        }
        Field::Refs => {
            let text = names.show(stored.id.id());
            text.trim().trim_start_matches('(').trim_end_matches(')').to_owned()
        }
        Field::RefsInBrackets => names.show(stored.id.id()),
        Field::Author => match &commit.author {
            Some(author) => line(author),
            None => signer(judged),
        },
        Field::AuthorDate(date) => written(commit.authored, date),
        Field::Date(date) => written(commit.committed, date),
        Field::Signer => signer(judged),
        Field::Subject => line(CommitView::subject(commit)),
        Field::Body => text_of(&body(message)),
        Field::Message => text_of(message),
        Field::Letter => judged.map_or("N", |judged| letter(judged.verdict())).to_owned(),
        Field::Verdict => judged.map_or("", |judged| judged.verdict().words()).to_owned(),
        Field::Key => judged.and_then(|judged| judged.signer().key.clone()).unwrap_or_default(),
        Field::For => line(&acting_for_names(commit).join(", ")),
        Field::Cause => line(&commit.cause.kind),
        Field::Repository => commit.repo.to_hex(),
    }
}

fn written(stamp: aisr::object::Stamp, date: Date) -> String {
    match date {
        Date::Moment => moment(stamp),
        Date::Iso => iso(stamp),
        Date::Day => day(stamp),
        Date::Seconds => stamp.micros.div_euclid(1_000_000).to_string(),
    }
}

/// Who signed: a name where the signature proves it, else nothing.
fn signer(judged: Option<&Judged>) -> String {
    let proven = judged.filter(|judged| judged.verdict() == Verdict::Good);
    let name = proven.and_then(|judged| judged.signer().name.as_deref()).unwrap_or_default();
    Escaped(name.as_bytes()).to_string()
}

/// What the signature is worth, in git's letters.
fn letter(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "G",
        Verdict::RetiredKey => "Y",
        Verdict::UnknownKey | Verdict::OtherRepository => "U",
        Verdict::Unreadable => "E",
        _ => "B",
    }
}

/// The message behind its first line.
fn body(message: &str) -> String {
    let rest = message.split_once('\n').map_or("", |(_, rest)| rest);
    rest.trim_start_matches('\n').to_owned()
}

fn text_of(text: &str) -> String {
    EscapedText(text.trim_end_matches('\n').as_bytes()).to_string()
}
