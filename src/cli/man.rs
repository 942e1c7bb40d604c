//! `aisr man`: the manual pages, one for each command, made from what `--help` prints.

use std::io::{self, Write};
use std::path::PathBuf;

use aisr::repo::RepoError;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Escaped, Paging, plural};

/// What the page of the program itself says besides.
const PROGRAM: &str = r#".SH "EXIT STATUS"
.TP
\fB0\fR
Fine.
.TP
\fB1\fR
A negative answer: nothing to commit, something differs, something is not good.
.TP
\fB2\fR
The command was not used as it must be.
.TP
\fB3\fR
An error; nothing is lost.
.TP
\fB101\fR
A bug of aisr itself: please report it, with what \fBaisr bug\-report\fR prints.
.SH FILES
.TP
\fI.aisr\fR
The repository, in the root of what it captures.
.TP
\fI.aisrignore\fR
What is not captured, with the patterns of gitignore(5).
.TP
\fIaisr.toml\fR
What the folder asks for; nothing in it runs before \fBaisr allow\fR.
.TP
\fI~/.config/aisr/config.toml\fR
Your own settings; see \fBaisr\-config\fR(1).
.SH ENVIRONMENT
.TP
\fBAISR_CONFIG_DIR\fR
The folder of your own settings, an absolute path.
.TP
\fBXDG_CONFIG_HOME\fR
Else its folder \fIaisr\fR.
.TP
\fBNO_COLOR\fR
Without colours.
"#;

/// Write the manual pages to a folder, one for each command.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr man ~/.local/share/man/man1
  man aisr-commit")]
pub struct Arguments {
    /// The folder; made if it does not exist. Pages of the same names are replaced.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let directory = context.directory().join(&arguments.directory);
    let disk = context.disk();
    disk.create_dir_all_synced(&directory, 0o755).map_err(RepoError::from)?;
    let pages = pages()?;
    for (name, page) in &pages {
        disk.replace_whole(&directory.join(name), page, 0o644).map_err(RepoError::from)?;
    }
    if !context.quiet {
        let mut out = context.output(Paging::Off);
        let folder = directory.as_os_str().as_encoded_bytes();
        let count = plural(pages.len() as u64, "page", "pages");
        writeln!(out, "{count} in {}", Escaped(folder))?;
        out.finish()?;
    }
    Ok(Answer::Yes)
}

/// Every page with the name of its file: that of the program first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = without_help(super::Arguments::command());
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

/// The command `help` has no page: `man` does what it does.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("aisr");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    write_synopsis(command, &mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let shown = || command.get_subcommands().filter(|inner| !inner.is_hide_set());
    if shown().next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        write_examples(&text.to_string(), &mut page)?;
    }
    match command.get_display_name() {
        Some("aisr") | None => page.write_all(PROGRAM.as_bytes())?,
        Some(_) => page.write_all(b".SH \"SEE ALSO\"\n\\fBaisr\\fR(1)\n")?,
    }
    pages.push((man.get_filename(), page));
    shown().try_for_each(|inner| add(inner, pages))
}

/// How a command is used, in the words of its help.
fn write_synopsis(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    page.write_all(b".SH SYNOPSIS\n.nf\n")?;
    for line in usage.trim_start_matches("Usage:").lines() {
        writeln!(page, "\\&{}", as_it_is(line))?;
    }
    page.write_all(b".fi\n")
}

/// What stands below a command's help, as it is: `Examples:`, and a line for each.
fn write_examples(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    page.write_all(b".SH EXAMPLES\n.nf\n")?;
    for line in text.lines().filter(|line| *line != "Examples:") {
        writeln!(page, "\\&{}", as_it_is(line))?;
    }
    page.write_all(b".fi\n")
}

/// A line in which roff(7) sees nothing but its characters. Behind `\&`, a dot or quote at the
/// start is no request.
fn as_it_is(line: &str) -> String {
    line.trim().replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq")
}
