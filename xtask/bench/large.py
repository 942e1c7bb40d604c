#!/usr/bin/env python3
"""What aisr does with inputs that are large in one way: one sparse file, one file of random bytes, many
files, one live database.

    large.py --aisr PATH [--sparse-gb 100] [--random-gb 20] [--files 1000000] [--database-gb 20]
             [--rollback-gb 1] [--work DIR] [--json OUT]

For each input: `aisr init`, then one commit and one with nothing new; wall seconds, peak memory of
the largest process (MiB), size of the repository (MiB).  The database is in WAL mode and stays open,
so that its log stays; a commit of 125 changed rows stands beside `b3sum` of the file and a copy
of it that is synced, each begun with nothing of it in memory where root runs this.  A smaller one in rollback mode tells for how long its writers are held up.  0 leaves an input out; one for which the
disk has no room is left out and said so.  Writes are timed until they are durable.
"""
import argparse, json, os, random, re, shutil, sqlite3, sys, tempfile
from pathlib import Path

from measure import aisr_home, free_mib, run, size_mib

GB = 10**9
MIB = 2**20
SMALL = 512        # bytes of a small file
PER_FOLDER = 1000


def sparse(root, gb):
    with open(root / "sparse.bin", "wb") as f:
        f.truncate(gb * GB)


def random_bytes(root, gb):
    with open(root / "random.bin", "wb") as f:
        left = gb * GB
        while left:
            part = min(left, 16 * MIB)
            f.write(os.urandom(part)); left -= part


def small_files(root, count):
    for i in range(count):
        if i % PER_FOLDER == 0:
            folder = root / f"{i // PER_FOLDER:05}"
            folder.mkdir()
        (folder / f"{i:07}.txt").write_bytes(f"file {i}\n".encode().ljust(SMALL, b"."))


ROW = 16 << 10


def database(root, gb, mode="WAL"):
    db = sqlite3.connect(root / "store.sqlite")
    db.executescript(f"PRAGMA journal_mode={mode}; PRAGMA synchronous=OFF; CREATE TABLE memories(id INTEGER PRIMARY KEY, text BLOB);")
    rows = gb * GB // ROW
    for at in range(0, rows, 4096):
        db.executemany("INSERT INTO memories VALUES(?,?)", ((i, os.urandom(ROW - 300)) for i in range(at, min(rows, at + 4096))))
        db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return db


def rollback(root, gb):
    return database(root, gb, "DELETE")


def change_rows(db):
    top = db.execute("SELECT max(id) FROM memories").fetchone()[0]
    db.executemany("UPDATE memories SET text=? WHERE id=?", ((os.urandom(ROW - 300), random.randrange(top)) for _ in range(125)))
    db.commit()


FIRST = "first commit", "{aisr} commit -m large >../told\nsync -f ."
NOTHING = "commit, nothing new", "{aisr} commit -m again || [ $? -eq 1 ]\nsync -f ."


def cold():
    """Lets the system forget what it read, where it lets us: what comes later finds no more in memory than what comes first."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1\n")
    except OSError as e:
        print(f"large: files stay in memory between two figures: {e}", file=sys.stderr)


def measure(label, make, amount, need_mib, a, work):
    if need_mib > free_mib(work):
        print(f"{label}: left out, needs {need_mib / 1024:.0f} GiB, {free_mib(work) / 1024:.0f} are free", flush=True)
        return None
    top = Path(tempfile.mkdtemp(dir=work))
    root = top / "w"
    root.mkdir()
    db = make(root, amount)
    plan = [(*FIRST, None), (*NOTHING, None)]
    if db:
        plan += [("commit 125 rows", "{aisr} commit -m rows >../told\nsync -f .", change_rows)]
        if make is rollback:
            plan += [("cp of the file and sync", "cp store.sqlite ..\nsync -f .", None)]
        else:
            if shutil.which("b3sum"):
                plan += [("b3sum of the file", "b3sum --num-threads 1 store.sqlite", None)]
            # The copy has the room that the repository had.
            plan += [("cp of the file and sync", "cp store.sqlite ..\nsync -f .", lambda _: shutil.rmtree(root / ".aisr"))]
    env = aisr_home(top / "home")
    rows = []
    with open(top / "stderr.log", "w") as log:
        def do(cmd):
            return run(cmd.format(aisr=a.aisr), root, log, env)
        if do("{aisr} init") is None:
            sys.exit(f"large: aisr init failed: {(top / 'stderr.log').read_text().strip()}")
        for name, cmd, before in plan:
            if before:
                before(db)
            if db and name not in (FIRST[0], NOTHING[0]):
                cold()
            told = top / "told"
            told.write_text("")
            got = do(cmd)
            held = re.search(r"databases were held for up to (?:(\d+) min )?([\d.]+) s", told.read_text())
            rows.append({"input": label, "operation": name, "held": 60 * int(held[1] or 0) + float(held[2]) if held else None,
                         **({"wall": got[0], "cpu": got[1], "peak": got[2], "repository": size_mib(root / ".aisr")} if got else {"failed": True})})
    for r in rows:
        print(f"{label}, {r['operation']}: " + ("failed" if "failed" in r else "%.1f s, peak %.0f MiB, repository %.1f MiB" % (r["wall"], r["peak"], r["repository"]))
              + (f", locks held for {r['held']} s" if r["held"] else ""), flush=True)
    if any("failed" in r for r in rows):
        print((top / "stderr.log").read_text(errors="replace"), file=sys.stderr)
    shutil.rmtree(top)
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aisr", required=True); p.add_argument("--work", type=Path); p.add_argument("--json", type=Path)
    p.add_argument("--sparse-gb", type=int, default=100); p.add_argument("--random-gb", type=int, default=20)
    p.add_argument("--files", type=int, default=1_000_000); p.add_argument("--database-gb", type=int, default=20)
    p.add_argument("--rollback-gb", type=int, default=1)
    a = p.parse_args()
    a.aisr = str(Path(a.aisr).resolve())
    work = Path(tempfile.mkdtemp(prefix="large-", dir=a.work))
    rows, left_out = [], []
    try:
        for label, make, amount, need in (
                (f"a sparse file of {a.sparse_gb} GB", sparse, a.sparse_gb, 1024),
                (f"{a.random_gb} GB of random bytes", random_bytes, a.random_gb, 2.1 * a.random_gb * GB / MIB),
                (f"{a.files:,} files of {SMALL} bytes", small_files, a.files, a.files * 6 / 1024),
                (f"a live database of {a.database_gb} GB", database, a.database_gb, 2.1 * a.database_gb * GB / MIB),
                (f"a database of {a.rollback_gb} GB in rollback mode", rollback, a.rollback_gb, 3.1 * a.rollback_gb * GB / MIB)):
            if amount:
                got = measure(label, make, amount, need, a, work)
                rows += got or []
                left_out += [] if got else [label]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if a.json:
        a.json.write_text(json.dumps({"rows": rows, "left_out": left_out}, indent=1) + "\n")
    return 1 if any("failed" in r for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
