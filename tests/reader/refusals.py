"""Bytes that every reader must refuse, each with the reason."""

import canonical
import maps
import tuples
from ids import blob_id

OID, RID = bytes(range(32)), bytes(range(16))
STAMP = [0, 0]
COMMIT = {"type": "commit", "v": 1, "repo": OID, "root": OID, "committer": {"key": OID},
          "authored": STAMP, "committed": STAMP, "cause": {"kind": "manual"}}
TAG = {"type": "tag", "v": 1, "repo": OID, "target": OID, "target-type": 3, "name": b"v1",
       "tagger": {"key": OID}, "time": STAMP}
ENTRY = {"type": "log-entry", "v": 1, "repo": OID, "log": RID, "sequence": 1, "previous": OID,
         "trust-root": OID, "signer": {"key": OID}, "time": STAMP, "cause": {"kind": "manual"}}
PRINCIPAL = {"id": RID, "kind": "person", "keys": [OID]}
ROOT = {"type": "trust-root", "v": 1, "version": 1, "principals": [PRINCIPAL],
        "roles": [{"name": "root", "holders": [RID], "threshold": 1}]}
RECIPE = {"l": 0, "n": 1, "p": [[1, OID]]}
LEAF = {"c": 1, "e": [[b"k", [0, b"v"]]], "l": 0, "s": "table", "z": 4}
INNER = {"c": 2, "e": [[b"a", OID], [b"b", OID]], "l": 1, "s": "table", "z": 8}


def tree(name: bytes, value: list, total: int) -> dict:
    return {"c": 1, "e": [[name, value]], "l": 0, "s": "tree", "z": total}


def tree_entry(*items) -> list:
    return [0, canonical.encode(list(items))]


def without(value: dict, field: str) -> dict:
    return {name: one for name, one in value.items() if name != field}


