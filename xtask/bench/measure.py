"""Running one command and saying what it cost."""
import os, shutil, statistics, subprocess, time


def run(cmd, cwd, log, env=None):
    """Wall s, CPU s, peak MiB of the largest process; None where the command failed.

    `cmd` goes to bash with `set -e`.  Everything written before is synced first, so that nobody
    pays for another's pages.
    """
    os.sync()
    start = time.perf_counter()
    p = subprocess.Popen(["bash", "-c", "set -e\n" + cmd], cwd=cwd, stdout=subprocess.DEVNULL, stderr=log,
                         env={**os.environ, **(env or {})})
    _, status, use = os.wait4(p.pid, 0)
    wall = time.perf_counter() - start
    return (wall, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024) if status == 0 else None


def start_time(argv, env=None, times=11):
    """Median wall s of a command that does next to nothing, started without a shell."""
    walls = []
    for _ in range(times):
        start = time.perf_counter()
        p = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        walls.append(time.perf_counter() - start)
        if p.returncode != 0:
            return None
    return statistics.median(walls)


def size_mib(*folders):
    """Bytes of all files below the folders, in MiB."""
    total = 0
    for folder in folders:
        for d, _, fs in os.walk(folder):
            total += sum(os.lstat(os.path.join(d, f)).st_size for f in fs)
    return total / 2**20


def free_mib(folder):
    return shutil.disk_usage(folder).free / 2**20


def aisr_home(folder):
    """The environment of somebody who has a signing key and nothing else configured."""
    key = folder / ".ssh/id_ed25519"
    if not key.exists():
        key.parent.mkdir(parents=True, mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench@example.org", "-f", key], check=True)
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config"), "SSH_AUTH_SOCK": ""}
