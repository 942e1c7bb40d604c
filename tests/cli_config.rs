//! Settings: the user's own win, the repository's own are never versioned, and have no say in
//! whom to trust or which key signs.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

#[test]
fn settings_are_shown_set_and_taken_out() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["config", "user.email"]), @r"
    mara@example.org
    [0]
    ");
    desk.ok(["config", "user.email", "m@example.org"]);
    assert_snapshot!(desk.shown(["config", "get", "user.email"]), @r"
    m@example.org
    [0]
    ");
    desk.ok(["config", "set", "safe.folders", "/a", "/b"]);
    desk.ok(["config", "--repo", "user.email", "desk@example.org"]);
    assert_snapshot!(desk.shown(["config", "--list"]), @r"
    safe.folders=/a
    safe.folders=/b
    user.email=m@example.org
    [0]
    ");
    assert_snapshot!(desk.shown(["config", "--list", "--show-origin"]), @r"
    user:<dir>/home/.config/aisr/config.toml	safe.folders=/a
    user:<dir>/home/.config/aisr/config.toml	safe.folders=/b
    user:<dir>/home/.config/aisr/config.toml	user.email=m@example.org
    repository:<dir>/desk/.aisr/config.toml	user.email=desk@example.org (overridden)
    [0]
    ");
    let listed = desk.json(["config", "--list", "--json"]);
    assert_eq!(listed[2]["origin"], "repository");
    assert_eq!(listed[2]["overridden"], true);
    assert_eq!(desk.run(["config", "--unset", "user.email"]).code, Some(0));
    assert_eq!(desk.run(["config", "--unset", "user.email"]).code, Some(1));
    assert_snapshot!(desk.shown(["config", "user.email"]), @r"
    desk@example.org
    [0]
    ");
    assert_snapshot!(desk.shown(["config", "--user", "user.email"]), @"[1]");
}

#[test]
fn what_cannot_be_set_is_told_with_what_can() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["config", "user.emial", "x"]), @r"
    error: there is no setting `user.emial`
    hint: there are gc.keep, safe.folders, user.email, user.key
    [3]
    ");
    assert_snapshot!(desk.shown(["config", "--repo", "user.key", "/k"]), @r"
    error: user.key is taken from your own configuration alone, never from a repository's
    hint: set it for yourself: aisr config --user user.key VALUE
    [3]
    ");
    assert_snapshot!(desk.shown(["config", "user.email", "a", "b"]), @r"
    error: user.email has one value, and 2 were given
    [3]
    ");
}

#[test]
fn the_repositorys_email_serves_where_the_user_has_none_but_its_key_never() {
    let desk = Desk::new();
    desk.ok(["config", "--unset", "user.email"]);
    let text = "[user]\nemail = \"desk@example.org\"\nkey = \"/nowhere\"\n";
    std::fs::write(desk.path().join(".aisr/config.toml"), text).unwrap();
    desk.commit("a", "a", "First");
    let commit = desk.json(["show", "--json"]);
    assert_eq!(commit["author"]["name"], "desk@example.org");
    assert_eq!(commit["signature"]["verdict"], "good");
    assert!(!desk.ok(["ls", "HEAD", "-r"]).contains("config.toml"));
}
