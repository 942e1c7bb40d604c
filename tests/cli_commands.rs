//! What a person sees of each command.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

#[test]
fn init_tells_the_key_and_writes_the_ignore_file() {
    let desk = Desk::empty();
    assert_snapshot!(desk.shown(["init"]), @r"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), made just now, principal mara@example.org
    Repository    <dir>/desk/.aisr (branch main)
    Wrote         .aisrignore
    [0]
    ");
    assert!(desk.path().join(".aisrignore").exists());
    assert_snapshot!(desk.shown(["init"]), @r"
    error: <dir>/desk/.aisr is a repository already
    hint: `aisr log` shows what it holds
    [3]
    ");
}

#[test]
fn init_uses_the_key_that_is_there_and_never_overwrites_an_ignore_file() {
    let desk = Desk::new();
    desk.write("other/.aisrignore", "mine\n");
    assert_snapshot!(desk.shown(["init", "other", "--branch", "trunk"]), @r"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), principal mara@example.org
    Repository    <dir>/desk/other/.aisr (branch trunk)
    [0]
    ");
    let kept = std::fs::read_to_string(desk.path().join("other/.aisrignore")).unwrap();
    assert_eq!(kept, "mine\n");
    desk.ok(["-C", "other", "commit", "-m", "First"]);
    desk.ok(["-C", "other", "init", "inner"]);
    assert!(desk.path().join("other/inner/.aisr").is_dir());
}

#[test]
fn commit_tells_what_it_captured_and_who_signed() {
    let desk = Desk::new();
    desk.write("prompts/triage.md", "Be kind.\n");
    let shown = desk.shown(["commit", "-m", "The desk as it went live", "-m", "All of it."]);
    assert_snapshot!(shown, @r"
    [main <id>] The desk as it went live
      captured 511 bytes in 2 files, <size> stored, <n> s · snapshot at <time>
      signed   mara@example.org
    [0]
    ");
    assert_snapshot!(desk.shown(["commit", "-m", "again"]), @r"
    Nothing to commit: <id> holds the very state of the folder (The desk as it went live).
    [1]
    ");
    assert_snapshot!(desk.shown(["commit", "-m", "again", "--allow-empty", "-q"]), @"[0]");
    let args = ["commit", "--allow-empty", "-m", "claim", "--author", "agent:x"];
    assert_snapshot!(desk.shown(args), @r"
    [main <id>] claim
      captured 511 bytes in 2 files, <size> stored, <n> s · snapshot at <time>
      signed   mara@example.org, author agent:x (claimed)
    [0]
    ");
}

#[test]
fn commit_without_a_message_and_without_a_terminal_says_what_to_type() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["commit"]), @r"
    error: there is no message, and no terminal to write one on
    hint: aisr commit -m MESSAGE
    [2]
    ");
    assert_snapshot!(desk.shown(["commit", "-m", "  \n"]), @r"
    Nothing is committed: the message is empty.
    [1]
    ");
}

#[test]
fn log_tells_claims_from_proofs() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["log"]), @r"
    error: main has no commit yet
    hint: `aisr commit` makes the first one
    [3]
    ");
    desk.commit("a", "1", "First\n\nBecause.");
    desk.write("a", "2");
    desk.ok(["commit", "-m", "Second", "--author", "agent:refunds", "--acting-for", "mara"]);
    assert_snapshot!(desk.shown(["log"]), @r"
    commit   <id> (HEAD -> main)
    signed   mara@example.org · good · SHA256:<key>
    author   agent:refunds (claimed)
    for      mara (claimed)
    date     <time>

        Second

    commit   <id>
    signed   mara@example.org · good · SHA256:<key>
    date     <time>

        First

        Because.
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline"]), @r"
    <id> (HEAD -> main) Second
    <id> First
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "-n", "1", "main~"]), @r"
    <id> First
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "HEAD~..HEAD"]), @r"
    <id> (HEAD -> main) Second
    [0]
    ");
}

