"""A commit beside a folder."""

import os
import re
import stat

from blake3 import blake3

import maps
from ids import COMMIT, Refused, TAG, blob_id


def resolve(place, store, payloads, rev: str) -> bytes:
    """The commit that a revision names: a ref, its short name, HEAD, or an id."""
    name = rev.encode()
    head = place.head
    if rev == "HEAD":
        oid = place.refs.get(head[0]) if type(head) is list else head
    else:
        full = [name, b"refs/heads/" + name, b"refs/tags/" + name, b"refs/remotes/" + name]
        oid = next((place.refs[one] for one in full if one in place.refs), None)
    if oid is None and re.fullmatch("[0-9a-f]{64}", rev):
        oid = bytes.fromhex(rev)
    while oid in payloads and store.objects[oid][0] == TAG:
        oid = payloads[oid]["target"]
    if oid not in payloads or store.objects[oid][0] != COMMIT:
        raise Refused(f"{rev} names no commit")
    return oid


def listing(history, root: bytes, at: bytes = b"") -> dict:
    """Everything under a directory: path → (kind, id, size)."""
    found = {}

    def walk(node):
        for key, value in node.entries:
            if node.level:
                walk(history.load(value))
            else:
                found[at + key] = maps.decode_tree_entry(value[1])
    walk(history.load(root))
    for path, (kind, oid, _) in list(found.items()):
        if kind == maps.DIRECTORY:
            found |= listing(history, oid, path + b"/")
    return found


def look(path: bytes) -> tuple[int, bytes | None, int] | None:
    """Kind, id and size of what is at a path of the disk; None for sockets and the like."""
    status = os.lstat(path)
    if stat.S_ISDIR(status.st_mode):
        return maps.DIRECTORY, None, 0
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(path)
        return maps.SYMLINK, blob_id(target), len(target)
    if not stat.S_ISREG(status.st_mode):
        return None
    hasher, size = blake3(max_threads=blake3.AUTO), 0
    with open(path, "rb") as file:
        while piece := file.read(8 << 20):
            hasher.update(piece)
            size += len(piece)
    kind = maps.EXECUTABLE if status.st_mode & stat.S_IXUSR else maps.FILE
    return kind, hasher.digest(), size


def on_disk(folder: bytes):
    """The paths under a folder, but for `.aisr` at its top."""
    pending = [b""]
    while pending:
        at = pending.pop()
        for entry in os.scandir(os.path.join(folder, at)):
            path = os.path.join(at, entry.name)
            if path == b".aisr":
                continue
            yield path
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)


def compare(history, root: bytes, folder: str, allow_extra: bool, problems: list) -> int:
    """Lists every difference; gives how many paths are the same."""
    expected, same = listing(history, root), 0
    top = os.fsencode(folder)
    for path, (kind, oid, size) in expected.items():
        shown = path.decode(errors="backslashreplace")
        try:
            found = look(os.path.join(top, path))
        except OSError as error:
            problems.append(f"{shown}: {error.strerror}")
            continue
        if found is None or found[0] != kind:
            problems.append(f"{shown}: another kind of thing, or another mode")
        elif kind != maps.DIRECTORY and found != (kind, oid, size):
            problems.append(f"{shown}: another content")
        else:
            same += 1
    if not allow_extra:
        for path in on_disk(top):
            if path not in expected:
                problems.append(f"{path.decode(errors='backslashreplace')}: not in the commit")
    return same