def of_fields() -> list:
    """(type, why, value): sound CBOR whose fields are not."""
    change = {"name": b"refs/heads/main", "new": OID, "kind": "create"}
    long_key = [0, b"v"]
    return [
        ("commit", "a field is missing", without(COMMIT, "root")),
        ("commit", "a field is unknown", COMMIT | {"colour": "red"}),
        ("commit", "another type", COMMIT | {"type": "tag"}),
        ("commit", "another version", COMMIT | {"v": 2}),
        ("commit", "an empty list", COMMIT | {"parents": []}),
        ("commit", "65 parents", COMMIT | {"parents": [OID] * 65}),
        ("commit", "empty text", COMMIT | {"message": ""}),
        ("commit", "a message over 32 KiB", COMMIT | {"message": "m" * 32769}),
        ("commit", "a payload over 64 KiB", COMMIT | {"observed": [OID] * 2000}),
        ("commit", "a cause that is no word", COMMIT | {"cause": {"kind": "By Hand"}}),
        ("commit", "a zone over 24 hours", COMMIT | {"authored": [0, 1441]}),
        ("commit", "a key of 31 bytes", COMMIT | {"committer": {"key": OID[:31]}}),
        ("commit", "an unknown extension that must be understood", COMMIT | {"ext": {"!x": b""}}),
        ("commit", "no extensions", COMMIT | {"ext": {}}),
        ("commit", "0 instead of none",
         COMMIT | {"report": {"window": [0, 0], "level": "snapshot", "ignored": 0}}),
        ("commit", "an unknown level", COMMIT | {"report": {"window": [0, 0], "level": "good"}}),
        ("commit", "a time beyond 64 signed bits", COMMIT | {"authored": [1 << 63, 0]}),
        ("commit", "bytes instead of text", COMMIT | {"author": b"Ada"}),
        ("tag", "an unknown type of target", TAG | {"target-type": 10}),
        ("tag", "a name that is text", TAG | {"name": "v1"}),
        ("log-entry", "entry 1 without predecessor", without(ENTRY, "previous")),
        ("log-entry", "entry 1 of kind open", ENTRY | {"cause": {"kind": "open"}}),
        ("log-entry", "entry 0 of another kind", without(ENTRY, "previous") | {"sequence": 0}),
        ("log-entry", "entry 1 with a clone's key", ENTRY | {"replica": OID}),
        ("log-entry", "one ref twice", ENTRY | {"changes": [change, change]}),
        ("log-entry", "a creation with an old value", ENTRY | {"changes": [change | {"old": OID}]}),
        ("log-entry", "an unknown kind of change",
         ENTRY | {"changes": [change | {"old": OID, "kind": "nudge"}]}),
        ("trust-root", "version 0", ROOT | {"version": 0}),
        ("trust-root", "version 1 with a predecessor", ROOT | {"previous": OID}),
        ("trust-root", "version 2 without one", ROOT | {"version": 2, "repo": OID}),
        ("trust-root", "one principal twice", ROOT | {"principals": [PRINCIPAL, PRINCIPAL]}),
        ("trust-root", "one key with two principals",
         ROOT | {"principals": [PRINCIPAL, PRINCIPAL | {"id": bytes([1]) * 16}]}),
        ("trust-root", "a holder that is nobody",
         ROOT | {"roles": [{"name": "root", "holders": [bytes(16)], "threshold": 1}]}),
        ("trust-root", "a threshold out of reach",
         ROOT | {"roles": [{"name": "root", "holders": [RID], "threshold": 2}]}),
        ("trust-root", "a controller that is nobody",
         ROOT | {"principals": [PRINCIPAL | {"controller": bytes(16)}]}),
        ("trust-root", "heads in version 1", ROOT | {"heads": [OID]}),
        ("trust-root", "one head twice",
         ROOT | {"version": 2, "repo": OID, "previous": OID, "heads": [OID, OID]}),
        ("trust-root", "an application that is none",
         ROOT | {"principals": [PRINCIPAL | {"keys": [OID + b"https://a"]}]}),
        ("trust-root", "an application over 64 bytes",
         ROOT | {"principals": [PRINCIPAL | {"keys": [OID + b"ssh:" + b"a" * 61]}]}),
        ("commit", "an application with a space", COMMIT | {"committer": {"key": OID + b"ssh: "}}),
        ("recipe", "no parts", RECIPE | {"n": 0, "p": []}),
        ("recipe", "a part without bytes", RECIPE | {"p": [[0, OID], [1, OID]]}),
        ("recipe", "a wrong sum", RECIPE | {"n": 2}),
        ("recipe", "a sum beyond 64 bits",
         RECIPE | {"l": 1, "n": 1, "p": [[(1 << 64) - 1, OID], [2, OID]]}),
        ("recipe", "a chunk over 8 MiB", RECIPE | {"n": 8388609, "p": [[8388609, OID]]}),
        ("recipe", "a blob of 31 bytes", RECIPE | {"b": OID[:31]}),
        ("recipe", "level 16", RECIPE | {"l": 16}),
        ("recipe", "the highest level that an integer can say", RECIPE | {"l": (1 << 64) - 1}),
        ("node", "a wrong count", LEAF | {"c": 2}),
        ("node", "a wrong sum", LEAF | {"z": 5}),
        ("node", "an unknown schema", LEAF | {"s": "leaf"}),
        ("node", "level 16", INNER | {"l": 16}),
        ("node", "leaf entries above level 0", LEAF | {"l": 1}),
        ("node", "inner entries at level 0", INNER | {"l": 0}),
        ("node", "an inner node without children", INNER | {"e": [], "c": 0, "z": 0}),
        ("node", "leaf and inner entries in one node",
         LEAF | {"c": 2, "e": [[b"a", [0, b"v"]], [b"b", OID]]}),
        ("node", "keys out of order", INNER | {"e": [[b"b", OID], [b"a", OID]]}),
        ("node", "one key twice", INNER | {"e": [[b"a", OID], [b"a", OID]]}),
        ("node", "a key over 4,096 bytes",
         LEAF | {"e": [[b"k" * 4097, long_key]]}),
        ("node", "a long value in the node",
         LEAF | {"e": [[b"k", [0, bytes(1020)]]], "z": 1025}),
        ("node", "a short value as a blob",
         LEAF | {"e": [[b"k", [1, OID, 1019]]], "z": 39}),
        ("node", "a value of another form", LEAF | {"e": [[b"k", [2, b"v"]]]}),
        ("node", "an unknown field", LEAF | {"x": 1}),
        ("node", "a tree entry of an unknown kind", tree(b"a", tree_entry(4, OID, 0), 0)),
        ("node", "a tree entry that is a blob", tree(b"a", [1, OID, 2000], 2000)),
        ("node", "a tree entry that is nothing", tree(b"a", [0, b""], 0)),
        ("node", "a symbolic link to nothing", tree(b"a", tree_entry(2, blob_id(b""), 0), 0)),
        ("node", "a symbolic link of 4,096 bytes", tree(b"a", tree_entry(2, OID, 4096), 4096)),
        ("node", "a directory's sum is wrong", tree(b"a", tree_entry(0, OID, 7), 8)),
    ] + [
        ("node", f"the name {name!r}", tree(name, tree_entry(0, OID, 0), 0))
        for name in [b"", b".", b"..", b"a/b", b"a\0b", b"n" * 256, b".aisr", b".AISR", b".aisr ",
                     b".aisr..", b".aisr::$DATA", b"AISR~1", b"aisr~9. .", b".aisr\\x",
                     ".a\u200disr".encode(), ".a\u0131\u017fr".encode(), "\ufeff.aisr".encode(),
                     b".aisr:a\n"]
    ]


