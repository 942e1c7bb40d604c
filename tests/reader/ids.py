"""Ids and checksums: BLAKE3, plain and with the contexts of docs/format.md, "Ids"."""

from blake3 import blake3

ERA = "aisr 2026-11-24 "

BLOB, RECIPE, NODE, COMMIT, TAG, GENESIS, TRUST_ROOT, ATTESTATION, DELEGATION, LOG_ENTRY = range(10)

TYPE_NAMES = [
    "blob",
    "recipe node",
    "map node",
    "commit",
    "tag",
    "genesis",
    "trust root",
    "attestation",
    "delegation",
    "log entry",
]

CONTEXTS = [None] + [f"{ERA}{name} v1" for name in TYPE_NAMES[1:]]


class Refused(Exception):
    """Bytes that are not what the format asks for."""


def blob_id(data) -> bytes:
    return blake3(data).digest()


def derive(what: str, *parts) -> bytes:
    """The hash of the parts under the context of `what`, such as "record header"."""
    hasher = blake3(derive_key_context=f"{ERA}{what} v1")
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def check(what: str, *parts) -> bytes:
    """A checksum of eight bytes."""
    return derive(what, *parts)[:8]


def id_of(kind: int, data) -> bytes:
    if kind == BLOB:
        return blake3(data).digest()
    return blake3(data, derive_key_context=CONTEXTS[kind]).digest()


def splitter_key(level: int) -> bytes:
    return derive("splitter", bytes([level]))
