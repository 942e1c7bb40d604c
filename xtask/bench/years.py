#!/usr/bin/env python3
"""What years of work cost: ten thousand commits, beside the same history in git, and copies of it.

    years.py --aisr PATH [--commits 10000] [--files 2000] [--size medium] [--work DIR] [--json OUT]

Two thousand small files; each commit changes one of them, and every hundredth the same prompt.  aisr
makes every commit by its own command, so what its packs and its log become is what users have; git
has the same history by `git fast-import`, packed as `git gc` packs it.  Over the first thousand
commits what reaches the disk is counted, in aisr and in git by `git add` and `git commit`.  Then the
corpus of make_corpus.py: clone, fsck, and a fetch and a push of little.

Rows are [what, aisr, other, unit, whose the other is]; figures of times are medians in milliseconds
where the unit says so.  A command that fails ends the run: no row is made up.
"""
import argparse, json, os, random, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

from measure import aisr_home, size_mib

HERE = Path(__file__).resolve().parent
PROMPT = "prompts/agent-03.md"
EVERY = 100          # the prompt changes with each hundredth commit
FIRST_DAY = 10
COUNTED = 1000       # commits over which what reaches the disk is counted
RUNS = 11
# Runs of each of two commands that take turns: what disturbs one disturbs the other.
TURNS = 101
IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "b"), ("EMAIL", "b@example.org"))}
GIT = ["git", "-c", "core.fsync=committed", "-c", "gc.auto=0", "-c", "commit.gpgsign=false"]


