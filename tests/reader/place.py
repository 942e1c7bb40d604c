"""The format file, the log of a clone, and the refs (docs/format.md)."""

import os
import re
from dataclasses import dataclass, field

import objects
import sshsig
from ids import LOG_ENTRY, Refused, check, derive, id_of
from names import check_ref

IDENTITY = b"aisr-format 0\nobject-hash blake3\nsplitter 1\n"
FORMAT = re.compile(
    rb"\nrequires((?: [a-z0-9-]+)*)\nrequires-write((?: [a-z0-9-]+)*)\n"
    rb"chunker (?:0|[1-9][0-9]{0,9})\n\n\Z")
REFS = re.compile(
    rb"aisr-refs 0\n"
    rb"log ([0-9a-f]{32})\n"
    rb"head (0|[1-9][0-9]{0,19}) ([0-9a-f]{64}) (0|[1-9][0-9]{0,19})\n"
    rb"length (0|[1-9][0-9]{0,19})\n"
    rb"HEAD (?:ref ([^\n]+)|id ([0-9a-f]{64}))\n"
    rb"((?:[0-9a-f]{64} [^\n]+\n)*)\Z")
FRAMES_START, FRAME_HEAD_LEN, ENTRY_LIMIT = 32, 12, 16 << 20


@dataclass
class Place:
    """What log and refs say."""

    head: bytes | list | None = None
    refs: dict = field(default_factory=dict)
    entries: list = field(default_factory=list)
    beyond: int = 0

    @property
    def repo(self) -> bytes | None:
        return self.entries[0]["repo"] if self.entries else None


def without_checksum(data: bytes, what: str) -> bytes:
    """The bytes before the last line, which is their checksum."""
    body, line = data[:-74], data[-74:]
    if line != b"checksum " + derive(what, body).hex().encode() + b"\n":
        raise Refused("does not match its checksum")
    return body


def read_format(path: str) -> bytes:
    """Checks the format file and gives the format id."""
    with open(path, "rb") as file:
        data = file.read((64 << 10) + 1)
    if not data.startswith(b"aisr-format 0\n"):
        raise Refused("a version of the format that is not known")
    if len(data) > 64 << 10:
        raise Refused("over 64 KiB")
    body = without_checksum(data, "format file")
    found = FORMAT.match(body, len(IDENTITY)) if body.startswith(IDENTITY) else None
    if not found:
        raise Refused("not in its one form")
    if found.group(1):
        raise Refused(f"requires{found.group(1).decode(errors='replace')}, which is not known")
    return objects.format_id(IDENTITY)


def read_refs(path: str):
    """Reads the refs file: log id, head entry, length, HEAD, refs."""
    with open(path, "rb") as file:
        data = file.read()
    found = REFS.match(without_checksum(data, "refs file"))
    if not found:
        raise Refused("not in its one form")
    log, sequence, entry, offset, length, branch, detached, lines = found.groups()
    refs, names = {}, []
    for line in lines.splitlines():
        name = line[65:]
        check_ref(name)
        names.append(name)
        refs[name] = bytes.fromhex(line[:64].decode())
    if not objects.ascending(names):
        raise Refused("refs are not ascending")
    if branch is not None:
        check_ref(branch)
        if not branch.startswith(b"refs/heads/"):
            raise Refused("HEAD is on a ref that is no branch")
        head = [branch]
    else:
        head = bytes.fromhex(detached.decode())
    last = (int(sequence), bytes.fromhex(entry.decode()), int(offset))
    return log.decode(), last, int(length), head, refs


def frames(data: bytes):
    """The frames of a log: offset, end and entry of each whole one."""
    at = FRAMES_START
    while at + FRAME_HEAD_LEN <= len(data):
        length = int.from_bytes(data[at:at + 4], "little")
        end = at + FRAME_HEAD_LEN + length
        if length > ENTRY_LIMIT or end > len(data):
            return
        entry = data[at + FRAME_HEAD_LEN:end]
        if check("log frame", data[at:at + 4], entry) != data[at + 4:at + 12]:
            return
        yield at, end, entry
        at = end


def apply(place: Place, entry: dict) -> None:
    """Moves the refs as an entry says."""
    for change in entry.get("changes", []):
        name = change["name"]
        old = place.head if name == b"HEAD" else place.refs.get(name)
        if old != change.get("old"):
            raise Refused(f"{name.decode(errors='replace')} has not the old value of the entry")
        new = change.get("new")
        if name == b"HEAD":
            place.head = new
        elif new is None:
            del place.refs[name]
        else:
            place.refs[name] = new


def check_entry(place: Place, log: str, previous, data: bytes) -> dict:
    """Reads one entry and checks that it goes on from the one before."""
    payload, signature = objects.split_signed(data)
    entry = objects.decode_payload("log-entry", payload)
    signer = sshsig.verify("log-entry@aisr", payload, signature)
    if signer != entry["signer"]["key"] or "principal" in entry["signer"]:
        raise Refused("not signed by the key that it names alone")
    if entry["sequence"] != len(place.entries) or entry.get("previous") != previous:
        raise Refused("does not follow the entry before")
    if entry["log"].hex() != log:
        raise Refused("belongs to another log")
    first = place.entries[0] if place.entries else entry
    if entry["repo"] != first["repo"] or signer != first.get("replica"):
        raise Refused("of another repository or key than entry 0 names")
    if ("replica" in entry) != (entry is first):
        raise Refused("entry 0 alone names the key of the clone")
    apply(place, entry)
    return entry


def read_place(folder: str) -> Place:
    """Checks refs and log against each other."""
    log, last, length, head, refs = read_refs(os.path.join(folder, "refs"))
    with open(os.path.join(folder, "log", log), "rb") as file:
        data = file.read()
    header = b"AISRLOG\0" + bytes([0, 1]) + bytes(6) + bytes.fromhex(log)
    if data[:FRAMES_START] != header:
        raise Refused("the log has not the header of its name")
    if len(data) < length:
        raise Refused("the log is shorter than the refs say: history is missing")
    place, previous, reached = Place(), None, False
    for at, end, entry in frames(data):
        try:
            place.entries.append(check_entry(place, log, previous, entry))
        except Refused as error:
            raise Refused(f"log entry {len(place.entries)}: {error}") from None
        previous = id_of(LOG_ENTRY, entry)
        if reached:
            place.beyond += 1
        if end == length:
            reached = True
            if (len(place.entries) - 1, previous, at) != last:
                raise Refused("the head of the log is not the entry that the refs name")
            if (place.head, place.refs) != (head, refs):
                raise Refused("the log does not lead to the refs that are there")
    if not reached:
        raise Refused("the log has no entry that ends where the refs say")
    return place
