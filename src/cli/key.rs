//! `aisr key`: the keys that you have, and which of them may sign here.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use aisr::repo::{KeyPlace, Repository, RingKey, key_ring};
use aisr::sign::{PublicKey, SecretKey, SignError};
use aisr::trust::{Standing, allowed_signers, name_of};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Escaped, HINT, JsonList, Output, Paging, WARNING, write_json};
use super::surroundings::surroundings;
use super::trust::public_key;

/// List your keys, make one, show one; or print who may sign here for ssh-keygen.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Print who may sign here, as `ssh-keygen -Y verify -f` reads it.
    #[arg(long)]
    allowed_signers: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the keys in ~/.ssh, in your configuration and in your SSH agent.
    List(ListArguments),
    /// Make an ed25519 key; never over a file that exists.
    New(NewArguments),
    /// Show a key: its public line, fingerprint and principal here.
    Show(ShowArguments),
    /// Print who may sign here, as `ssh-keygen -Y verify -f` reads it.
    AllowedSigners(ListArguments),
}

#[derive(clap::Args, Default)]
struct ListArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct NewArguments {
    /// Where; aisr's own key in your configuration folder by default.
    file: Option<PathBuf>,
    /// What the key is called: your name or address.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Ask for no passphrase: whoever reads the file can sign.
    #[arg(long)]
    no_passphrase: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ShowArguments {
    /// A key file, or a fingerprint of one that `list` shows; the key that signs by default.
    key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let mut out = context.output(Paging::Off);
    let none = What::List(ListArguments::default());
    match arguments.what.as_ref().unwrap_or(&none) {
        _ if arguments.allowed_signers => print_allowed_signers(context, false, &mut out)?,
        What::List(arguments) => list(context, arguments.json, &mut out)?,
        What::New(arguments) => new(context, arguments, &mut out)?,
        What::Show(arguments) => show(context, arguments, &mut out)?,
        What::AllowedSigners(arguments) => {
            print_allowed_signers(context, arguments.json, &mut out)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// A key, as `--json` prints it.
#[derive(Serialize)]
struct KeyView {
    fingerprint: Option<String>,
    #[serde(rename = "type")]
    key_type: Option<String>,
    public: Option<String>,
    comment: String,
    places: Vec<PlaceView>,
    /// Whether it is the one that signs.
    signs: bool,
    /// Whose it is in the repository here.
    principal: Option<String>,
    standing: Option<&'static str>,
    /// Why it cannot be used.
    problem: Option<String>,
    remedy: Option<&'static str>,
}

#[derive(Serialize)]
struct PlaceView {
    kind: &'static str,
    path: Option<String>,
    encrypted: Option<bool>,
}

impl KeyView {
    fn of(ring: &RingKey, repo: Option<&Repository>) -> Self {
        let places = ring.places.iter().map(PlaceView::of).collect();
        let mut view = match &ring.key {
            Ok(key) => Self::of_key(key, &ring.comment, repo),
            Err(error) => Self::unusable(error, &ring.comment),
        };
        (view.places, view.signs) = (places, ring.signs);
        view
    }

    fn of_key(key: &PublicKey, comment: &str, repo: Option<&Repository>) -> Self {
        let (principal, standing) = match repo.map(|repo| repo.trust().standing(key.as_bytes())) {
            None => (None, None),
            Some(Standing::Principal(p)) => (Some(name_of(p)), Some("principal")),
            Some(Standing::Retired { principal, .. }) => {
                (Some(name_of(principal)), Some("retired"))
            }
            Some(Standing::Unknown) => (None, Some("unknown")),
        };
        Self {
            fingerprint: Some(key.fingerprint()),
            key_type: Some(key.key_type().into()),
            public: Some(key.to_openssh(comment)),
            comment: comment.into(),
            places: Vec::new(),
            signs: false,
            principal,
            standing,
            problem: None,
            remedy: None,
        }
    }

    fn unusable(error: &SignError, comment: &str) -> Self {
        let key_type = match error {
            SignError::UnsupportedKeyType { key_type }
            | SignError::UnsupportedKeyFile { key_type, .. } => Some(key_type.clone()),
            _ => None,
        };
        Self {
            fingerprint: None,
            key_type,
            public: None,
            comment: comment.into(),
            places: Vec::new(),
            signs: false,
            principal: None,
            standing: None,
            problem: Some(error.to_string()),
            remedy: error.remedy(),
        }
    }

    fn standing_words(&self) -> String {
        let name = self.principal.as_deref().unwrap_or_default();
        let name = Escaped(name.as_bytes());
        match self.standing {
            Some("principal") => format!("{name} here"),
            Some("retired") => format!("{WARNING}retired{WARNING:#}, was {name}'s here"),
            Some(_) => "nobody's here".into(),
            None => String::new(),
        }
    }
}

impl PlaceView {
    fn of(place: &KeyPlace) -> Self {
        let text = |path: &Path| Some(path.to_string_lossy().into_owned());
        let (kind, path, encrypted) = match place {
            KeyPlace::Private { path, encrypted } => ("private", text(path), Some(*encrypted)),
            KeyPlace::Public(path) => ("public", text(path), None),
            KeyPlace::Agent => ("agent", None, None),
            KeyPlace::Configuration => ("configuration", None, None),
        };
        Self { kind, path, encrypted }
    }

    fn words(&self) -> String {
        let path = self.path.as_deref().unwrap_or_default();
        let path = Escaped(path.as_bytes());
        match (self.kind, self.encrypted) {
            ("agent", _) => "in the SSH agent".into(),
            ("configuration", _) => "in your configuration".into(),
            (_, Some(true)) => format!("{path} (encrypted)"),
            _ => path.to_string(),
        }
    }
}

/// The repository here, if there is one.
fn repository(context: &Context) -> Result<Option<Repository>, CliError> {
    let config = surroundings()?.config;
    match Repository::find_root(context.directory(), &config) {
        Err(aisr::repo::RepoError::NotFound { .. }) => Ok(None),
        _ => context.repository().map(Some),
    }
}

fn list(context: &Context, json: bool, out: &mut Output) -> Result<(), CliError> {
    let repo = repository(context)?;
    let (ring, silent) = key_ring(&surroundings()?);
    let views = ring.iter().map(|key| KeyView::of(key, repo.as_ref()));
    if json {
        let mut list = JsonList::begin(out);
        views.into_iter().try_for_each(|view| list.push(&view))?;
        list.end()?;
    } else {
        let views: Vec<_> = views.collect();
        views.iter().try_for_each(|view| draw(view, out))?;
        if views.is_empty() && !context.quiet {
            writeln!(out, "There are no keys.")?;
            context.hint("`aisr key new` makes one");
        }
    }
    if let Some(error) = silent {
        let text = super::output::Escaped(error.to_string().as_bytes()).to_string();
        anstream::eprintln!("{WARNING}warning:{WARNING:#} {text}");
    }
    Ok(())
}

/// `* SHA256:… ssh-ed25519  mara@example.org here`, and a line for each place.
fn draw(view: &KeyView, out: &mut Output) -> Result<(), CliError> {
    let mark = if view.signs { "*" } else { " " };
    match (&view.fingerprint, &view.problem) {
        (Some(fingerprint), _) => {
            let kind = view.key_type.as_deref().unwrap_or_default();
            let line = format!("{mark} {fingerprint}  {kind}  {}", view.standing_words());
            writeln!(out, "{}", line.trim_end())?;
        }
        (None, problem) => {
            let problem = problem.as_deref().unwrap_or_default();
            writeln!(out, "{mark} {WARNING}{}{WARNING:#}", Escaped(problem.as_bytes()))?;
            if let Some(remedy) = view.remedy {
                writeln!(out, "    {HINT}hint:{HINT:#} {remedy}")?;
            }
        }
    }
    if !view.comment.is_empty() {
        writeln!(out, "    {}", Escaped(view.comment.as_bytes()))?;
    }
    for place in &view.places {
        writeln!(out, "    {}", place.words())?;
    }
    Ok(())
}

fn show(context: &Context, arguments: &ShowArguments, out: &mut Output) -> Result<(), CliError> {
    let repo = repository(context)?;
    let (ring, _) = key_ring(&surroundings()?);
    let wanted = |key: &&RingKey| match arguments.key.as_deref() {
        None => key.signs,
        Some(text) => key.key.as_ref().is_ok_and(|key| key.fingerprint() == text),
    };
    let view = match (ring.iter().find(wanted), arguments.key.as_deref()) {
        (Some(key), _) => KeyView::of(key, repo.as_ref()),
        (None, Some(text)) if !text.starts_with("SHA256:") => {
            KeyView::of_key(&public_key(context, text)?, "", repo.as_ref())
        }
        (None, Some(text)) => {
            return Err(CliError::failure(format!("none of your keys is {text}"))
                .hint("`aisr key list` shows them"));
        }
        (None, None) => {
            return Err(
                CliError::failure("there is no key to sign with").hint("`aisr key new` makes one")
            );
        }
    };
    if arguments.json {
        return write_json(out, &view);
    }
    match &view.public {
        Some(public) => {
            writeln!(out, "{}", Escaped(public.as_bytes()))?;
            writeln!(out, "{}", view.fingerprint.as_deref().unwrap_or_default())?;
            let standing = view.standing_words();
            if !standing.is_empty() {
                writeln!(out, "{standing}")?;
            }
            Ok(())
        }
        None => draw(&view, out),
    }
}

fn new(context: &Context, arguments: &NewArguments, out: &mut Output) -> Result<(), CliError> {
    let around = surroundings()?;
    let file = match &arguments.file {
        Some(file) => context.directory().join(file),
        None => around.config_dir.join("id_ed25519"),
    };
    let public_file = PathBuf::from([file.as_os_str(), ".pub".as_ref()].join("".as_ref()));
    for path in [&file, &public_file] {
        if path.symlink_metadata().is_ok() {
            return Err(CliError::failure(format!("{} exists already", path.display()))
                .hint("name another file: aisr key new FILE"));
        }
    }
    let name = arguments.name.clone().or(around.config.user.email).or(around.git_email);
    let name = name.unwrap_or(around.login);
    let passphrase = match arguments.no_passphrase {
        true => None,
        false => new_passphrase(&file)?,
    };
    let key = SecretKey::generate()?;
    let pem = match passphrase {
        Some(passphrase) => key.to_encrypted_pem(&name, &passphrase)?,
        None => key.to_openssh_pem(&name)?,
    };
    let folder = file.parent().unwrap_or(context.directory());
    let public = key.public().to_openssh(&name);
    let disk = context.disk();
    disk.create_dir_all_synced(folder, 0o700).map_err(aisr::repo::RepoError::from)?;
    disk.create_whole(&file, pem.as_bytes(), 0o600).map_err(aisr::repo::RepoError::from)?;
    let line = format!("{public}\n");
    disk.create_whole(&public_file, line.as_bytes(), 0o644).map_err(aisr::repo::RepoError::from)?;
    if arguments.json {
        let repo = repository(context)?;
        return write_json(out, &KeyView::of_key(&key.public(), &name, repo.as_ref()));
    }
    writeln!(out, "{public}")?;
    if !context.quiet {
        let file = file.canonicalize().unwrap_or(file);
        let path = Escaped(file.as_os_str().as_encoded_bytes()).to_string();
        writeln!(out, "{}  {path}", key.public().fingerprint())?;
        if arguments.file.is_some() {
            context.hint(&format!("to sign with it: `aisr config --user user.key {path}`"));
        }
        context.hint("to let it sign in a repository: `aisr trust add-key`, by who may already");
    }
    Ok(())
}

/// Asks twice. An empty one is none.
fn new_passphrase(file: &Path) -> Result<Option<Zeroizing<String>>, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::failure("there is no terminal to ask for a passphrase on")
            .hint("--no-passphrase makes a key that whoever reads the file can sign with"));
    }
    let ask = |prompt: &str| {
        let path = file.to_owned();
        rpassword::prompt_password(format!("{prompt}: "))
            .map(Zeroizing::new)
            .map_err(|source| SignError::PassphraseUnreadable { path, source })
    };
    let passphrase = ask("Passphrase of the new key (empty for none)")?;
    if ask("Once more")? != passphrase {
        return Err(CliError::failure("the two are not the same"));
    }
    Ok(Some(passphrase).filter(|passphrase| !passphrase.is_empty()))
}

/// What `--json` prints of who may sign.
#[derive(Serialize)]
struct AllowedView {
    allowed_signers: String,
}

fn print_allowed_signers(context: &Context, json: bool, out: &mut Output) -> Result<(), CliError> {
    let allowed_signers = allowed_signers(&context.repository()?.trust().root);
    match json {
        true => write_json(out, &AllowedView { allowed_signers }),
        false => Ok(out.write_all(allowed_signers.as_bytes())?),
    }
}
