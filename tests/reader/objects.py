"""The fields of every object (docs/format.md, "Signed objects" to "Recipe")."""

import re

import canonical
import sshsig
from ids import Refused, TRUST_ROOT, derive, id_of
from names import check_ref

WORD = re.compile(r"[a-z0-9-]+\Z")
MIB = 1 << 20


# What a value may be. Each takes a value and refuses it or not.

def uint(value):
    if type(value) is not int or value < 0:
        raise Refused("not an unsigned integer")


def sint(value):
    if type(value) is not int or value >= 1 << 63:
        raise Refused("not a signed integer")


def raw(value):
    if type(value) is not bytes:
        raise Refused("not a byte string")


def any_text(value):
    if type(value) is not str:
        raise Refused("not text")


def text(value):
    any_text(value)
    if not value:
        raise Refused("empty text instead of none")


def word(value):
    text(value)
    if not WORD.match(value):
        raise Refused(f"{value!r} is not a word")


def one_of(*allowed):
    def check(value):
        if value not in allowed or type(value) is not type(allowed[0]):
            raise Refused(f"{value!r} is not known")
    return check


def bytes_of(length):
    def check(value):
        raw(value)
        if len(value) != length:
            raise Refused(f"not {length} bytes")
    return check


oid, rid, replica = bytes_of(32), bytes_of(16), bytes_of(32)


def key(value):
    """32 bytes, and behind them the application of a security key."""
    raw(value)
    if len(value) < 32 or (len(value) > 32 and not sshsig.is_application(value[32:])):
        raise Refused("not a key")


def list_of(item, most=None):
    def check(value):
        if type(value) is not list or not value:
            raise Refused("not a list, or an empty one instead of none")
        if most is not None and len(value) > most:
            raise Refused(f"more than {most} items")
        for one in value:
            item(one)
    return check


def array_of(*items):
    def check(value):
        if type(value) is not list or len(value) != len(items):
            raise Refused(f"not an array of {len(items)}")
        for item, one in zip(items, value):
            item(one)
    return check


def fields(required, optional=None):
    known = required | (optional or {})

    def check(value):
        if type(value) is not dict:
            raise Refused("not a map")
        for name in required:
            if name not in value:
                raise Refused(f"field {name!r} is missing")
        for name, one in value.items():
            if name not in known:
                raise Refused(f"field {name!r} is not known")
            try:
                known[name](one)
            except Refused as error:
                raise Refused(f"{name}: {error}") from None
    return check


def extensions(value):
    if type(value) is not dict or not value:
        raise Refused("not a map, or an empty one instead of none")
    for name, one in value.items():
        raw(one)
        if name.startswith("!"):
            raise Refused(f"the extension {name!r} is not known")


def zone(value):
    if type(value) is not int or abs(value) > 1440:
        raise Refused("a zone over 24 hours")


stamp = array_of(sint, zone)
actor = fields({"key": key}, {"principal": rid})
cause = fields({"kind": word}, {"ids": list_of(oid), "algorithm": uint})


def acting_for(value):
    text(value) if type(value) is str else oid(value)


def message(value):
    text(value)
    if len(value.encode()) > 32 << 10:
        raise Refused("over 32 KiB")


def positive(value):
    uint(value)
    if value == 0:
        raise Refused("0 instead of none")


report = fields(
    {"window": array_of(sint, sint), "level": one_of("snapshot", "best-effort")},
    {
        "ignored": positive,
        "skipped": positive,
        "skipped-paths": list_of(array_of(raw, any_text)),
        "moved": list_of(raw),
    },
)

PAYLOADS = {
    "commit": fields(
        {"repo": oid, "root": oid, "committer": actor, "authored": stamp, "committed": stamp,
         "cause": cause},
        {
            "parents": list_of(oid, 64),
            "author": text,
            "acting-for": list_of(acting_for),
            "sessions": list_of(fields({"kind": word, "id": raw})),
            "report": report,
            "origins": oid,
            "observed": list_of(oid),
            "message": message,
        },
    ),
    "tag": fields(
        {"repo": oid, "target": oid, "target-type": one_of(*range(10)), "name": raw,
         "tagger": actor, "time": stamp},
        {"message": message},
    ),
    "genesis": fields({"nonce": bytes_of(32), "format": oid, "trust-root": raw}),
    "trust-root": fields(
        {"version": positive},
        {
            "repo": oid,
            "previous": oid,
            "principals": list_of(fields(
                {"id": rid, "kind": word},
                {"names": list_of(text), "controller": rid, "keys": list_of(key)},
            )),
            "roles": list_of(fields(
                {"name": word, "holders": list_of(rid), "threshold": positive},
            )),
            "heads": list_of(oid),
            "expires": stamp,
        },
    ),
    "log-entry": fields(
        {"repo": oid, "log": rid, "sequence": uint, "trust-root": oid, "signer": actor,
         "time": stamp, "cause": cause},
        {
            "previous": oid,
            "changes": list_of(lambda value: check_change(value)),
            "acting-for": list_of(acting_for),
            "approvals": list_of(oid),
            "payload": list_of(oid),
            "replica": replica,
        },
    ),
}
LIMITS = {"commit": 64 << 10, "tag": 64 << 10}


