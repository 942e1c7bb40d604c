//! `aisr trust`: who may sign here; keys that join, and keys that are retired.

use std::io::{self, Read, Write};
use std::path::Path;

use aisr::object::PrincipalId;
use aisr::policy::{KeyReport, PrincipalReport, RootReport, TrustReport, trust_report};
use aisr::repo::{Repository, TrustChange, change_trust};
use aisr::sign::{KEY_FILE_LIMIT, KeyFileFormat, PublicKey, look};
use aisr::trust::{SignedRoot, Whose, find_principal};
use serde::Serialize;

use super::Answer;
use super::context::{Context, MakeKey};
use super::error::CliError;
use super::output::{Escaped, Ids, Output, Paging, plural, write_json};

/// Show who may sign here; let a key join, or retire one.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show the trust root in force: principals, their keys and roles.
    Show(ShowArguments),
    /// Make a trust root in which a key joins.
    AddKey(AddArguments),
    /// Make a trust root without a key: what it signed until now stays good.
    RetireKey(RetireArguments),
}

#[derive(clap::Args)]
struct ShowArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct AddArguments {
    /// A public key file, the line in it, or `-` for standard input.
    #[arg(value_name = "PUBKEY")]
    key: String,
    /// The principal whose key it is, by name or id.
    #[arg(long, value_name = "NAME", conflicts_with = "new_principal")]
    principal: Option<String>,
    /// A principal that is new, by the name that it gets.
    #[arg(long, value_name = "NAME")]
    new_principal: Option<String>,
    /// Let the new principal sign trust roots too.
    #[arg(long, requires = "new_principal")]
    signs_roots: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct RetireArguments {
    /// Its fingerprint as `aisr trust show` prints it, or the start of that; or a public key file.
    #[arg(value_name = "FINGERPRINT")]
    key: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The fewest characters behind `SHA256:` that name a key.
const FEWEST: usize = 6;

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let mut out = context.output(Paging::Off);
    match &arguments.what {
        What::Show(arguments) => {
            let report = trust_report(&repo)?;
            match arguments.json {
                true => write_json(&mut out, &report)?,
                false => draw(&report, &Ids::new(&repo, context.verbose), &mut out)?,
            }
        }
        What::AddKey(arguments) => {
            let key = public_key(context, &arguments.key)?;
            let whose = whose(&repo, arguments)?;
            let signed = change(context, &repo, &TrustChange::AddKey(key, whose))?;
            told(context, &repo, &signed, ("Added", &key), arguments.json, &mut out)?;
        }
        What::RetireKey(arguments) => {
            let key = held_key(context, &repo, &arguments.key)?;
            let signed = change(context, &repo, &TrustChange::RetireKey(key))?;
            told(context, &repo, &signed, ("Retired", &key), arguments.json, &mut out)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn change(
    context: &Context,
    repo: &Repository,
    change: &TrustChange,
) -> Result<SignedRoot, CliError> {
    let identity = context.identity(MakeKey::Never)?;
    Ok(change_trust(repo, change, &identity.key)?)
}

/// A trust root that was made, as `--json` prints it.
#[derive(Serialize)]
struct MadeView {
    version: u64,
    id: String,
    key: String,
}

fn told(
    context: &Context,
    repo: &Repository,
    signed: &SignedRoot,
    (did, key): (&str, &PublicKey),
    json: bool,
    out: &mut Output,
) -> Result<(), CliError> {
    let (version, key) = (signed.root.version, key.fingerprint());
    if json {
        return write_json(out, &MadeView { version, id: signed.id.to_hex(), key });
    }
    if context.quiet {
        return Ok(());
    }
    writeln!(out, "{did} {key}")?;
    let id = Ids::new(repo, context.verbose).plain(signed.id.id());
    Ok(writeln!(out, "Trust root {version} {id} is in force")?)
}

/// Reads a public key: a line, standard input, or a file, which may hold the private half too.
pub fn public_key(context: &Context, text: &str) -> Result<PublicKey, CliError> {
    if text == "-" {
        let mut line = String::new();
        io::stdin().take(KEY_FILE_LIMIT as u64).read_to_string(&mut line)?;
        return Ok(PublicKey::from_openssh(&line)?);
    }
    let is_line = text.contains(' ')
        && KeyFileFormat::of(text.as_bytes()) == KeyFileFormat::OpenSshPublic
        && !Path::new(text).exists();
    match is_line {
        true => Ok(PublicKey::from_openssh(text)?),
        false => Ok(look(&context.directory().join(text))?.key()),
    }
}

/// Whose key joins.
fn whose(repo: &Repository, arguments: &AddArguments) -> Result<Whose, CliError> {
    if let Some(name) = &arguments.principal {
        return Ok(Whose::Of(find_principal(repo.trust(), name)?.id));
    }
    if let Some(name) = &arguments.new_principal {
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|e| CliError::failure(format!("the system gave no random bytes: {e}")))?;
        let (id, name) = (PrincipalId::new(id), name.clone());
        return Ok(Whose::New { id, name, signs_roots: arguments.signs_roots });
    }
    let known = repo.trust().root.principals.iter().map(aisr::trust::name_of);
    let known = known.collect::<Vec<_>>().join(", ");
    Err(CliError::usage("whose key is it?")
        .hint(format!("--principal NAME for one that there is: {known}"))
        .hint("--new-principal NAME for somebody else"))
}

/// A key of the root in force, by its fingerprint or by a file.
fn held_key(context: &Context, repo: &Repository, text: &str) -> Result<PublicKey, CliError> {
    let Some(start) = text.strip_prefix("SHA256:") else {
        return public_key(context, text);
    };
    let principals = repo.trust().root.principals.iter();
    let keys = principals.flat_map(|p| &p.keys).filter_map(|key| PublicKey::from_bytes(key).ok());
    let found: Vec<_> = keys.filter(|key| key.fingerprint().starts_with(text)).collect();
    let hint = "`aisr trust show` lists the keys";
    match found[..] {
        [key] if start.len() >= FEWEST => Ok(key),
        [] => Err(CliError::failure(format!("no key here has the fingerprint {text}")).hint(hint)),
        _ => Err(CliError::usage(format!("type more of the fingerprint than {text}")).hint(hint)),
    }
}

fn draw(report: &TrustReport, ids: &Ids<'_>, out: &mut Output) -> Result<(), CliError> {
    writeln!(out, "{}", root_line(&report.root, ids))?;
    for principal in &report.principals {
        writeln!(out)?;
        draw_principal(principal, out)?;
    }
    for role in report.roles.iter().filter(|role| role.threshold > 1) {
        let name = Escaped(role.name.as_bytes());
        writeln!(out, "\n{} holders of {name} must agree", role.threshold)?;
    }
    if !report.retired.is_empty() {
        writeln!(out, "\nretired")?;
        for key in &report.retired {
            let name = Escaped(key.principal.as_bytes());
            writeln!(out, "  {}  of {name}, by trust root {}", key.fingerprint, key.by_version)?;
        }
    }
    if !report.earlier.is_empty() {
        writeln!(out, "\nbefore")?;
        for root in &report.earlier {
            writeln!(out, "  {}", root_line(root, ids))?;
        }
    }
    Ok(())
}

/// `trust root 2 1f2e3d4c, signed by mara@example.org, in force since entry 5`.
fn root_line(root: &RootReport, ids: &Ids<'_>) -> String {
    let id = aisr::object::Id::from_hex(root.id.as_bytes());
    let id = id.map(|id| ids.plain(id)).unwrap_or_default();
    let signer = root.signed_by.as_deref().unwrap_or(&root.key);
    let signer = Escaped(signer.as_bytes()).to_string();
    let since = match root.since_entry {
        Some(entry) => format!("in force since entry {entry}"),
        None => "never in force here".into(),
    };
    format!("trust root {} {id}, signed by {signer}, {since}", root.version)
}

fn draw_principal(principal: &PrincipalReport, out: &mut Output) -> Result<(), CliError> {
    let name = principal.names.first().unwrap_or(&principal.id);
    let mut more = vec![principal.kind.clone()];
    if principal.roles.iter().any(|role| role == aisr::object::TrustRoot::ROLE) {
        more.push("may sign trust roots".into());
    }
    if principal.keys.is_empty() {
        more.push(plural(0, "key", "keys"));
    }
    writeln!(out, "{}  ({})", Escaped(name.as_bytes()), more.join(", "))?;
    for KeyReport { fingerprint, public, since_version } in &principal.keys {
        let kind = public.split(' ').next().unwrap_or_default();
        writeln!(out, "  {fingerprint}  {kind}, since trust root {since_version}")?;
    }
    Ok(())
}
