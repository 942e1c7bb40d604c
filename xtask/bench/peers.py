#!/usr/bin/env python3
"""Time aisr beside what its users would pick instead, on the same folder, in one run.

    peers.py [--size small] [--tools git,git-lfs,restic,aisr] [--aisr PATH] [--runs N]
             [--work DIR] [--seed N] [--weights FILE] [--json OUT] [--plain] [--keep]

Every tool gets the same corpus (make_corpus.py) and is taken through the same changes.  For
every operation: wall seconds, CPU seconds, peak memory of the largest process (MiB) and the
repository's size afterwards (MiB); with --runs, the medians of N rounds.

Whatever writes is timed until it is durable: `sync` of the file system is part of it (a tool
that syncs its own writes pays it once).  The baseline, `cp -r` of the folder and `sync`, is
timed the same way before each tool's turn, so that it sees the machine in the moods that the
tools see; its median counts.  So is `cp` of the one model that the fine-tune changes.  Times on a shared machine vary: read ratios, not seconds.

"commit, nothing new" differs by tool.  A backup tool makes one more snapshot.  git and its kin
make one more commit (--allow-empty).  aisr finds that nothing changed, says so, and exits with 1
as git does without that option; that refusal is what a user waits for, so it is what is timed,
and any other exit code is a failure.

--plain times the baseline alone.  Operations that a tool does not have show as a dash.  Tools
that are not installed are left out and named.  Nothing is deleted before the end: on ext4,
making many files shortly after deleting a large tree is several times slower.
"""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

from measure import aisr_home, free_mib, run, size_mib, start_time

HERE = Path(__file__).resolve().parent
BIG = "*.safetensors", "*.sqlite", "*.jsonl", "*.csv"
GIT = "git -c user.name=b -c user.email=b@example.org -c core.fsync=committed -c gc.auto=0 -c commit.gpgsign=false"


class Tool:
    """One shell command an operation; {out}, {msg}, {last} (the last commit's {msg}) and {aisr} are filled in."""
    needs, store, version = "true", ".none", "true"
    init = commit = nothing = status = back = forward = restore = gc = None
    env = {}


class Git(Tool):
    needs, store, version = "git", ".git", "git --version"
    init = "git init -q -b main . && git config core.untrackedCache true"
    commit = nothing = f"git add -A && {GIT} commit -q --allow-empty -m {{msg}}"
    status = "git status --porcelain"
    back, forward = "git checkout -q HEAD~1", "git checkout -q -"
    restore = "git clone -q --no-local . {out}"
    gc = "git gc -q"


class GitLfs(Git):
    needs, version = "git-lfs", "git-lfs version"
    init = ("git init -q -b main . && git lfs install --local >/dev/null && git lfs track "
            + " ".join(f"'{b}'" for b in BIG) + " >/dev/null")
    restore = "git clone -q --no-checkout . {out} && cd {out} && git lfs install --local >/dev/null && git checkout -q"


class Annex(Git):
    """With unlocked files: SQLite must not write through locked links.  From PyPI: Debian's lacks BLAKE3."""
    needs, version = "git-annex", "git-annex version"
    init = ("git init -q -b main . && git annex init -q && git config annex.backend BLAKE3_256 && git config annex.addunlocked true"
            " && git config annex.largefiles 'largerthan=1mb' && git config annex.jobs cpus && git config feature.manyFiles true"
            " && printf '%s filter=annex\\n' " + " ".join(f"'{b}'" for b in BIG) + " > .git/info/attributes")
    commit = nothing = f"git annex add -q models memory data && git add -A && {GIT} commit -q --allow-empty -m {{msg}}"
    # without the attributes git runs git-annex once for every small file: minutes
    restore = ("git clone -q --no-checkout . {out} && cp .git/info/attributes {out}/.git/info/ && cd {out} && git annex init -q"
               " && git checkout -q && git annex get -q -J cpus models memory data")
    gc = None
    env = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "b"), ("EMAIL", "b@example.org"))}


class Dvc(Git):
    needs, store, version = "dvc", ".git .dvc/cache", "dvc --version"
    init = "git init -q -b main . && dvc init -q && dvc config core.analytics false && dvc config core.autostage false"
    commit = nothing = f"dvc add -q models memory data && git add -A && {GIT} commit -q --allow-empty -m {{msg}}"
    status = "dvc status -q; git status --porcelain"
    back = "git checkout -q HEAD~1 && dvc checkout -q"
    forward = "git checkout -q - && dvc checkout -q"
    restore = "cache=$PWD/.dvc/cache && git clone -q --no-local . {out} && cd {out} && dvc cache dir -q --local $cache && dvc checkout -q"
    gc = None


class Oxen(Tool):
    needs, store, version = "oxen", ".oxen", "oxen --version"
    init = "oxen init . >/dev/null"
    commit = "oxen add . >/dev/null && oxen commit -m {msg} >/dev/null"
    status = "oxen status"


