//! `aisr diff` as a person and as a patch program see it.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use program::Desk;
use proptest::prelude::*;

const PROMPT: &str =
    "You triage.\nBe kind.\nHand refunds over.\nNever promise a date.\nThat is all.\n";

fn two_prompts() -> Desk {
    let desk = Desk::new();
    desk.write("prompts/gone.md", "Old.\n");
    desk.commit("prompts/triage.md", PROMPT, "First");
    desk
}

#[test]
fn the_folder_is_compared_with_head_as_a_patch() {
    let desk = two_prompts();
    desk.write("prompts/triage.md", PROMPT.replace("a date", "a date or an amount"));
    desk.write("prompts/new.md", "no line end");
    fs::remove_file(desk.path().join("prompts/gone.md")).unwrap();
    assert_snapshot!(desk.shown(["diff"]), @r"
    diff --git a/prompts/gone.md b/prompts/gone.md
    deleted file mode 100644
    index 1b8d5eec..00000000
    --- a/prompts/gone.md
    +++ /dev/null
    @@ -1 +0,0 @@
    -Old.
    diff --git a/prompts/new.md b/prompts/new.md
    new file mode 100644
    index 00000000..64c30e13
    --- /dev/null
    +++ b/prompts/new.md
    @@ -0,0 +1 @@
    +no line end
    \ No newline at end of file
    diff --git a/prompts/triage.md b/prompts/triage.md
    index eee1b5ec..97e1a699 100644
    --- a/prompts/triage.md
    +++ b/prompts/triage.md
    @@ -1,5 +1,5 @@
     You triage.
     Be kind.
     Hand refunds over.
    -Never promise a date.
    +Never promise a date or an amount.
     That is all.
    [0]
    ");
}

#[test]
fn words_that_differ_stand_out_in_colour() {
    let desk = two_prompts();
    desk.write("prompts/triage.md", PROMPT.replace("a date", "an amount"));
    let text = desk.ok(["diff", "--color", "always"]);
    let after = |part: &'static str| text.split(part).skip(1);
    let marked = |start| after(start).map(|rest| rest.split_once('\u{1b}').unwrap().0);
    assert!(marked("\u{1b}[7m\u{1b}[31m").eq(["a", "date"]), "{text:?}");
    assert!(marked("\u{1b}[7m\u{1b}[32m").eq(["an", "amount"]), "{text:?}");
}

#[test]
fn two_commits_are_compared_in_either_spelling() {
    let desk = two_prompts();
    desk.commit("prompts/triage.md", "Other.\n", "Second");
    let two = desk.ok(["diff", "HEAD~", "HEAD"]);
    assert!(two.contains("+Other.") && two.contains("-You triage."), "{two}");
    assert_eq!(desk.ok(["diff", "HEAD~..HEAD"]), two);
    assert_eq!(desk.ok(["diff", "HEAD~.."]), two);
    assert_eq!(desk.ok(["diff", "HEAD~"]), two);
    assert_eq!(desk.ok(["diff"]), "");
    let back = desk.ok(["diff", "HEAD", "HEAD~"]);
    assert!(back.contains("-Other.") && back.contains("+You triage."), "{back}");
}

#[test]
fn stat_and_names_list_what_differs() {
    let desk = two_prompts();
    desk.write("models/w.bin", [0u8, 1, 2]);
    desk.ok(["commit", "-m", "Model"]);
    desk.write("models/w.bin", [0u8, 1, 2, 3]);
    desk.write("prompts/triage.md", PROMPT.replace("kind", "brief"));
    fs::rename(desk.path().join("prompts/gone.md"), desk.path().join("prompts/moved.md")).unwrap();
    let run = desk.path().join("models/run.sh");
    fs::write(&run, "").unwrap();
    assert_snapshot!(desk.shown(["diff", "--stat"]), @r"
      new      models/run.sh  +0 −0 lines
      changed  models/w.bin  3 bytes → 4 bytes
      renamed  prompts/gone.md → prompts/moved.md
      changed  prompts/triage.md  +1 −1 lines
    4 paths, 1 line added, 1 removed
    [0]
    ");
    assert_snapshot!(desk.shown(["diff", "--name-only"]), @r"
    models/run.sh
    models/w.bin
    prompts/moved.md
    prompts/triage.md
    [0]
    ");
    assert_snapshot!(desk.shown(["diff"]), @r"
    diff --git a/models/run.sh b/models/run.sh
    new file mode 100644
    index 00000000..af1349b9
    diff --git a/models/w.bin b/models/w.bin
    index e1be4d7a..f30f5ab2 100644
    Binary files a/models/w.bin (3 bytes, <id>) and b/models/w.bin (4 bytes, <id>) differ
    diff --git a/prompts/gone.md b/prompts/moved.md
    similarity index 100%
    rename from prompts/gone.md
    rename to prompts/moved.md
    diff --git a/prompts/triage.md b/prompts/triage.md
    index eee1b5ec..16fde9d6 100644
    --- a/prompts/triage.md
    +++ b/prompts/triage.md
    @@ -1,5 +1,5 @@
     You triage.
    -Be kind.
    +Be brief.
     Hand refunds over.
     Never promise a date.
     That is all.
    [0]
    ");
}

#[test]
fn paths_are_relative_to_where_one_stands() {
    let desk = two_prompts();
    desk.write("prompts/triage.md", "x\n");
    desk.write("other/a.md", "y\n");
    assert_eq!(desk.ok(["-C", "prompts", "diff", "--name-only", "."]), "prompts/triage.md\n");
    assert_eq!(desk.ok(["-C", "prompts", "diff", "--name-only", "../other"]), "other/a.md\n");
    assert_eq!(desk.ok(["diff", "HEAD", "--name-only", "other/a.md"]), "other/a.md\n");
    assert_eq!(desk.ok(["diff", "--name-only", "--", "not-there"]), "");
    assert_snapshot!(desk.shown(["diff", "not-there"]), @r"
    error: `not-there` is neither a revision nor a path here
    hint: `aisr diff -- not-there` names a path that is gone
    [2]
    ");
    assert_eq!(desk.run(["diff", "--", "../.."]).code, Some(2));
}

#[test]
fn a_name_that_is_revision_and_path_is_asked_about() {
    let desk = two_prompts();
    desk.write("main", "a file\n");
    assert_snapshot!(desk.shown(["diff", "main"]), @r"
    error: `main` is a revision and a path
    hint: `aisr diff main -- .` means the revision, `aisr diff -- main` the path
    [2]
    ");
    assert_eq!(desk.ok(["diff", "--name-only", "--", "main"]), "main\n");
}

#[test]
fn exit_code_tells_whether_something_differs() {
    let desk = two_prompts();
    assert_eq!(desk.run(["diff", "--exit-code"]).code, Some(0));
    desk.write("prompts/triage.md", "x\n");
    assert_eq!(desk.run(["diff", "--exit-code"]).code, Some(1));
    assert_eq!(desk.run(["diff"]).code, Some(0));
}

#[test]
fn json_has_entries_and_hunks() {
    let desk = two_prompts();
    desk.write("prompts/triage.md", PROMPT.replace("kind", "brief"));
    desk.write("bin", [0u8]);
    let all = desk.json(["diff", "--json", "-U", "0"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["change"], "new");
    assert_eq!(all[0]["after"]["size"], 1);
    assert!(all[0].get("hunks").is_none());
    assert_eq!(all[1]["path"], "prompts/triage.md");
    let hunk = serde_json::json!({
        "before": [2, 1], "after": [2, 1],
        "lines": [
            {"kind": "removed", "text": "Be kind.\n"},
            {"kind": "added", "text": "Be brief.\n"},
        ],
    });
    assert_eq!(all[1]["hunks"], serde_json::json!([hunk]));
    assert_eq!(desk.json(["diff", "--json", "HEAD", "HEAD"]), serde_json::json!([]));
}

#[test]
fn a_path_cannot_forge_a_header_and_colours_escape_contents() {
    let desk = two_prompts();
    desk.write("a\n+++ b\u{1b}[31m", "\u{1b}[2Jtext\n");
    let text = desk.ok(["diff", "--color", "always"]);
    assert!(text.contains("\"b/a\\012+++ b\\033[31m\""), "{text}");
    assert!(text.contains("\\u{1b}[2Jtext"), "{text}");
}

/// What may lie at a path: a text, perhaps executable, or a link.
#[derive(Clone, Debug, PartialEq)]
enum Thing {
    Text(String, bool),
    Link(String),
}

fn thing() -> impl Strategy<Value = Thing> {
    let lines = prop::collection::vec("[ab \t\r\u{e4}\u{1b}]{0,3}\n", 0..12);
    let text = (lines, "[ab]{0,2}").prop_map(|(lines, end)| lines.concat() + &end);
    prop_oneof![
        6 => (text, any::<bool>()).prop_map(|(text, run)| Thing::Text(text, run)),
        1 => "[ab]{1,4}".prop_map(Thing::Link),
    ]
}

fn state() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    let name = prop_oneof!["[ab]", "[ab]/[cd]", Just("sp ace".into()), Just("q\"\t\u{e4}".into())];
    prop::collection::btree_map(name, thing(), 0..7).prop_map(|mut state| {
        // No file where a folder is.
        let folders: Vec<String> =
            state.keys().filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect();
        folders.iter().for_each(|folder| drop(state.remove(folder)));
        // No link that leads to a link: git cannot look past one that leads to itself.
        let is_link = |thing: &Thing| matches!(thing, Thing::Link(_));
        let links: Vec<String> = state
            .iter()
            .filter(|(_, thing)| is_link(thing))
            .map(|(path, _)| path.clone())
            .collect();
        state.retain(|_, thing| !matches!(thing, Thing::Link(to) if links.contains(to)));
        state
    })
}

fn put(root: &Path, state: &BTreeMap<String, Thing>) {
    for entry in fs::read_dir(root).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            _ if name.starts_with('.') => {}
            true => fs::remove_dir_all(entry.path()).unwrap(),
            false => fs::remove_file(entry.path()).unwrap(),
        }
    }
    for (name, thing) in state {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match thing {
            Thing::Text(text, run) => {
                fs::write(&path, text).unwrap();
                let mode = if *run { 0o755 } else { 0o644 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            Thing::Link(to) => symlink(to, &path).unwrap(),
        }
    }
}

fn found(root: &Path, at: &str, out: &mut BTreeMap<String, Thing>) {
    for entry in fs::read_dir(root.join(at)).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
        let kind = entry.file_type().unwrap();
        if name.starts_with('.') {
        } else if kind.is_symlink() {
            let to = fs::read_link(entry.path()).unwrap().into_os_string().into_string().unwrap();
            out.insert(path, Thing::Link(to));
        } else if kind.is_dir() {
            found(root, &path, out);
        } else {
            let run = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
            out.insert(path, Thing::Text(fs::read_to_string(entry.path()).unwrap(), run));
        }
    }
}

fn check_with_git(a: &BTreeMap<String, Thing>, b: &BTreeMap<String, Thing>, context: u32) {
    let desk = Desk::new();
    put(&desk.path(), a);
    desk.ok(["commit", "-m", "A"]);
    put(&desk.path(), b);
    let patch = desk.run(["diff".to_owned(), format!("-U{context}")]);
    assert_eq!(patch.code, Some(0), "{}", patch.stderr);
    let other = desk.outside("other");
    fs::create_dir(&other).unwrap();
    put(&other, a);
    if !patch.stdout.is_empty() {
        let file = desk.outside("patch");
        fs::write(&file, &patch.stdout).unwrap();
        let mut git = Command::new("git");
        git.args(["apply", "--whitespace=nowarn"]).current_dir(&other);
        if context == 0 {
            git.arg("--unidiff-zero");
        }
        let ran = git.arg(&file).env("GIT_CEILING_DIRECTORIES", desk.outside("")).output().unwrap();
        let why = String::from_utf8_lossy(&ran.stderr);
        let text = String::from_utf8_lossy(&patch.stdout);
        assert!(ran.status.success(), "{why}\n{text}");
    }
    let mut now = BTreeMap::new();
    found(&other, "", &mut now);
    assert_eq!(&now, b, "{}", String::from_utf8_lossy(&patch.stdout));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn git_applies_what_diff_prints(a in state(), b in state(), context in 0u32..4) {
        check_with_git(&a, &b, context);
    }
}