def of_bytes() -> list:
    """(type, why, bytes): not the one encoding of anything."""
    node = canonical.encode(LEAF)
    assert node[:3] == b"\xa5\x61\x63" and node[3] == 1
    recipe = canonical.encode(RECIPE)
    return [
        ("node", "nothing", b""),
        ("node", "ends early", node[:-1]),
        ("node", "a byte after the end", node + b"\0"),
        ("node", "an integer that is not the shortest", node[:3] + b"\x18\x01" + node[4:]),
        ("node", "a map of indefinite length", b"\xbf" + node[1:] + b"\xff"),
        ("node", "a length beyond the end", b"\xbb" + b"\xff" * 8),
        ("node", "null", b"\xf6"),
        ("node", "a tag", b"\xc1\0"),
        ("recipe", "fields out of order",
         b"\xa3" + recipe[4:7] + recipe[1:4] + recipe[7:]),
        ("recipe", "a field twice", b"\xa4" + recipe[1:4] + recipe[1:]),
        ("recipe", "a float", recipe[:3] + b"\xf9\0\0" + recipe[4:]),
        ("recipe", "a big number as a tag", recipe[:3] + b"\xc2\x41\0" + recipe[4:]),
        ("commit", "text that is not UTF-8",
         canonical.encode(COMMIT | {"message": "abc"}).replace(b"cabc", b"ca\xffc")),
        ("signed", "three items", canonical.encode([b"", b"", b""])),
        ("signed", "text", canonical.encode(["", b""])),
        ("signed", "a byte after the end", canonical.encode([b"", b""]) + b"\0"),
    ]


def of_graph() -> list:
    """(type, why, key, value)."""
    tool, path = b"tool:search", [0, b"a"]
    sound = {"content": OID, "origin": [path]}
    uses, crm = key("agent:a", "uses", "tool:b"), key("memory:crm")
    return [
        ("component", "a kind that is unknown", b"tools:search", sound),
        ("component", "a name in capitals", b"tool:Search", sound),
        ("component", "a name that begins with a dot", b"tool:.search", sound),
        ("component", "a name over 255 bytes", b"tool:" + b"a" * 256, sound),
        ("component", "a key that is not text", b"tool:\xff", sound),
        ("component", "content without origin", tool, without(sound, "origin")),
        ("component", "origin without content", tool, without(sound, "content")),
        ("component", "no origins", tool, {"origin": []}),
        ("component", "origins out of order", tool, sound | {"origin": [[0, b"b"], path]}),
        ("component", "an origin twice", tool, sound | {"origin": [path, path]}),
        ("component", "an origin of an unknown kind", tool, sound | {"origin": [[2, b"a"]]}),
        ("component", "an origin outside", tool, sound | {"origin": [[0, b"../a"]]}),
        ("component", "an origin without name", tool, sound | {"origin": [[0, b""]]}),
        ("component", "a key over 4,096 bytes", tool, sound | {"origin": [[1, bytes(4097)]]}),
        ("component", "no attributes", tool, sound | {"attributes": {}}),
        ("component", "an attribute in capitals", tool, sound | {"attributes": {"At": ""}}),
        ("component", "an attribute that is a number", tool, sound | {"attributes": {"at": 1}}),
        ("component", "a former name without kind", tool, sound | {"was": "search"}),
        ("component", "a field that is unknown", tool, sound | {"colour": "red"}),
        ("edge", "known from nowhere", uses, {}),
        ("edge", "an unknown provenance", uses, {"guessed": {}}),
        ("edge", "two ends only", key("agent:a", "uses"), {"declared": {}}),
        ("edge", "an end without kind", key("a", "uses", "tool:b"), {"declared": {}}),
        ("edge", "a relation of two words", key("agent:a", "may use", "tool:b"), {"declared": {}}),
        ("edge", "a key with more behind it", uses + b"\0", {"declared": {}}),
        ("external", "an unknown kind", crm, [2, OID, 0]),
        ("external", "two items", crm, [0, OID]),
        ("external", "a key that is no tuple", b"memory:crm", [0, OID, 0]),
        ("external", "a key of no component", key("crm"), [0, OID, 0]),
        ("external", "an empty key", b"", [0, OID, 0]),
    ]


def key(*texts: str) -> bytes:
    return tuples.encode([("text", one) for one in texts])


def cases() -> list:
    """All of them, as they are stored."""
    fields = [(kind, why, canonical.encode(value)) for kind, why, value in of_fields()]
    graph = [{"type": kind, "why": why, "key": name, "bytes": canonical.encode(value)}
             for kind, why, name, value in of_graph()]
    listed = [{"type": kind, "why": why, "bytes": data} for kind, why, data in fields + of_bytes()]
    return listed + graph