class Restic(Tool):
    needs, store, version = "restic", "../repo", "restic version"
    init = "restic -q -r ../repo init"
    commit = nothing = "restic -q -r ../repo backup ."
    restore = "restic -q -r ../repo restore latest --target {out}"
    env = {"RESTIC_PASSWORD": "x"}


class Borg(Tool):
    needs, store, version = "borg", "../repo", "borg --version"
    init = "borg init -e none ../repo"
    commit = nothing = "borg create -C zstd,3 ../repo::{msg} ."
    restore = "repo=$PWD/../repo && mkdir {out} && cd {out} && borg extract $repo::{last}"
    env = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}


class Casync(Tool):
    needs, store, version = "casync", "../repo", "casync --version"
    init = "mkdir ../repo"
    commit = nothing = "casync make --with=unix --store=../repo/s.castr ../repo/{msg}.caidx . >/dev/null"
    restore = "casync extract --store=../repo/s.castr ../repo/{last}.caidx {out}"


class Aisr(Tool):
    needs, store, version = "aisr", ".aisr", "{aisr} version"
    init = "{aisr} init"
    commit = "{aisr} commit -m {msg}"
    nothing = "{aisr} commit -m {msg} || [ $? -eq 1 ]"
    status = "{aisr} status"
    back, forward = "{aisr} checkout -q HEAD~1", "{aisr} checkout -q main"
    restore = "{aisr} checkout main --out {out}"


TOOLS = {"git": Git, "git-lfs": GitLfs, "annex": Annex, "dvc": Dvc, "oxen": Oxen, "restic": Restic, "borg": Borg,
         "casync": Casync, "aisr": Aisr}
# what is done, in order: (label, change to the corpus or None, operation)
PLAN = [("first commit", None, "commit"), ("status, nothing new", None, "status"), ("commit, nothing new", None, "nothing"),
        ("commit one prompt", "prompt", "commit"),
        ("checkout before the prompt", None, "back"), ("checkout after the prompt", None, "forward"),
        ("commit one tool list", "tools", "commit"),
        ("commit 125 memory rows", "memory", "commit"), ("commit 50 jsonl lines", "jsonl", "commit"),
        ("commit 5 % of files", "churn", "commit"), ("commit a rename", "rename", "commit"), ("undo rename", None, "rename back"),
        ("commit a fine-tune", "finetune", "commit"),
        ("checkout before the fine-tune", None, "back"), ("checkout after the fine-tune", None, "forward"),
        ("restore elsewhere", None, "restore"), ("gc", None, "gc")]
# what the fine-tune changes
MODEL = "models/base.safetensors"
# what a corpus of 1 MiB needs on disk for one tool's turn: baseline, working copy, repository, restored folder
ROOM = 6


