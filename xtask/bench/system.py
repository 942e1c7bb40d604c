#!/usr/bin/env python3
"""What it costs that a commit is a statement about a system: discovery, the graph, differences by
meaning, queries.

    system.py --aisr PATH [--size medium] [--components 5000] [--edges 20000] [--work DIR] [--json OUT]

The corpus of make_corpus.py is taken on and changed step by step; each difference stands beside what
another tool, or reading alone, takes for the same two states.  Then a manifest of many components: what
it adds to a commit, and how long the graph takes to be shown.

Rows are [what, aisr, other, unit, whose the other is]; times are medians of whole processes, after one
run that is not counted.  Tools that are not installed leave their rows out.
"""
import argparse, json, os, random, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

from measure import aisr_home

HERE = Path(__file__).resolve().parent
RUNS = 7
GIT = ["git", "-c", "gc.auto=0", "-c", "user.name=b", "-c", "user.email=b@example.org", "-c", "commit.gpgsign=false"]
STORE, MODEL = "memory/store.sqlite", "models/base.safetensors"


class Bench:
    def __init__(self, aisr, work):
        self.aisr = str(aisr)
        home = work / "home"
        home.mkdir()
        self.env = {**os.environ, **aisr_home(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.rows = []

    def run(self, argv, cwd, out=subprocess.DEVNULL):
        """What the run of a command that must go well cost: ms and peak MiB."""
        argv = [self.aisr if word == "aisr" else str(word) for word in argv]
        start = time.perf_counter()
        p = subprocess.Popen(argv, cwd=cwd, env=self.env, stdout=out, stderr=subprocess.PIPE)
        told = p.stderr.read()
        _, status, use = os.wait4(p.pid, 0)
        wall = time.perf_counter() - start
        if status != 0:
            sys.exit(f"system: {' '.join(argv)} failed in {cwd}:\n{told.decode(errors='replace')}")
        return 1000 * wall, use.ru_maxrss / 1024

    def median(self, argv, cwd, before=lambda: None):
        """Median ms and greatest peak of several runs."""
        runs = []
        for _ in range(RUNS + 1):
            before()
            runs.append(self.run(argv, cwd))
        return statistics.median(wall for wall, _ in runs[1:]), max(peak for _, peak in runs)

    def row(self, what, aisr, other, unit, whose):
        self.rows.append([what, aisr, other, unit, whose])
        print(f"{what}: {aisr:.2f}{'' if other is None else f' : {other:.2f} ({whose})'} {unit}", flush=True)

    def step(self, root, name):
        self.run([sys.executable, HERE / "make_corpus.py", root, "--step", name], HERE)

    def commit(self, root, message):
        self.run(["aisr", "commit", "-q", "-m", message], root)


def corpus(b, work, size):
    root, files = work / "corpus", work / "files"
    b.run([sys.executable, HERE / "make_corpus.py", root, "--size", size], HERE)
    # The same small files in git, which has no use for the large ones.
    shutil.copytree(root, files, ignore=shutil.ignore_patterns("models", "memory"))
    b.run(["git", "init", "-q"], files)
    b.run(GIT + ["add", "-A"], files)
    b.run(GIT + ["commit", "-q", "-m", "one"], files)

    def forget():
        for made in (".aisr", "aisr.toml", ".aisrignore"):
            path = root / made
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    b.row("init with discovery", b.median(["aisr", "init"], root, forget)[0], 500, "ms", "wanted")
    b.commit(root, "one")

    shutil.copy(root / STORE, work / "before.sqlite")
    b.step(root, "memory")
    b.commit(root, "memory")
    wall, peak = b.median(["aisr", "diff", "@~", "@"], root)
    sqldiff = None
    if shutil.which("sqldiff"):
        sqldiff = b.median(["sqldiff", work / "before.sqlite", root / STORE], work)[0]
    b.row("diff of 125 changed rows", wall, sqldiff, "ms", "sqldiff")
    b.row("diff of 125 changed rows, whole process", wall, 150, "ms", "wanted")
    b.row("diff of 125 changed rows, peak memory", peak, 64, "MiB", "wanted")
    query = "SELECT text FROM memories WHERE id = 777"
    b.row("sql by key on a stored version", b.median(["aisr", "sql", f"@~:{STORE}", query], root)[0], 50, "ms", "wanted")

    b.step(root, "finetune")
    b.commit(root, "finetune")
    both = sum(b.median(["aisr", "cat", f"{revision}:{MODEL}"], root)[0] for revision in ("@~", "@"))
    wall, peak = b.median(["aisr", "diff", "@~", "@"], root)
    b.row("diff of two versions of a model", wall / 1000, both / 1000, "s", "aisr cat of both")
    b.row("diff of two versions of a model, peak memory", peak, None, "MiB", "")

    b.step(root, "churn")
    b.commit(root, "churn")
    for changed in (root / "src").rglob("*.py"):
        shutil.copy(changed, files / changed.relative_to(root))
    b.run(GIT + ["add", "-A"], files)
    b.run(GIT + ["commit", "-q", "-m", "churn"], files)
    git = b.median(GIT + ["diff", "--stat", "HEAD~", "HEAD"], files)[0]
    b.row("diff --stat of 5 % changed files", b.median(["aisr", "diff", "@~", "@", "--stat"], root)[0], git, "ms", "git diff --stat")
    shutil.rmtree(root)
    shutil.rmtree(files)


def graph(b, work, components, edges):
    roots = []
    for name in ("with", "without"):
        root = work / name
        for i in range(components):
            path = root / f"agents/{i % 100:02}/a{i}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"agent {i}\n")
        b.run(["aisr", "init"], root)
        (root / "aisr.toml").unlink(missing_ok=True)
        roots.append(root)
    rng = random.Random(1)
    lines = []
    for i in range(components):
        to = sorted({rng.randrange(components) for _ in range(edges // components)})
        calls = ", ".join(f'"agent:a{n}"' for n in to)
        lines.append(f'[agent.a{i}]\npath = "agents/{i % 100:02}/a{i}.md"\ncalls = [{calls}]\n')
    (roots[0] / "aisr.toml").write_text("\n".join(lines))
    walls = {root: [] for root in roots}
    for root in roots:
        b.commit(root, "one")
    for n in range(RUNS + 1):
        for root in roots:
            (root / "notes.txt").write_text(f"{n} {time.time()}\n")
            walls[root].append(b.run(["aisr", "commit", "-q", "-m", str(n)], root)[0])
    with_graph, without = (statistics.median(walls[root][1:]) for root in roots)
    what = f"commit of a note beside {components:,} components and {edges:,} edges"
    b.row(what, with_graph, without, "ms", "without a manifest")
    b.row("what the unchanged graph adds to a commit", with_graph - without, 20, "ms", "wanted")
    b.row("system, all of it", b.median(["aisr", "system"], roots[0])[0], 100, "ms", "wanted")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aisr", required=True); p.add_argument("--size", default="medium")
    p.add_argument("--components", type=int, default=5000); p.add_argument("--edges", type=int, default=20_000)
    p.add_argument("--work", type=Path); p.add_argument("--json", type=Path)
    a = p.parse_args()
    work = Path(tempfile.mkdtemp(prefix="system-", dir=a.work))
    try:
        b = Bench(Path(a.aisr).resolve(), work)
        graph(b, work, a.components, a.edges)
        corpus(b, work, a.size)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if a.json:
        a.json.write_text(json.dumps({"git": git, "rows": b.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
