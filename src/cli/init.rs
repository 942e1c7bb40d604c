//! `aisr init`: makes a repository of a folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use aisr::log::RefName;
use aisr::remote::init_shared;
use aisr::repo::{Identity, InitOptions, init};
use aisr::system::MANIFEST_FILE;
use aisr::worktree::{
    FirstManifest, IGNORE_FILE, Proposals, write_first_ignore_file, write_first_manifest,
};

use super::Answer;
use super::context::{Context, MakeKey};
use super::error::CliError;
use super::output::{Escaped, Output, Paging, draw_found, plural};

/// How many lines that are not taken over are listed.
const SHOWN: usize = 8;

/// Make a repository of a folder, founded by your key, and a first aisr.toml of what lies there.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr init
  aisr init support-desk --branch trunk")]
pub struct Arguments {
    /// The folder; made if it does not exist.
    directory: Option<PathBuf>,
    /// The first branch.
    #[arg(long, value_name = "NAME", default_value = "main")]
    branch: String,
    /// Make a shared place without a working copy, to clone from and push to.
    #[arg(long)]
    bare: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let branch = RefName::branch(&arguments.branch)
        .map_err(|e| CliError::usage(e.to_string()).hint("name another branch"))?;
    let root = match &arguments.directory {
        Some(directory) => context.directory().join(directory),
        None => context.directory().to_owned(),
    };
    let disk = context.disk();
    // Whether there is one already is known before a key is made or a passphrase asked for.
    let folder = root.join(aisr::repo::FOLDER);
    if folder.symlink_metadata().is_ok() && !arguments.bare {
        return Err(aisr::repo::RepoError::Exists { folder }.into());
    }
    if arguments.bare {
        return init_bare(context, &root, &branch);
    }
    disk.create_dir_all_synced(&root, 0o777).map_err(aisr::repo::RepoError::from)?;
    let founder = context.identity(MakeKey::IfNone)?;
    let repo = init(disk, &root, &InitOptions { founder: &founder, branch })?;
    let wrote = write_first_ignore_file(disk, repo.root())?;
    let manifest = write_first_manifest(&repo)?;
    if context.quiet {
        return Ok(Answer::Yes);
    }
    let mut out = context.output(Paging::Off);
    writeln!(out, "Signing key   {}", describe(&founder))?;
    writeln!(out, "Repository    {} (branch {})", shown(repo.folder()), arguments.branch)?;
    if let FirstManifest::Nothing(found) | FirstManifest::Wrote(found) = &manifest {
        draw_found(found, &mut out)?;
    }
    draw_wrote(&manifest, wrote.as_ref(), &mut out)?;
    out.finish()?;
    if matches!(manifest, FirstManifest::Kept) {
        context.hint("aisr.toml was there and stays; `aisr system scan` proposes what it lacks");
    }
    Ok(Answer::Yes)
}

fn init_bare(context: &Context, root: &Path, branch: &RefName) -> Result<Answer, CliError> {
    let founder = context.identity(MakeKey::IfNone)?;
    init_shared(context.disk(), root, branch, &founder)?;
    if !context.quiet {
        let mut out = context.output(Paging::Off);
        writeln!(out, "Signing key   {}", describe(&founder))?;
        let short = Escaped(branch.short());
        writeln!(out, "Shared place  {} (branch {short})", shown(root))?;
        out.finish()?;
    }
    Ok(Answer::Yes)
}

/// `~/.ssh/id_ed25519 (SHA256:Vq3…), principal mara@example.org`.
fn describe(founder: &Identity) -> String {
    let made = if founder.made { ", made just now" } else { "" };
    let key = founder.key.public().fingerprint();
    let name = Escaped(founder.name.as_bytes());
    format!("{} ({key}){made}, principal {name}", shown(&founder.path))
}

fn shown(path: &Path) -> String {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let inside = home.as_deref().and_then(|home| path.strip_prefix(home).ok());
    let path = match inside {
        Some(inside) => Path::new("~").join(inside),
        None => path.to_owned(),
    };
    Escaped(path.as_os_str().as_encoded_bytes()).to_string()
}

/// What was written, and what of git's file was not taken over, and why.
fn draw_wrote(
    manifest: &FirstManifest,
    proposals: Option<&Proposals>,
    out: &mut Output,
) -> Result<(), CliError> {
    let manifest = matches!(manifest, FirstManifest::Wrote(_)).then(|| MANIFEST_FILE.to_owned());
    let ignores = proposals.map(|proposals| match proposals.taken.len() as u64 {
        0 => IGNORE_FILE.to_owned(),
        lines => format!("{IGNORE_FILE}, with {} of .gitignore", plural(lines, "line", "lines")),
    });
    let wrote: Vec<_> = manifest.into_iter().chain(ignores).collect();
    if !wrote.is_empty() {
        writeln!(out, "Wrote         {}", wrote.join(", "))?;
    }
    let left_out = proposals.map_or(&[][..], |proposals| &proposals.left_out);
    if !left_out.is_empty() {
        let shown = left_out.iter().take(SHOWN).map(|line| Escaped(line).to_string());
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = if left_out.len() > SHOWN { ", …" } else { "" };
        writeln!(
            out,
            "Not taken     {shown}{more}: that would hide models or memory, or show secrets"
        )?;
    }
    Ok(())
}
