"""Packs: every byte of them (docs/format.md, "Packs")."""

import mmap
import os
import re
import struct
from dataclasses import dataclass, field

import record_codecs
from ids import BLOB, RECIPE, Refused, TYPE_NAMES, check, derive, id_of

HEADER_LEN, RECORD_HEAD_LEN, FOOTER_HEAD_LEN, ROW_LEN, TRAILER_LEN = 16, 24, 48, 60, 32
RECORD_LIMIT = 16 << 20
CHUNK_LIMIT = 8 << 20
DATA = 1
NAME = re.compile(r"[0-9a-f]{64}\.pack\Z")


@dataclass
class Record:
    """A record of a pack: where its stored bytes lie, and what they are."""

    pack: "Pack"
    offset: int
    codec: int
    at: int
    stored: int
    decoded: int
    slots: list

    def decode(self) -> bytes:
        data = self.pack.data[self.at:self.at + self.stored]
        return record_codecs.decode(self.codec, data, self.decoded)


@dataclass
class Pack:
    """A pack that is open."""

    path: str
    data: mmap.mmap
    kind: int = 0
    footer: bytes = b""
    footer_at: int = 0
    records: list = field(default_factory=list)

    @property
    def id(self) -> bytes:
        return bytes.fromhex(os.path.basename(self.path)[:64])


@dataclass
class Store:
    """Where every object lies: id → (type, record, start, length), and recipes by blob."""

    packs: list = field(default_factory=list)
    objects: dict = field(default_factory=dict)
    structured: dict = field(default_factory=dict)
    recipes: dict = field(default_factory=dict)
    copies: int = 0
    bytes: int = 0

    def find(self, oid: bytes, kind: int):
        found = self.objects.get(oid)
        if found is None:
            raise Refused(f"{TYPE_NAMES[kind]} {oid.hex()} is missing")
        if found[0] != kind:
            raise Refused(f"{oid.hex()} is a {TYPE_NAMES[found[0]]}, not a {TYPE_NAMES[kind]}")
        return found

    def read(self, oid: bytes, kind: int) -> bytes:
        """The bytes of an object, which were checked when its pack was."""
        _, record, start, length = self.find(oid, kind)
        kept = self.structured.get(oid)
        return kept if kept is not None else record.decode()[start:start + length]


def read_mark(data: bytes, magic: bytes) -> int:
    """The kind of pack that a header or footer states."""
    if data[:8] != magic or len(data) != HEADER_LEN:
        raise Refused(f"does not start with {magic.decode()}")
    if data[8] != 0 or data[9] != 1 or data[10] > 1 or any(data[11:]):
        raise Refused("a version, hash or kind of pack that is not known")
    return data[10]


