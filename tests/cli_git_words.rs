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
    hint: move the folder to a branch or commit: aisr checkout REV; to a new branch: aisr checkout -b NAME
    [2]
    ");
    assert_snapshot!(desk.shown(["reset", "--hard", "HEAD~1"]), @r"
    error: there is no `aisr reset`: nothing is staged, and history is kept
    hint: take files back from a commit: aisr restore --from REV PATH
    hint: take back the last operation: aisr undo; the last commit's words: aisr commit --amend
    [2]
    ");
    assert_snapshot!(desk.shown(["stash", "pop"]), @r"
    error: there is no `aisr stash`: a commit keeps the whole folder
    hint: keep the present state on a branch of its own: aisr checkout -b NAME, aisr commit
    [2]
    ");
}
