#!/usr/bin/env python3
"""Since when, and who brought it: questions to a long history, beside git.

    history.py --aisr PATH --generator PATH [--commits 10000] [--files 20000] [--rows 400000]
               [--versions 100] [--deep 100000] [--work DIR] [--json OUT]

Small files, 200 prompts, 12 agents, and one memory of which row 777 changes with each of so many
commits; then a history of commits with merges that `history.rs` makes through the library, each with
its log entry.  `prompts/watched.md` changes 100 times, `prompts/long.md`, of 1,000 lines, 300 times.
git has the same history without the memory, packed as `git gc` packs it, with and without its
changed-path filters.

Rows are [what, aisr, other, unit, whose the other is]; times are medians of whole processes, after one
run that is not counted.  A command that this aisr does not have leaves its rows out.
"""
import argparse, json, os, random, shutil, sqlite3, statistics, subprocess, sys, tempfile, time
from pathlib import Path

from measure import aisr_home

RUNS = 5
GIT = ["git", "-c", "gc.auto=0", "-c", "core.commitGraph=true"]
WORDS = ("sort", "each", "request", "by", "its", "weight", "and", "never", "guess", "whom", "it", "serves")


class Bench:
    def __init__(self, aisr, work):
        self.aisr = str(aisr)
        home = work / "home"
        home.mkdir()
        self.env = {**os.environ, **aisr_home(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.key = home / ".ssh/id_ed25519"
        self.rows = []

    def run(self, argv, cwd, allow=(0,)):
        """Runs what must go well; gives what it printed, and how many ms it took."""
        argv = [self.aisr if word == "aisr" else str(word) for word in argv]
        start = time.perf_counter()
        p = subprocess.run(argv, cwd=cwd, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wall = 1000 * (time.perf_counter() - start)
        if p.returncode not in allow:
            sys.exit(f"history: {' '.join(argv[:8])} failed with {p.returncode} in {cwd}:\n{p.stderr.decode(errors='replace')}")
        return p.stdout, wall

    def median(self, argv, cwd, runs=RUNS, allow=(0,)):
        self.run(argv, cwd, allow)
        return statistics.median(self.run(argv, cwd, allow)[1] for _ in range(runs))

    def has(self, command):
        argv = [self.aisr, "help", command]
        return subprocess.run(argv, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def row(self, what, aisr, other, unit, whose):
        self.rows.append([what, aisr, other, unit, whose])
        print(f"{what}: {aisr:.2f}{'' if other is None else f' : {other:.2f} ({whose})'} {unit}", flush=True)


def text(r, lines):
    return "".join(" ".join(r.choice(WORDS) for _ in range(8)) + "\n" for _ in range(lines))


def database(path, rows, r):
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE memories(id INTEGER PRIMARY KEY, agent TEXT, text TEXT)")
    filler = text(r, 500).replace("\n", " ")
    make = lambda i: (i, f"agent-{i % 12:02}", filler[(i * 37) % 20000:][:560] + f" {i}")
    db.executemany("INSERT INTO memories VALUES(?, ?, ?)", (make(i) for i in range(1, rows + 1)))
    db.commit()
    db.close()


def first_state(root, files, rows, r):
    def write(path, content):
        path = root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    manifest = []
    for i in range(min(files, 10000)):
        write(f"src/{i // 100 % 100:02}/{i % 100:02}.py", text(r, 10))
    for i in range(max(0, files - 10000)):
        write(f"side/{i // 100 % 100:02}/{i % 100:02}.py", text(r, 10))
    for name, lines in [("watched", 40), ("long", 1000)] + [(f"p{i:03}", 40) for i in range(200)]:
        write(f"prompts/{name}.md", text(r, lines))
        manifest.append(f'[prompt.{name}]\npath = "prompts/{name}.md"\n')
    if rows:
        database(root / "memory/store.sqlite", rows, r)
        manifest.append('[memory.store]\npath = "memory/store.sqlite"\n')
    for i in range(12):
        lines = [f"[agent.a{i:02}]", f'prompted-by = "prompt:p{i:03}"']
        lines += ['remembers-in = "memory:store"'] if rows else []
        manifest.append("\n".join(lines) + "\n")
    write("aisr.toml", "\n".join(manifest))


def make(b, root, git, generator, commits, files, rows, versions):
    r = random.Random(7)
    root.mkdir()
    git.mkdir()
    first_state(root, files, rows, r)
    b.run(["aisr", "init"], root)
    b.run(["aisr", "commit", "-q", "-m", "first"], root)
    for version in range(versions if rows else 0):
        db = sqlite3.connect(root / "memory/store.sqlite")
        db.execute("UPDATE memories SET text = ? WHERE id = 777", (f"version {version}",))
        for _ in range(20):
            db.execute("UPDATE memories SET text = ? WHERE id = ?", (f"note of version {version}", r.randrange(1000, rows)))
        db.commit()
        db.close()
        b.run(["aisr", "commit", "-q", "-m", f"memory {version}", "memory/store.sqlite"], root)
    b.run(["git", "init", "-q", "--bare", "-b", "main"], git)
    b.run([generator, root, b.key, git, commits], root)
    b.run(GIT + ["gc", "-q"], git)
    b.run(GIT + ["commit-graph", "write", "--reachable"], git)
    # The working copy is not what HEAD holds; nothing here asks it.
    b.run(["aisr", "when", "exists(prompt:watched)"], root)


def questions(b, root, rows):
    # At a small size a question may be true nowhere.
    ask = lambda words, runs=RUNS: b.median(["aisr"] + words, root, runs, (0, 1))
    wanted = lambda what, words: b.row(what, ask(words), 500, "ms", "wanted")
    wanted("when, on a component that changed 100 times: there", ["when", "exists(prompt:watched)"])
    wanted("when, on a component that changed 100 times: its content", ["when", 'content(prompt:watched) ~ "commit [0-9]*7 said"'])
    wanted("when, on a component that changed 100 times: changed", ["when", "changed(prompt:watched)", "-n", "1"])
    if rows:
        words = ["when", 'row(memory:store, memories, id=777).text ~ "version 50"']
        b.row("when, on a row, each version by what differs", ask(words, 3), None, "ms", "")


def history(b, root, git):
    words = ["log", "--oneline", "--component", "prompt:watched"]
    mine = b.median(["aisr"] + words, root)
    theirs = ["log", "--oneline", "--", "prompts/watched.md"]
    b.row("log --component", mine, b.median(GIT + theirs, git), "ms", "git log -- PATH, no changed-path filters")
    found = b.run(["aisr"] + words, root)[0].splitlines()
    print(f"  {len(found)} commits, git {len(b.run(GIT + theirs, git)[0].splitlines())}")


def filters(b, root, git):
    b.run(GIT + ["commit-graph", "write", "--reachable", "--changed-paths"], git)
    mine = b.median(["aisr", "log", "--oneline", "--component", "prompt:watched"], root)
    theirs = b.median(GIT + ["log", "--oneline", "--", "prompts/watched.md"], git)
    b.row("log --component", mine, theirs, "ms", "git log -- PATH, changed-path filters")


def grep(b, root, git):
    # git looks through every version anew, so it is asked once.
    words = ["grep", "--all", "-l", "commit [0-9]*7 said", "--", "prompts"]
    mine = b.median(["aisr"] + words, root, allow=(0, 1))
    commits = b.run(GIT + ["rev-list", "main"], git)[0].decode().split()
    asked, start = commits[:: max(1, len(commits) // 1000)], time.perf_counter()
    for lot in range(0, len(asked), 200):
        b.run(GIT + ["grep", "-l", "-e", "commit [0-9]*7 said"] + asked[lot : lot + 200] + ["--", "prompts"], git, (0, 1))
    theirs = 1000 * (time.perf_counter() - start) * len(commits) / len(asked)
    b.row("grep over all versions of all prompts", mine, theirs, "ms", f"git grep, from every {max(1, len(commits) // 1000)}th version")
    mine = b.median(["aisr", "grep", "commit [0-9]*7 said"], root, allow=(0, 1))
    theirs = b.median(GIT + ["grep", "commit [0-9]*7 said", "main"], git, allow=(0, 1))
    b.row("grep of HEAD", mine, theirs, "ms", "git grep")


def blame(b, root, git, rows):
    if not b.has("blame"):
        return print("blame is not there: its rows are left out")
    path = "prompts/long.md"
    b.row("blame of a prompt of 1,000 lines, 300 revisions", b.median(["aisr", "blame", path], root),
          b.median(GIT + ["blame", "main", "--", path], git), "ms", "git blame")
    if rows:
        words = ["blame", "memory/store.sqlite", "--table", "memories", "--where", "id=777"]
        b.row("blame of one row with 100 versions", b.median(["aisr"] + words, root), 500, "ms", "wanted")


def bisect(b, root, git, name, wanted):
    """The choice of one step, as a whole process on either side."""
    if not b.has("bisect"):
        return print("bisect is not there: its rows are left out")
    first = b.run(GIT + ["rev-list", "--max-parents=0", "main"], git)[0].decode().strip()
    walls = []
    for _ in range(RUNS):
        walls.append(b.run(GIT + ["rev-list", "--bisect", "main", f"^{first}"], git)[1])
    theirs = statistics.median(walls)
    log = json.loads(b.run(["aisr", "log", "--json", "main"], root)[0])
    b.run(["aisr", "bisect", "start", "--no-checkout", "main", log[-1]["id"]], root)
    mine = b.median(["aisr", "bisect", "next"], root)
    b.run(["aisr", "bisect", "reset"], root)
    b.row(f"bisect, the choice of a step, {name}", mine, theirs, "ms", "git rev-list --bisect")
    b.row(f"bisect, the choice of a step, {name}, whole process", mine, wanted, "ms", "wanted")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--aisr", required=True, type=Path)
    p.add_argument("--generator", required=True, type=Path)
    p.add_argument("--commits", type=int, default=10000)
    p.add_argument("--files", type=int, default=20000)
    p.add_argument("--rows", type=int, default=400000)
    p.add_argument("--versions", type=int, default=100)
    p.add_argument("--deep", type=int, default=100000)
    p.add_argument("--work", type=Path)
    p.add_argument("--json", type=Path)
    a = p.parse_args()
    work = Path(tempfile.mkdtemp(prefix="history-", dir=a.work))
    try:
        b = Bench(a.aisr.resolve(), work)
        generator = a.generator.resolve()
        root, git = work / "desk", work / "git"
        make(b, root, git, generator, a.commits, a.files, a.rows, a.versions)
        questions(b, root, a.rows)
        history(b, root, git)
        grep(b, root, git)
        blame(b, root, git, a.rows)
        bisect(b, root, git, f"{a.commits:,} commits", 20)
        filters(b, root, git)
        shutil.rmtree(root)
        shutil.rmtree(git)
        if a.deep:
            make(b, root, git, generator, a.deep, 200, 0, 0)
            b.row(f"when, {a.deep:,} commits", b.median(["aisr", "when", "exists(prompt:watched)"], root), None, "ms", "")
            bisect(b, root, git, f"{a.deep:,} commits", 200)
        version = subprocess.run(["git", "--version"], stdout=subprocess.PIPE).stdout.decode().strip()
        if a.json:
            a.json.write_text(json.dumps({"git": version, "rows": b.rows}))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