def open_pack(path: str) -> Pack:
    """Reads header, trailer and footer."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < HEADER_LEN + FOOTER_HEAD_LEN + TRAILER_LEN:
            raise Refused("too short for a pack")
        pack = Pack(path, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    pack.kind = read_mark(pack.data[:HEADER_LEN], b"AISRPACK")
    trailer = pack.data[size - TRAILER_LEN:]
    at, length = struct.unpack("<QQ", trailer[:16])
    if trailer[24:] != b"AISRTAIL" or check("pack trailer", trailer[:16]) != trailer[16:24]:
        raise Refused("the trailer is damaged")
    if at + length + TRAILER_LEN != size or at < HEADER_LEN or length < FOOTER_HEAD_LEN:
        raise Refused("the trailer does not fit the file")
    pack.footer_at, pack.footer = at, pack.data[at:at + length]
    if derive("pack footer", pack.footer) != pack.id:
        raise Refused("the footer does not hash to the name of the pack")
    if read_mark(pack.footer[:HEADER_LEN], b"AISRFOOT") != pack.kind:
        raise Refused("header and footer state two kinds of pack")
    return pack


def read_record(pack: Pack, offset: int) -> Record:
    """Reads the header of the record at an offset."""
    head = pack.data[offset:offset + RECORD_HEAD_LEN]
    if len(head) < RECORD_HEAD_LEN or head[:4] != b"AREC":
        raise Refused("no record where one must be")
    codec, depth, count, stored, decoded = struct.unpack("<BBHII", head[4:16])
    if not 1 <= count <= 4096 or stored > RECORD_LIMIT or decoded > RECORD_LIMIT or depth:
        raise Refused("a number of the record is over its limit")
    at = offset + RECORD_HEAD_LEN
    rows = pack.data[at:at + 8 * count]
    slots = [struct.unpack("<BBHI", rows[i:i + 8]) for i in range(0, len(rows), 8)]
    roots = sum(1 for slot in slots if slot[1] & 1)
    ids = pack.data[at + 8 * count:at + 8 * count + 32 * roots]
    if len(rows) != 8 * count or len(ids) != 32 * roots:
        raise Refused("the record ends early")
    if check("record header", head[:16], rows, ids) != head[16:24]:
        raise Refused("the header of the record does not match its checksum")
    found, builds = [], iter([ids[i:i + 32] for i in range(0, len(ids), 32)])
    for kind, flags, zero, length in slots:
        if kind > 9 or flags > 1 or zero or (flags and kind != RECIPE):
            raise Refused("a row of the record is not known")
        found.append((kind, length, next(builds) if flags else None))
    if sum(length for _, length, _ in found) != decoded:
        raise Refused("the objects do not fill the record")
    at += len(rows) + len(ids)
    if at + stored > pack.footer_at:
        raise Refused("the record runs into the footer")
    return Record(pack, offset, codec, at, stored, decoded, found)


def check_records(store: Store, pack: Pack, problems: list) -> tuple[list, list]:
    """Reads every record, derives the id of every object, and gives what the footer must say."""
    rows, recipes, at = [], [], HEADER_LEN
    while at < pack.footer_at:
        try:
            record = read_record(pack, at)
        except Refused as error:
            problems.append(f"{pack.path}: byte {at}: {error}")
            break
        try:
            data = record.decode()
        except Refused as error:
            problems.append(f"{pack.path}: byte {at}: {error}")
            data = None
        pack.records.append(record)
        start = 0
        for kind, length, builds in record.slots if data is not None else []:
            content = data if length == record.decoded else data[start:start + length]
            oid = id_of(kind, content)
            if kind == BLOB and pack.kind == DATA and length > CHUNK_LIMIT:
                problems.append(f"{pack.path}: chunk {oid.hex()} is over 8 MiB")
            rows.append(struct.pack("<32sQIIIIBBBB", oid, at, record.stored, record.decoded,
                                    start, length, kind, record.codec, 0, 0))
            if oid in store.objects:
                store.copies += 1
            store.objects[oid] = (kind, record, start, length)
            if kind != BLOB:
                store.structured[oid] = bytes(content)
            if builds is not None:
                recipes.append(builds + oid)
                store.recipes.setdefault(builds, set()).add(oid)
            start += length
            store.bytes += length
        at = record.at + record.stored
    return rows, recipes


def check_footer(pack: Pack, rows: list, recipes: list) -> None:
    """Whether the footer states exactly what the records hold."""
    ids = [row[:32] for row in rows]
    if len(set(ids)) != len(ids):
        raise Refused("an object stands twice in the pack")
    numbers = struct.pack("<QQQQ", len(rows), len(recipes), len(pack.records), pack.footer_at)
    if pack.footer[16:48] != numbers:
        raise Refused("the footer's counts are not those of the records")
    if pack.footer[48:] != b"".join(sorted(rows)) + b"".join(sorted(recipes)):
        raise Refused("the footer's rows are not those of the records")


def check_packs(folder: str, problems: list) -> Store:
    """Checks every pack in a folder."""
    store = Store()
    for name in sorted(os.listdir(folder)):
        if not NAME.match(name):
            if name.endswith(".pack"):
                problems.append(f"{name}: not the name of a pack")
            continue
        path = os.path.join(folder, name)
        try:
            pack = open_pack(path)
            store.packs.append(pack)
            before = len(problems)
            rows, recipes = check_records(store, pack, problems)
            if len(problems) == before:
                check_footer(pack, rows, recipes)
        except Refused as error:
            problems.append(f"{path}: {error}")
    return store
