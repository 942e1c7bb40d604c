//! Words that people bring from git are answered with the way there is.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

#[test]
fn words_of_git_are_answered_with_the_way_there_is() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["switch", "-c", "trial"]), @r"
    error: there is no `aisr switch`: `aisr checkout` is the command
    hint: write a branch or commit to a new folder: aisr checkout REV --out DIR
    [2]
    ");
    assert_snapshot!(desk.shown(["reset", "--hard", "HEAD~1"]), @r"
    error: there is no `aisr reset`: nothing is staged, and history is kept
    hint: write an earlier state to a new folder: aisr checkout REV --out DIR
    [2]
    ");
    assert_snapshot!(desk.shown(["stash", "pop"]), @r"
    error: there is no `aisr stash`: a commit keeps the whole folder
    hint: keep the present state: aisr commit -m MESSAGE
    [2]
    ");
}