#[test]
fn show_prints_a_commit_a_directory_or_a_file() {
    let desk = Desk::new();
    desk.commit("prompts/a.md", "Hello.\n", "First");
    assert_snapshot!(desk.shown(["show"]), @r"
    commit   <id> (HEAD -> main)
    signed   mara@example.org · good · SHA256:<key>
    date     <time>

        First

    root     <id>
    files    <id> of 509 bytes
    capture  snapshot of <time> to <time>
    cause    manual
    [0]
    ");
    assert_snapshot!(desk.shown(["show", "main:prompts/a.md"]), @r"
    Hello.
    [0]
    ");
    assert_snapshot!(desk.shown(["show", "@:prompts"]), @r"
    file       <id>               7  a.md
    [0]
    ");
}

#[test]
fn ls_lists_names_or_everything() {
    let desk = Desk::new();
    desk.write("prompts/a.md", "Hello.\n");
    std::os::unix::fs::symlink("prompts/a.md", desk.path().join("link")).unwrap();
    desk.ok(["commit", "-m", "First"]);
    assert_snapshot!(desk.shown(["ls"]), @r"
    .aisrignore
    link
    prompts/
    [0]
    ");
    assert_snapshot!(desk.shown(["ls", "-l"]), @r"
    file       <id>             502  .aisrignore
    symlink    <id>              12  link -> prompts/a.md
    directory  <id>               7  prompts/
    [0]
    ");
    assert_snapshot!(desk.shown(["ls", "-r", "@"]), @r"
    .aisrignore
    link
    prompts/a.md
    [0]
    ");
    assert_snapshot!(desk.shown(["ls", "@:prompts/"]), @r"
    a.md
    [0]
    ");
    assert_snapshot!(desk.shown(["ls", "@:none"]), @r"
    error: none is not in <id>
    hint: `aisr ls @` lists what is
    [3]
    ");
}

#[test]
fn cat_prints_the_bytes_by_path_or_by_id() {
    let desk = Desk::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    desk.write("all", &bytes);
    desk.write("small", "x\n");
    desk.ok(["commit", "-m", "First"]);
    assert!(desk.run(["cat", "@:all"]).stdout == bytes);
    for name in ["all", "small"] {
        let entry = desk.json(["ls", "--json", &format!("@:{name}")]);
        let id = entry[0]["id"].as_str().unwrap();
        let whole = std::fs::read(desk.path().join(name)).unwrap();
        assert!(desk.run(["cat", id]).stdout == whole);
        assert!(desk.run(["cat", &id[..8]]).stdout == whole);
    }
    assert_snapshot!(desk.shown(["cat", "@"]), @r"
    error: `@` is a commit, not a file
    hint: `aisr cat @:PATH` prints a file of it, `aisr show @` the commit
    [2]
    ");
    assert_snapshot!(desk.shown(["cat", "@:"]), @r"
    error: the root is a directory
    hint: `aisr ls @:` lists it
    [3]
    ");
    assert_snapshot!(desk.shown(["cat", "@:a/../b"]), @r"
    error: `a/../b` is not a path of the tree: `.` and `..` are not names
    [3]
    ");
}

#[test]
fn checkout_writes_the_files_elsewhere() {
    let desk = Desk::new();
    desk.commit("prompts/a.md", "Hello.\n", "First");
    let out = desk.outside("out");
    let out = out.to_str().unwrap();
    assert_snapshot!(desk.shown(["checkout", "main"]), @r"
    Already on main, at <id> (First)
    [0]
    ");
    let shown = desk.shown(["checkout", "main", "--out", out]);
    assert!(shown.starts_with("<id> in <dir>/out: 2 files, "), "{shown}");
    let text = std::fs::read_to_string(format!("{out}/prompts/a.md")).unwrap();
    assert_eq!(text, "Hello.\n");
    assert_snapshot!(desk.shown(["checkout", "main", "--out", out]), @r"
    error: <dir>/out exists and is not an empty folder
    hint: name a folder that does not exist yet
    [3]
    ");
}

#[test]
fn verify_and_fsck_say_what_is_good() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    desk.commit("a", "2", "Second");
    assert_snapshot!(desk.shown(["verify"]), @r"
    commits  2: 2 good
    log      3 entries, chain good, by this clone's log alone
    [0]
    ");
    assert_snapshot!(desk.shown(["verify", "main~..main"]), @r"
    commits  1: 1 good
    log      3 entries, chain good, by this clone's log alone
    [0]
    ");
    assert_eq!(desk.shown(["verify", "-q"]), "[0]");
    let fsck = desk.shown(["fsck"]);
    assert!(fsck.ends_with("Everything is whole.\n[0]"), "{fsck}");
    assert_eq!(desk.shown(["fsck", "-q"]), "[0]");
}

#[test]
fn a_database_that_cannot_be_read_is_told_even_where_nothing_else_changed() {
    let desk = Desk::new();
    let db = rusqlite::Connection::open(desk.path().join("memory.db")).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    desk.ok(["commit", "-m", "First"]);
    db.execute_batch("INSERT INTO t VALUES (1); BEGIN EXCLUSIVE").unwrap();
    assert_snapshot!(desk.shown(["commit", "-m", "Second"]), @r"
    Nothing to commit: <id> holds the very state of what could be read (First).
    warning: memory.db is left as HEAD has it: another process keeps it locked
    hint: commit again when the process that keeps it locked lets go of it
    [1]
    ");
    db.execute_batch("COMMIT").unwrap();
    desk.ok(["commit", "-m", "Second"]);
}

#[test]
fn version_needs_nothing() {
    let desk = Desk::empty();
    let ran = desk.command(["version"]).env_clear().output().unwrap();
    assert_snapshot!(String::from_utf8(ran.stdout).unwrap(), @"aisr 0.1.0 (format 0)");
}

#[test]
fn words_that_git_has_get_an_answer() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["add", "-A", "."]), @r"
    error: there is no `aisr add`: `aisr commit` captures the whole folder
    hint: name in .aisrignore what must stay out
    [2]
    ");
    assert_snapshot!(desk.shown(["rebase"]), @r"
    error: unrecognized subcommand 'rebase'

      tip: some similar subcommands exist: 'blame', 'restore', 'reset'

    Usage: aisr [OPTIONS] <COMMAND>

    For more information, try '--help'.
    [2]
    ");
}

#[test]
fn a_folder_without_a_repository_says_how_to_make_one() {
    let desk = Desk::empty();
    assert_snapshot!(desk.shown(["log"]), @r"
    error: no repository in <dir>/desk or any folder above it
    hint: `aisr init` makes a repository of this folder
    [3]
    ");
    assert_snapshot!(desk.shown(["-C", "nowhere", "log"]), @r"
    error: cannot work in nowhere: No such file or directory (os error 2)
    [3]
    ");
}