def target(value):
    array_of(raw)(value) if type(value) is list else oid(value)


def check_change(value):
    fields(
        {"name": raw, "kind": one_of("create", "forward", "force", "delete")},
        {"old": target, "new": target},
    )(value)
    if ("old" in value) == (value["kind"] == "create"):
        raise Refused("an old value does not fit the kind of change")
    if ("new" in value) == (value["kind"] == "delete"):
        raise Refused("a new value does not fit the kind of change")
    if value["name"] == b"HEAD":
        if value["kind"] == "delete":
            raise Refused("HEAD is never deleted")
    else:
        check_ref(value["name"])
    for side in ("old", "new"):
        if type(value.get(side)) is list:
            if value["name"] != b"HEAD" or not value[side][0].startswith(b"refs/heads/"):
                raise Refused("a symbolic target that is not HEAD's, or not a branch")
            check_ref(value[side][0])


def ascending(items):
    return all(a < b for a, b in zip(items, items[1:]))


def decode_payload(kind: str, payload: bytes) -> dict:
    """Reads the payload of a signed object of a type."""
    if len(payload) > LIMITS.get(kind, 16 * MIB):
        raise Refused("over the limit of its type")
    value = canonical.decode(payload)
    if type(value) is not dict:
        raise Refused("not a map")
    rest = dict(value)
    if rest.pop("type", None) != kind or rest.pop("v", None) != 1:
        raise Refused(f"not a {kind} of version 1")
    if "ext" in rest:
        extensions(rest.pop("ext"))
    PAYLOADS[kind](rest)
    if kind == "trust-root":
        check_trust_root(rest)
    if kind == "log-entry":
        check_log_entry(rest)
    return value


def check_trust_root(root: dict) -> None:
    first = root["version"] == 1
    if first == ("previous" in root) or first == ("repo" in root):
        raise Refused("version 1 alone has no predecessor and no repository")
    heads = root.get("heads", [])
    if not ascending(heads) or (first and heads):
        raise Refused("heads that are not ascending, or in version 1")
    principals, roles = root.get("principals", []), root.get("roles", [])
    known = [p["id"] for p in principals]
    if not ascending(known) or not ascending([r["name"].encode() for r in roles]):
        raise Refused("principals or roles are not ascending")
    keys = [k for p in principals for k in p.get("keys", [])]
    if len(set(keys)) != len(keys):
        raise Refused("a key stands twice")
    for p in principals:
        if not ascending(p.get("keys", [])):
            raise Refused("keys are not ascending")
        if "controller" in p and p["controller"] not in known:
            raise Refused("a controller that is no principal")
    for role in roles:
        if not ascending(role["holders"]) or not set(role["holders"]) <= set(known):
            raise Refused("holders are not ascending ids of principals")
        if role["threshold"] > len(role["holders"]):
            raise Refused("a threshold that cannot be met")


def check_log_entry(entry: dict) -> None:
    first = entry["sequence"] == 0
    if first == ("previous" in entry) or first != (entry["cause"]["kind"] == "open"):
        raise Refused("entry 0 alone is of kind open and has no predecessor")
    if "replica" in entry and not first:
        raise Refused("entry 0 alone names a clone's key")
    if not ascending([change["name"] for change in entry.get("changes", [])]):
        raise Refused("changes are not ascending")


def split_signed(data: bytes) -> tuple[bytes, bytes]:
    """Takes a signed object apart into payload and signature."""
    value = canonical.decode(data)
    array_of(raw, raw)(value)
    return value[0], value[1]


def embedded_root_id(payload: bytes) -> bytes:
    """The id of the trust root that a genesis embeds."""
    return id_of(TRUST_ROOT, canonical.encode([payload]))


def format_id(identity: bytes) -> bytes:
    return derive("format identity", identity)


def decode_recipe(data: bytes) -> dict:
    """Reads a node of a recipe."""
    if len(data) > 64 << 10:
        raise Refused("over 64 KiB")
    value = canonical.decode(data)
    fields({"l": uint, "n": uint, "p": list_of(array_of(positive, oid))}, {"b": oid})(value)
    if value["l"] > 15:
        raise Refused("a level over 15")
    if sum(length for length, _ in value["p"]) != value["n"]:
        raise Refused("n is not the sum of the parts")
    if value["l"] == 0 and any(length > 8 * MIB for length, _ in value["p"]):
        raise Refused("a chunk over 8 MiB")
    return value