class Bench:
    def __init__(self, aisr, work):
        self.aisr, self.work = str(aisr), work
        home = work / "home"
        home.mkdir()
        self.env = {**os.environ, **IDENTITY, **aisr_home(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.rows = []

    def run(self, argv, cwd, allow=(0,)):
        """Runs what must go well; gives what it printed."""
        argv = [self.aisr if word == "aisr" else str(word) for word in argv]
        p = subprocess.run(argv, cwd=cwd, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode not in allow:
            sys.exit(f"years: {' '.join(argv)} failed with {p.returncode} in {cwd}:\n{p.stderr.decode(errors='replace')}")
        return p.stdout

    def wall(self, argv, cwd, allow=(0,)):
        """Seconds of one run of a command."""
        start = time.perf_counter()
        self.run(argv, cwd, allow)
        return time.perf_counter() - start

    def median(self, argv, cwd, runs=RUNS, allow=(0,)):
        """Milliseconds, after one run that is not counted."""
        self.run(argv, cwd, allow)
        return 1000 * statistics.median(self.wall(argv, cwd, allow) for _ in range(runs))

    def pair(self, what, ours, root, theirs, twin, whose):
        """A row of two commands that are run in turns."""
        both = [(ours, root, []), (theirs, twin, [])]
        for turn in range(TURNS + 1):
            for argv, cwd, times in both:
                took = self.wall(argv, cwd)
                if turn:
                    times.append(took)
        (_, _, mine), (_, _, other) = both
        self.row(what, 1000 * statistics.median(mine), 1000 * statistics.median(other), "ms", whose)

    def row(self, what, aisr, other, unit, whose):
        self.rows.append([what, aisr, other, unit, whose])
        beside = "" if other is None else f" : {other:.2f} ({whose})"
        print(f"{what}: {aisr:.2f}{beside} {unit}", flush=True)


def text(r, words):
    return " ".join(r.choice(("sort", "each", "request", "by", "its", "weight", "and", "never", "guess", "whom", "it", "serves"))
                    for _ in range(words))


def first_state(files):
    """Every path and its content."""
    r = random.Random(1)
    state = {PROMPT: "".join(text(r, 12) + "\n" for _ in range(40))}
    for i in range(files - 1):
        functions = (f"def f{j}(x):\n    return {r.randrange(10**6)} + x  # {text(r, 6)}" for j in range(r.randrange(3, 40)))
        state[f"src/{i % 61:02x}/{i % 7}/module_{i}.py"] = "\n".join(functions) + "\n"
    return state


def changes(state, commits):
    """One (path, content) for each commit behind the first."""
    r, state = random.Random(2), dict(state)
    others = sorted(path for path in state if path != PROMPT)
    for n in range(1, commits):
        path = PROMPT if n % EVERY == 0 else r.choice(others)
        lines = state[path].split("\n")
        lines[r.randrange(len(lines) - 1)] = f"# {n}: {text(r, 8)}"
        state[path] = "\n".join(lines)
        yield path, state[path]


def put(root, path, content):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)


def write_bytes():
    """Bytes that this process and those it waited for caused to be written."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    sys.exit("years: /proc/self/io does not count what is written")


def history(b, a):
    state = first_state(a.files)
    root = b.work / "desk"
    for path, content in state.items():
        put(root, path, content)
    b.run(["aisr", "init"], root)
    b.run(["aisr", "commit", "-q", "-m", "c0"], root)
    plan = list(changes(state, a.commits))
    day = {}
    counted = min(COUNTED, a.commits - 1)
    before, bytes_in, start = write_bytes(), 0, time.perf_counter()
    for n, (path, content) in enumerate(plan, 1):
        put(root, path, content)
        b.run(["aisr", "commit", "-q", "-m", f"c{n}"], root)
        if n <= counted:
            bytes_in += len(content)
        if n == counted:
            os.sync()
            written = write_bytes() - before
        if n == FIRST_DAY:
            day = look(b, root)
        if n % 1000 == 0:
            print(f"{n} commits, {(time.perf_counter() - start) / n * 1000:.0f} ms each", flush=True)
    each = 1000 * (time.perf_counter() - start) / len(plan)
    git_root = b.work / "git-counted"
    git_written, git_each = counted_in_git(b, git_root, state, plan[:counted])
    shutil.rmtree(git_root)
    twin = b.work / "twin"
    in_git(b, twin, state, plan)
    compare(b, root, twin, day)
    b.row("a commit of one file, mean of all", each, git_each, "ms", f"git add, git commit, the first {counted}")
    b.row(f"bytes written per byte of the changed files, first {counted} commits",
          written / bytes_in, git_written / bytes_in, "×", "git")
    b.row("packs", len(list((root / ".aisr/packs").glob("*.pack"))), None, "", "")
    b.row("repository", size_mib(root / ".aisr"), size_mib(twin / ".git"), "MiB", "git, packed by git gc")
    return root


def look(b, root):
    return {"status": b.median(["aisr", "status"], root), "cat": b.median(["aisr", "cat", f"HEAD:{PROMPT}"], root)}


def counted_in_git(b, root, state, plan):
    for path, content in state.items():
        put(root, path, content)
    b.run([*GIT, "init", "-q", "-b", "main", "."], root)
    b.run([*GIT, "add", "-A"], root)
    b.run([*GIT, "commit", "-q", "-m", "c0"], root)
    os.sync()
    before, start = write_bytes(), time.perf_counter()
    for n, (path, content) in enumerate(plan, 1):
        put(root, path, content)
        b.run([*GIT, "add", "-A"], root)
        b.run([*GIT, "commit", "-q", "-m", f"c{n}"], root)
    each = 1000 * (time.perf_counter() - start) / max(1, len(plan))
    os.sync()
    return write_bytes() - before, each


def in_git(b, root, state, plan):
    """The same history, by fast-import."""
    root.mkdir()
    b.run([*GIT, "init", "-q", "-b", "main", "."], root)
    p = subprocess.Popen([*GIT, "fast-import", "--quiet"], cwd=root, env=b.env, stdin=subprocess.PIPE)

    def commit(n, files):
        data = f"c{n}".encode()
        p.stdin.write(b"commit refs/heads/main\ncommitter b <b@example.org> %d +0000\ndata %d\n%s\n" % (1_700_000_000 + n * 600, len(data), data))
        for path, content in files:
            content = content.encode()
            p.stdin.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content))
    commit(0, state.items())
    for n, change in enumerate(plan, 1):
        commit(n, [change])
    p.stdin.close()
    if p.wait() != 0:
        sys.exit("years: git fast-import failed")
    b.run([*GIT, "reset", "-q", "--hard"], root)
    b.run([*GIT, "gc", "-q"], root)
    shutil.rmtree(root / ".git/objects/info/commit-graphs", ignore_errors=True)
    (root / ".git/objects/info/commit-graph").unlink(missing_ok=True)


def compare(b, root, twin, day):
    log = [*GIT, "--no-pager", "log"]
    now = look(b, root)
    b.row("open and status, now beside the first day", now["status"], day["status"], "ms", f"after {FIRST_DAY} commits")
    b.row("cat HEAD:PROMPT, now beside the first day", now["cat"], day["cat"], "ms", f"after {FIRST_DAY} commits")
    b.pair("status", ["aisr", "status"], root, [*GIT, "status"], twin, "git status")
    b.pair("log -n 50", ["aisr", "log", "-n", "50"], root, [*log, "-50"], twin, "git log -50")
    b.pair("log -n 50 --oneline", ["aisr", "log", "-n", "50", "--oneline"], root,
           [*log, "-50", "--oneline"], twin, "git log -50 --oneline")
    hits = len(json.loads(b.run(["aisr", "log", "--json", "--", PROMPT], root)))
    expected = len(b.run([*log, "--format=%H", "--", PROMPT], twin).split())
    if hits != expected:
        sys.exit(f"years: aisr finds {hits} commits of {PROMPT}, git {expected}")
    of_path = [f"log -- PATH, {hits} hits", ["aisr", "log", "--", PROMPT], root, [*log, "--", PROMPT], twin]
    b.pair(*of_path, "git log -- PATH, no commit-graph")
    b.run([*GIT, "commit-graph", "write", "--reachable", "--changed-paths"], twin)
    b.pair(*of_path, "git log -- PATH, changed-path filters")
    (root / ".aisr/local/commit-graph").unlink()
    made = 1000 * b.wall(["aisr", "log", "-n", "1", "--", PROMPT], root)
    shutil.rmtree(twin / ".git/objects/info/commit-graphs", ignore_errors=True)
    (twin / ".git/objects/info/commit-graph").unlink(missing_ok=True)
    b.row("make the commit graph anew", made,
          1000 * b.wall([*GIT, "commit-graph", "write", "--reachable", "--changed-paths"], twin), "ms", "git commit-graph write --changed-paths")
    far = max(1, min(1000, int(b.run([*GIT, "rev-list", "--count", "HEAD"], twin)) - 1))
    b.pair(f"show HEAD~{far}", ["aisr", "show", f"HEAD~{far}"], root,
           [*GIT, "--no-pager", "show", "-s", f"HEAD~{far}"], twin, "git show -s")
    b.pair(f"log -n 1 HEAD~{far}..HEAD", ["aisr", "log", "-n", "1", f"HEAD~{far}..HEAD"], root,
           [*log, "-1", f"HEAD~{far}..HEAD"], twin, "git log")
    b.pair("op log -n 10", ["aisr", "op", "log", "-n", "10"], root,
           [*GIT, "--no-pager", "reflog", "-10"], twin, "git reflog -10")
    b.row("gc, everything marked", 1000 * b.wall(["aisr", "gc"], root), None, "ms", "")
    again = gc_again(b, root)
    b.row("gc, nothing to do", again, gc_again(b, twin, [*GIT, "gc", "-q"]), "ms", "git gc -q")
    b.row("gc, nothing to do", again, 300, "ms", "wanted")
    stored = size_mib(root / ".aisr/packs")
    wall = min(b.wall(["aisr", "fsck"], root) for _ in range(3))
    git = min(b.wall([*GIT, "fsck", "--full", "--no-progress"], twin) for _ in range(3))
    b.row("fsck of all commits", wall, git, "s", "git fsck --full")
    b.row("fsck, bytes stored", stored / wall, size_mib(twin / ".git/objects") / git, "MiB/s", "git fsck --full")


def gc_again(b, root, argv=("aisr", "gc")):
    b.run(argv, root)
    return b.median(argv, root, runs=3)


def copies(b, a):
    """Clone, fetch and push of the corpus."""
    root, plain = b.work / "corpus", b.work / "plain"
    make = [sys.executable, HERE / "make_corpus.py", root]
    b.run([*make, "--size", a.size], b.work)
    b.run(["aisr", "init"], root)
    b.run(["aisr", "commit", "-q", "-m", "c0"], root)
    os.sync()
    cp = durable(b, ["cp", "-r", root, plain])
    clone = b.work / "clone"
    took = durable(b, ["aisr", "clone", root, clone])
    b.row("clone", took, cp, "s", "cp -r and sync of the folder with its repository")
    shutil.rmtree(plain)
    shutil.rmtree(clone)
    os.sync()
    cp = durable(b, ["cp", "-r", root / ".aisr", plain])
    took = durable(b, ["aisr", "clone", "-n", root, clone])
    b.row("clone without files", took, cp, "s", "cp -r and sync of the repository alone")
    stored = size_mib(root / ".aisr/packs")
    content = size_mib(root) - size_mib(root / ".aisr")
    at_a_gigabyte = content * 2**20 / 1e9
    b.row("clone without files", took, 1.3 * cp + at_a_gigabyte, "s", "1.3 times that, and its content at 1 GB/s")
    b.row("clone without files, content that is verified", content / took, None, "MiB/s", "")
    shutil.rmtree(plain)
    bare, git_bare, git_root = b.work / "bare", b.work / "git-bare", b.work / "git"
    b.run(["aisr", "remote", "add", "place", bare, "--create"], root)
    b.run(["aisr", "push", "place", "main"], root)
    shutil.copytree(root, git_root, ignore=shutil.ignore_patterns(".aisr", "models", "*.sqlite*"))
    b.run([*GIT, "init", "-q", "--bare", git_bare], b.work)
    b.run([*GIT, "init", "-q", "-b", "main", "."], git_root)
    b.run([*GIT, "add", "-A"], git_root)
    b.run([*GIT, "commit", "-q", "-m", "c0"], git_root)
    b.run([*GIT, "remote", "add", "place", git_bare], git_root)
    b.run([*GIT, "push", "-q", "place", "main"], git_root)
    ours, theirs = [], []
    for n in range(5):
        for where in (root, git_root):
            with open(where / PROMPT, "a") as f:
                f.write(f"One more line, {n}.\n")
        b.run(["aisr", "commit", "-q", "-m", f"p{n}"], root)
        b.run([*GIT, "commit", "-q", "-am", f"p{n}"], git_root)
        os.sync()
        ours.append(b.wall(["aisr", "push", "place", "main"], root))
        theirs.append(b.wall([*GIT, "push", "-q", "place", "main"], git_root))
    b.row("push of one prompt", 1000 * statistics.median(ours), 1000 * statistics.median(theirs), "ms",
          "git push to a bare folder, without the models")
    b.pair("fetch, nothing new", ["aisr", "fetch", "place"], root,
           [*GIT, "fetch", "-q", "place"], git_root, "git fetch, without the models")
    wall = b.wall(["aisr", "fsck"], root)
    b.row("fsck of the corpus, bytes stored", stored / wall, None, "MiB/s", "")
    b.row("fsck of the corpus", wall, at_a_gigabyte, "s", "its content at 1 GB/s")


def durable(b, argv):
    os.sync()
    start = time.perf_counter()
    b.run(argv, b.work)
    os.sync()
    return time.perf_counter() - start


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aisr", default="aisr"); p.add_argument("--commits", type=int, default=10_000)
    p.add_argument("--files", type=int, default=2000); p.add_argument("--size", default="medium")
    p.add_argument("--work", type=Path); p.add_argument("--json", type=Path)
    p.add_argument("--only", choices=["history", "copies"])
    a = p.parse_args()
    if a.commits <= FIRST_DAY + 1:
        sys.exit(f"years: at least {FIRST_DAY + 2} commits")
    aisr = Path(a.aisr).resolve() if os.sep in a.aisr else a.aisr
    work = Path(tempfile.mkdtemp(prefix="years-", dir=a.work)).resolve()
    b = Bench(aisr, work)
    try:
        if a.only != "copies":
            history(b, a)
        if a.only != "history":
            copies(b, a)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    version = b.run(["git", "--version"], HERE).decode().strip()
    if a.json:
        report = {"git": version, "rows": b.rows}
        a.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