def corpus(a, root, *args):
    cmd = [sys.executable, HERE / "make_corpus.py", root, "--seed", str(a.seed), *args]
    return subprocess.run(cmd, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def baseline(master, copy):
    got = run(f"cp -r '{master}' '{copy}'\nsync -f '{copy.parent}'", copy.parent, subprocess.DEVNULL)
    return got[0] if got else sys.exit("peers: cp -r of the corpus failed")


def model_baseline(master, top):
    """Wall s of `cp` and `sync` of what a checkout across the fine-tune changes."""
    got = run(f"cp '{master}/{MODEL}' '{top}/model'\nsync -f '{top}'", top, subprocess.DEVNULL)
    return got[0] if got else sys.exit("peers: cp of the model failed")


def turn(name, a, top, master):
    """One round of one tool: label -> [wall, CPU, peak, size], or None where it failed."""
    root, out, tool = top / "w", top / "out", TOOLS[name]
    shutil.copytree(master, root, symlinks=True)
    os.sync()
    env = {**tool.env, **(aisr_home(top / "home") if name == "aisr" else {})}
    rows, n, last = {}, 0, None
    with open(top / "stderr.log", "w") as log:
        def do(cmd, msg):
            cmd = cmd.format(out=out, aisr=a.aisr, msg=msg, last=last)
            log.write(f"$ {cmd}\n"); log.flush()
            return run(cmd, root, log, env)
        if do(tool.init, None) is None:
            return {"first commit": None}
        time.sleep(1.1)  # so that no file is as young as the index
        for label, change, op in PLAN:
            msg, n = f"m{n}", n + 1
            if change:
                corpus(a, root, "--step", change)
            if op == "rename back":
                os.rename(root / "models/production.safetensors", root / "models/base.safetensors")
                do(tool.commit, msg); last = msg; continue
            cmd = getattr(tool, op)
            if cmd is None:
                continue
            got = do(cmd if op == "status" else cmd + "\nsync -f .", msg)
            if op in ("commit", "nothing"):
                last = msg
            rows[label] = got and [*got, size_mib(*(root / s for s in tool.store.split()))]
            if got and op == "restore" and not equal(root, out, log):
                rows[label] = None
    return rows


def equal(root, out, log):
    """Whether the restored folder holds what the working copy holds, the tools' own files aside."""
    own = [x for name in (".git*", ".dvc*", "*.dvc", ".aisr") for x in ("-x", name)]
    return subprocess.run(["diff", "-rq", "--no-dereference", *own, root, out], stdout=log, stderr=log).returncode == 0


def median(rounds, label):
    """The medians of one operation; None if it failed in any round."""
    got = [r[label] for r in rounds]
    return [statistics.median(v) for v in zip(*got)] if all(got) else None


def about(name, a):
    tool = TOOLS[name]
    argv = tool.version.format(aisr=a.aisr).split()
    told = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.strip()
    commands = {label: getattr(tool, op) for label, _, op in PLAN if getattr(tool, op, None)}
    return {"version": told.splitlines()[0] if told else "", "start": start_time(argv),
            "commands": {"set up": tool.init, **{k: v.replace("{aisr}", "aisr") for k, v in commands.items()}}}


def table(report):
    names = list(report["tools"])
    cp = statistics.median(report["cp"])
    out = [f"cp -r + sync of the folder: {cp:.2f} s (median of {len(report['cp'])})", "",
           "wall s / CPU s / peak MiB / repository MiB", "",
           "| operation | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for label, _, _ in PLAN:
        cells = []
        for n in names:
            ops = report["tools"][n]["operations"]
            v = ops.get(label)
            cells.append("%.2f / %.2f / %.0f / %.1f" % tuple(v) if v else ("failed" if label in ops else "–"))
        if any(c != "–" for c in cells):
            out.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", default="small"); p.add_argument("--tools", default=",".join(TOOLS))
    p.add_argument("--aisr", default="aisr"); p.add_argument("--work", type=Path); p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1); p.add_argument("--weights"); p.add_argument("--json", type=Path)
    p.add_argument("--plain", action="store_true"); p.add_argument("--keep", action="store_true")
    a = p.parse_args()
    if os.sep in a.aisr:
        a.aisr = str(Path(a.aisr).resolve())
    names = [n for n in a.tools.split(",") if n]
    for n in names:
        if n not in TOOLS:
            sys.exit(f"peers: no tool {n!r}; there are: {', '.join(TOOLS)}")
    work = Path(tempfile.mkdtemp(prefix="peers-", dir=a.work))
    try:
        measure(a, names, work)
    finally:
        if not a.keep:
            shutil.rmtree(work, ignore_errors=True)


def measure(a, names, work):
    master = work / "corpus"
    made = corpus(a, master, "--size", a.size, *(["--weights", a.weights] if a.weights else []))
    made = made.split(": ", 1)[1].rsplit(", ", 1)[0]
    report = {"size": a.size, "seed": a.seed, "runs": a.runs, "corpus": made, "cp": [], "cp_model": [], "missing": [], "tools": {}}
    print(f"corpus: {made}", flush=True)
    if a.plain:
        report["cp"] = [baseline(master, work / f"plain-{i}") for i in range(max(3, a.runs))]
    else:
        report["missing"] = [n for n in names if not shutil.which(a.aisr if n == "aisr" else TOOLS[n].needs)]
        names = [n for n in names if n not in report["missing"]]
        for n in report["missing"]:
            print(f"{n}: not installed, left out", flush=True)
        need = size_mib(master) * ROOM * len(names) * a.runs
        if need > free_mib(work):
            sys.exit(f"peers: needs about {need / 1024:.0f} GiB in {work.parent}, {free_mib(work) / 1024:.0f} are free; "
                     "take fewer --runs, fewer --tools, a smaller --size or another --work")
        rounds = {n: [] for n in names}
        for i in range(a.runs):
            for n in names:
                top = work / f"{n}-{i}"
                top.mkdir()
                report["cp"].append(baseline(master, top / "plain"))
                report["cp_model"].append(model_baseline(master, top))
                rounds[n].append(turn(n, a, top, master))
                failed = [label for label, v in rounds[n][-1].items() if v is None]
                tail = (top / "stderr.log").read_text(errors="replace").strip().splitlines()[-8:]
                print(f"{n}: round {i + 1} done" + (f"; failed: {', '.join(failed)}\n  " + "\n  ".join(tail) if failed else ""), flush=True)
        for n in names:
            labels = [label for label, _, _ in PLAN if all(label in r for r in rounds[n])]
            report["tools"][n] = {**about(n, a), "operations": {label: median(rounds[n], label) for label in labels}}
    print("\n" + table(report))
    if a.json:
        a.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
