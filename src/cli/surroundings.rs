//! What the environment says of the user: folders, names, keys.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use aisr::repo::{CONFIG_FILE, Surroundings, UserConfig};
use aisr::sign::SignError;
use zeroize::Zeroizing;

use super::error::CliError;

/// Gathers what is known of the user before any repository is opened.
pub fn surroundings() -> Result<Surroundings, CliError> {
    let home = folder("HOME");
    let (config, config_dir) = user_config()?;
    let git_email = git_email(home.as_deref());
    // An empty variable is none.
    let agent = folder("SSH_AUTH_SOCK");
    Ok(Surroundings { config, config_dir, agent, home, git_email, login: login() })
}

/// The user's own configuration, and the folder that it lies in.
pub fn user_config() -> Result<(UserConfig, PathBuf), CliError> {
    let config_dir = config_dir(folder("HOME").as_deref())?;
    Ok((UserConfig::load(&config_dir.join(CONFIG_FILE))?, config_dir))
}

/// Where what only saves work is kept for the user: beside the configuration where that has a
/// folder of its own, else where caches lie (XDG Base Directory Specification).
pub fn cache_dir() -> Option<PathBuf> {
    if let Some(config_dir) = folder("AISR_CONFIG_DIR") {
        return Some(config_dir.join("cache"));
    }
    let caches = || folder("HOME").map(|home| home.join(".cache"));
    folder("XDG_CACHE_HOME").or_else(caches).map(|dir| dir.join("aisr"))
}

/// The folders in which programs are looked for.
pub fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect())
}

/// The variables that aisr reads, those that are set.
pub fn set_variables() -> Vec<&'static str> {
    const READ: [&str; 14] = [
        "AISR_CONFIG_DIR",
        "AISR_EDITOR",
        "AISR_NO_PAGER",
        "AISR_PAGER",
        "CLICOLOR_FORCE",
        "EDITOR",
        "LESS",
        "NO_COLOR",
        "PAGER",
        "SSH_AUTH_SOCK",
        "TZ",
        "VISUAL",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    ];
    READ.into_iter().filter(|name| env::var_os(name).is_some()).collect()
}

/// A variable that names a folder by an absolute path.
fn folder(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn config_dir(home: Option<&Path>) -> Result<PathBuf, CliError> {
    folder("AISR_CONFIG_DIR")
        .or_else(|| folder("XDG_CONFIG_HOME").map(|dir| dir.join("aisr")))
        .or_else(|| home.map(|home| home.join(".config/aisr")))
        .ok_or_else(|| {
            CliError::failure("there is no configuration folder: HOME is not set")
                .hint("set HOME, or AISR_CONFIG_DIR to an absolute path")
        })
}

/// `user.email` of the user's own git configuration, later files first; a repository's own
/// configuration is never read, and git is never started.
fn git_email(home: Option<&Path>) -> Option<String> {
    let xdg = folder("XDG_CONFIG_HOME").or_else(|| home.map(|home| home.join(".config")));
    let files = [home.map(|home| home.join(".gitconfig")), xdg.map(|dir| dir.join("git/config"))];
    let texts = files.into_iter().flatten().filter_map(|path| std::fs::read_to_string(path).ok());
    texts.filter_map(|text| email_in(&text)).next()
}

/// The last `email` of a section `[user]`, as git reads it (git-config(1), "Syntax"); escapes
/// inside the value are not unfolded, as no address needs them.
fn email_in(text: &str) -> Option<String> {
    let (mut in_user, mut email) = (false, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let name = section.split(']').next().unwrap_or_default();
            in_user = name.trim().eq_ignore_ascii_case("user");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_user) else { continue };
        if key.trim().eq_ignore_ascii_case("email") {
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|rest| rest.split('"').next());
            let plain = || value.split(['#', ';']).next().unwrap_or_default().trim();
            email = Some(quoted.unwrap_or_else(plain).to_owned()).filter(|email| !email.is_empty());
        }
    }
    email
}

fn login() -> String {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_default();
    let user = if user.is_empty() { "unknown" } else { &user };
    let system = rustix::system::uname();
    format!("{user}@{}", system.nodename().to_string_lossy())
}

/// Asks for the passphrase of a key on the terminal; without one there is nobody to ask.
pub fn ask_passphrase(path: &Path) -> Result<Option<Zeroizing<String>>, SignError> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let prompt = format!("Passphrase of {}: ", path.display());
    match rpassword::prompt_password(prompt) {
        Ok(passphrase) => Ok(Some(Zeroizing::new(passphrase))),
        Err(source) => Err(SignError::PassphraseUnreadable { path: path.into(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::email_in;

    #[test]
    fn the_last_email_of_the_section_user_counts() {
        let text = "[core]\n\temail = no@example.org\n[user]\n\tname = M\n\tEmail = a@example.org # old\n\
                    [user]\n\temail = \"b@example.org\"\n[user \"x\"]\n\temail = c@example.org\n";
        assert_eq!(email_in(text).as_deref(), Some("b@example.org"));
        assert_eq!(
            email_in("[user]\nemail = a@example.org ; home\n").as_deref(),
            Some("a@example.org")
        );
        assert_eq!(email_in("[user]\nname = M\n"), None);
        assert_eq!(email_in("[user]\nemail =\n"), None);
    }
}
