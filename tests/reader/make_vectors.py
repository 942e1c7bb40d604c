"""Writes tests/vectors: inputs, and the bytes and ids that they must give.

    python tests/reader/make_vectors.py

Byte strings are hexadecimal. The same every time: the key is that of a fixed seed.
"""

import json
import os

import build
import canonical
import graph
import maps
import objects
import refusals
import sshsig
import tuples
from ids import (BLOB, COMMIT, GENESIS, LOG_ENTRY, RECIPE, TAG, TRUST_ROOT, blob_id, derive,
                 id_of)

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors")
SEED = bytes(range(32))
OTHER_SEED = bytes(range(32, 64))
KEY, OTHER_KEY = sshsig.public_key(SEED), sshsig.public_key(OTHER_SEED)


def some(label: str, length: int = 32) -> bytes:
    """Bytes that look random and are always the same."""
    out = b""
    while len(out) < length:
        out += blob_id(f"{label} {len(out)}".encode())
    return out[:length]


FIRST, SECOND = sorted([some("principal 1", 16), some("principal 2", 16)])
STAMP, WEST = [1_795_478_400_123_456, 60], [-1, -210]


def plain(value):
    """A value as JSON: byte strings in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


def shown(fields: dict) -> dict:
    """Fields as JSON, with what is text or bytes by choice told apart."""
    out = plain({name: one for name, one in fields.items() if name not in ("type", "v")})
    if "acting-for" in fields:
        out["acting-for"] = [
            {"claimed": one} if isinstance(one, str) else {"delegation": one.hex()}
            for one in fields["acting-for"]
        ]
    for change, shown_change in zip(fields.get("changes", []), out.get("changes", [])):
        for side in ("old", "new"):
            if side in change:
                one = change[side]
                shown_change[side] = (
                    {"symbolic": one[0].hex()} if isinstance(one, list) else {"object": one.hex()})
    return out


def payload(kind: str, **fields) -> dict:
    return {"type": kind, "v": 1} | {n.replace("_", "-"): v for n, v in fields.items()}


def signed_case(name: str, number: int, fields: dict, seed: bytes = SEED,
                application: bytes = b"") -> dict:
    kind = fields["type"]
    data = canonical.encode(fields)
    objects.decode_payload(kind, data)
    case = build.signed(number, f"{kind}@aisr", data, seed, application)
    return {"name": name, "fields": shown(fields)} | plain(case)


def blobs() -> list:
    contents = [b"", b"a", b"hello, world\n", some("blob", 1024), some("blob", 1025)]
    return [{"bytes": c.hex(), "id": id_of(BLOB, c).hex()} for c in contents]


def recipes() -> list:
    chunks = [(some(f"chunk {i}", 100 + i)) for i in range(3)]
    leaf = [[len(c), blob_id(c)] for c in chunks]
    large = [[8 << 20, some("large chunk")], [1, some("small chunk")]]
    cases = []
    for name, builds, level, parts in [
        ("one part", None, 0, leaf[:1]),
        ("three chunks, a root", blob_id(b"".join(chunks)), 0, leaf),
        ("the largest chunk", None, 0, large),
        ("inner", None, 2, [[1 << 40, some("recipe 1")], [300, some("recipe 2")]]),
    ]:
        total = sum(length for length, _ in parts)
        named = {"b": builds} if builds else {}
        data = canonical.encode(named | {"l": level, "n": total, "p": parts})
        objects.decode_recipe(data)
        cases.append({"name": name, "level": level, "total": total, "parts": plain(parts),
                      "builds": plain(builds), "encoded": data.hex(), "id": id_of(RECIPE, data).hex()})
    return cases


def tree_entries() -> list:
    folder, _ = build.build_map("tree", [])
    target = b"../elsewhere"
    return [
        (b".hidden", build.tree_value(maps.FILE, blob_id(b""), 0)),
        (b"\xff\xfe", build.tree_value(maps.FILE, blob_id(b"not UTF-8"), 9)),
        (b"empty folder", build.tree_value(maps.DIRECTORY, folder, 0)),
        (b"large", build.tree_value(maps.FILE, some("large"), 1 << 40)),
        (b"link", build.tree_value(maps.SYMLINK, blob_id(target), len(target))),
        (b"run.sh", build.tree_value(maps.EXECUTABLE, blob_id(b"#!/bin/sh\n"), 10)),
    ]


def counted(number: int, repeat: int) -> list:
    """Entries by rule: key = the number in 4 bytes, big endian; value = its hash, repeated."""
    keys = [n.to_bytes(4, "big") for n in range(number)]
    return [(key, build.map_value(blob_id(key) * repeat)) for key in keys]


def listed_maps() -> list:
    table = [(tuples.encode([("text", "row"), ("integer", n)]), build.map_value(some(f"{n}", 30)))
             for n in range(60)]
    values = [
        (b"", build.map_value(b"")),
        (b"inline at most", build.map_value(some("inline", 1019))),
        (b"outside at least", build.map_value(some("outside", 1020))),
        (b"x" * 4096, build.map_value(b"the longest key")),
    ]
    files, _ = build.build_map("tree", sorted(tree_entries()))
    cases = []
    for name, schema, entries in [
        ("an empty directory", "tree", []),
        ("every kind of tree entry", "tree", sorted(tree_entries())),
        ("the root map of a commit", "root", [(b"files", [0, files])]),
        ("values in the node and outside", "table", values),
        ("some rows", "table", table),
    ]:
        root, nodes = build.build_map(schema, entries)
        top = maps.decode_node(nodes[-1][1])
        cases.append({
            "name": name, "schema": schema, "entries": plain(entries), "root": root.hex(),
            "count": top.count, "bytes": top.bytes, "level": top.level,
            "nodes": [{"id": oid.hex(), "encoded": data.hex()} for oid, data in nodes],
        })
    return cases


def counted_maps() -> list:
    cases = []
    for schema, number, repeat in [("table", 1, 1), ("table", 500, 1), ("components", 3000, 2),
                                   ("edges", 300, 40), ("external", 20_000, 3)]:
        root, nodes = build.build_map(schema, counted(number, repeat))
        top = maps.decode_node(nodes[-1][1])
        cases.append({
            "schema": schema, "entries": number, "repeat": repeat, "root": root.hex(),
            "count": top.count, "bytes": top.bytes, "level": top.level, "nodes": len(nodes),
            "nodes_hash": blob_id(b"".join(sorted(oid for oid, _ in nodes))).hex(),
        })
    return cases


def splitters() -> dict:
    cases = []
    for name, level, sizes in [
        ("small entries of a leaf", 0, [40 + n % 50 for n in range(600)]),
        ("long entries of a leaf", 0, [900 + 7 * n % 4000 for n in range(80)]),
        ("inner entries", 1, [60] * 600),
        ("inner entries with long keys", 3, [4000 + n for n in range(40)]),
        ("the top level", 15, [100] * 300),
        *[(f"level {level}", level, [900] * 40) for level in range(16)],
        ("long entries one behind the other", 0, [500, 5_000] + [20] * 200 + [5_124] * 11),
        ("the most that does not end a node", 1, [20_000, 20_000, 20_347, 1] * 12),
        ("one byte more", 1, [20_000, 20_000, 20_348, 1] * 12),
    ]:
        entries = [(some(f"{name} {n}", 4 + n % 13), size) for n, size in enumerate(sizes)]
        splitter, ends = maps.Splitter(level), []
        for index, (key, size) in enumerate(entries):
            if splitter.push(key, size):
                ends.append(index)
                splitter.restart()
        cases.append({"name": name, "level": level, "entries": plain(entries), "ends": ends})
    return {"rate": maps.RATE, "keys": plain(maps.KEYS), "cases": cases}


def trust_root_1() -> dict:
    return payload(
        "trust-root", version=1,
        principals=[{"id": FIRST, "names": ["Ada"], "kind": "person", "keys": [KEY]}],
        roles=[{"name": "root", "holders": [FIRST], "threshold": 1}])


def genesis_fields() -> dict:
    identity = b"aisr-format 0\nobject-hash blake3\nsplitter 1\n"
    return payload("genesis", nonce=some("nonce"), format=objects.format_id(identity),
                   trust_root=canonical.encode(trust_root_1()))


def repository() -> bytes:
    return bytes.fromhex(signed_case("", GENESIS, genesis_fields())["id"])


def geneses() -> list:
    case = signed_case("the genesis", GENESIS, genesis_fields())
    inner = bytes.fromhex(case["fields"]["trust-root"])
    more = genesis_fields() | {"ext": {"a-later-field": b"\1\2", "b": b""}}
    return [case | {"trust_root_fields": shown(trust_root_1()),
                    "trust_root_id": objects.embedded_root_id(inner).hex()},
            signed_case("with extensions", GENESIS, more)
            | {"trust_root_fields": shown(trust_root_1()),
               "trust_root_id": objects.embedded_root_id(inner).hex()}]


def trust_roots() -> list:
    previous = objects.embedded_root_id(canonical.encode(trust_root_1()))
    keys = sorted([KEY, OTHER_KEY])
    full = payload(
        "trust-root", version=2, repo=repository(), previous=previous,
        principals=[
            {"id": FIRST, "names": ["Ada", "ada@example.org"], "kind": "person", "keys": keys},
            {"id": SECOND, "kind": "agent", "controller": FIRST},
        ],
        roles=[{"name": "push", "holders": [FIRST, SECOND], "threshold": 2},
               {"name": "root", "holders": [FIRST], "threshold": 1}],
        expires=STAMP, ext={"later": b"x"})
    least = payload("trust-root", version=3, repo=repository(), previous=some("root 2"))
    touched = payload(
        "trust-root", version=2, repo=repository(), previous=previous,
        principals=[{"id": FIRST, "names": ["Ada"], "kind": "person",
                     "keys": sorted([KEY, OTHER_KEY + b"ssh:", OTHER_KEY + b"ssh:work"])}],
        roles=[{"name": "root", "holders": [FIRST], "threshold": 1}],
        heads=sorted([some("head 1"), some("head 2")]))
    return [signed_case("two principals", TRUST_ROOT, full),
            signed_case("nobody", TRUST_ROOT, least),
            signed_case("security keys, and heads", TRUST_ROOT, touched)]


def commits() -> list:
    least = payload("commit", repo=repository(), root=some("root"), committer={"key": KEY},
                    authored=STAMP, committed=STAMP, cause={"kind": "manual"})
    full = payload(
        "commit", repo=repository(), root=some("root"),
        parents=[some("parent 1"), some("parent 2")],
        committer={"key": KEY, "principal": FIRST}, author="Grace Höpper <grace@example.org>",
        acting_for=[some("delegation"), "the night shift"], authored=WEST, committed=STAMP,
        cause={"kind": "cherry-pick", "ids": [some("picked")], "algorithm": 3},
        sessions=[{"kind": "trace", "id": b"\0\1"}, {"kind": "conversation", "id": b""}],
        report={"window": [1_795_478_400_000_000, 1_795_478_401_000_000],
                "level": "best-effort", "ignored": 12, "skipped": 2,
                "skipped-paths": [[b"a/\xff", "not readable"], [b"b", ""]],
                "moved": [b"memory/store.sqlite"]},
        origins=some("origins"), observed=[some("observed")],
        message="First line.\n\nMore of it: ∀x.\n", ext={"note": b"", "zz": b"\xff"})
    calm = least | {"report": {"window": [-5, 5], "level": "snapshot"}, "message": "m"}
    return [signed_case("the least", COMMIT, least), signed_case("every field", COMMIT, full),
            signed_case("a calm report", COMMIT, calm),
            signed_case("by a security key", COMMIT,
                        least | {"committer": {"key": KEY + b"ssh:work", "principal": FIRST}},
                        SEED, b"ssh:work")]


def tags() -> list:
    least = payload("tag", repo=repository(), target=some("commit"), target_type=3,
                    name=b"v1", tagger={"key": KEY}, time=STAMP)
    full = least | {"target-type": 0, "name": b"eval/\xc3\xa9", "message": "It passed.",
                    "tagger": {"key": KEY, "principal": FIRST}, "ext": {"x": b"y"}}
    return [signed_case("the least", TAG, least), signed_case("every field", TAG, full)]


def log_entries() -> list:
    root = objects.embedded_root_id(canonical.encode(trust_root_1()))
    common = {"repo": repository(), "log": some("log", 16), "trust_root": root, "time": STAMP}
    head = {"name": b"HEAD", "new": [b"refs/heads/main"], "kind": "create"}
    opened = payload("log-entry", sequence=0, signer={"key": KEY}, cause={"kind": "open"},
                     changes=[head], replica=KEY, **common)
    first = signed_case("open", LOG_ENTRY, opened)
    moved = payload(
        "log-entry", sequence=1, previous=bytes.fromhex(first["id"]), signer={"key": KEY},
        cause={"kind": "revert", "ids": [some("reverted")]},
        changes=[
            {"name": b"HEAD", "old": [b"refs/heads/main"], "new": some("c 1"), "kind": "force"},
            {"name": b"refs/heads/gone", "old": some("c 2"), "kind": "delete"},
            {"name": b"refs/heads/main", "old": some("c 3"), "new": some("c 4"),
             "kind": "forward"},
            {"name": b"refs/tags/v1", "new": some("tag"), "kind": "create"},
        ], **common)
    full = payload(
        "log-entry", sequence=(1 << 64) - 1, previous=some("previous"),
        signer={"key": OTHER_KEY, "principal": SECOND}, cause={"kind": "push"},
        acting_for=["Ada"], approvals=[some("approval")], payload=[some("payload")],
        ext={"later": b""}, **common)
    return [first, signed_case("moves", LOG_ENTRY, moved),
            signed_case("of a shared place", LOG_ENTRY, full, OTHER_SEED)]


def tuple_elements() -> list:
    numbers = [0, 1, 255, 256, 65_535, 2**32, 2**63 - 1, 2**63, 2**64 - 1,
               -1, -255, -256, -65_536, -2**63]
    doubles = ["0000000000000000", "8000000000000000", "3ff0000000000000", "bff0000000000000",
               "7ff0000000000000", "fff8000000000001"]
    cases = [[]] + [[("integer", n)] for n in numbers]
    cases += [[("double", bytes.fromhex(d))] for d in doubles]
    cases += [
        [("null", None)], [("bool", False), ("bool", True)],
        [("bytes", b"\0\xff\0")], [("text", "a\0b"), ("text", "∀")],
        [("nested", [("null", None), ("bytes", b""), ("nested", [])]), ("null", None)],
        [("text", "agent:writer"), ("text", "uses"), ("text", "tool:search")],
    ]
    return cases


def tuple_cases() -> list:
    def element(one):
        kind, value = one
        if kind == "nested":
            value = [element(inner) for inner in value]
        return {kind: str(value) if kind == "integer" else plain(value)}
    return [{"elements": [element(one) for one in case], "encoded": tuples.encode(case).hex()}
            for case in tuple_elements()]


def graph_case(kind: str, name: str, key: bytes, fields) -> dict:
    data = canonical.encode(fields)
    GRAPH_DECODERS[kind](key, data)
    return {"name": name, "key": key.hex(), "encoded": data.hex()}


GRAPH_DECODERS = {"component": graph.decode_component, "edge": graph.decode_edge,
                  "external": graph.decode_external}


def attributes_shown(attributes: dict) -> dict:
    return {name: {"text": one} if isinstance(one, str) else {"bytes": one.hex()}
            for name, one in attributes.items()}


def components() -> list:
    at = {"at": "/mcpServers/search", "source": some("source", 32)}
    cases = []
    for name, key, fields in [
        ("the least", "system:billing", {}),
        ("a file", "prompt:triage",
         {"content": blob_id(b"Sort each request."), "origin": [[0, b"prompts/triage.md"]]}),
        ("every kind of origin, renamed", "data:faq-2",
         {"content": some("tree"), "was": "data:faq",
          "origin": [[0, b"data/faq.csv"], [0, b"data/\xff.csv"], [1, b"\x02data:faq-2\0"]]}),
        ("attributes", "tool:search",
         {"content": some("file"), "origin": [[0, b".mcp.json"]], "attributes": at}),
    ]:
        said = attributes_shown(fields.get("attributes", {}))
        cases.append(graph_case("component", name, key.encode(), fields)
                     | {"component": key, "fields": plain(fields) | {"attributes": said}})
    return cases


def edges() -> list:
    cases = []
    for name, ends, fields in [
        ("declared, nothing else said", ("agent:desk", "runs", "model:base"), {"declared": {}}),
        ("declared and discovered", ("agent:desk", "remembers-in", "memory:crm"),
         {"declared": {"mode": "rw"}, "discovered": {}}),
        ("discovered", ("memory:crm", "derived-from", "data:faq"),
         {"discovered": {"at": some("source")}}),
        ("a relation of somebody else", ("agent:a", "x-watches", "agent:a"), {"declared": {}}),
    ]:
        key = tuples.encode([("text", one) for one in ends])
        shown_fields = {provenance: attributes_shown(one) for provenance, one in fields.items()}
        cases.append(graph_case("edge", name, key, fields)
                     | {"ends": list(ends), "fields": shown_fields})
    return cases


def externals() -> list:
    cases = []
    for name, component, part, fields in [
        ("content", "tool:crm", [], [graph.CONTENT, blob_id(b"{}"), 2]),
        ("a table", "memory:crm", ["public", "tickets"], [graph.TABLE, some("table"), 1 << 40]),
    ]:
        key = tuples.encode([("text", one) for one in [component, *part]])
        cases.append(graph_case("external", name, key, fields)
                     | {"component": component, "part": part, "fields": plain(fields)})
    return cases


def openssh_key(seed: bytes) -> str:
    """The secret key of a seed as `ssh-keygen` writes it, without passphrase."""
    import base64
    string, public = sshsig.string, sshsig.public_key(seed)
    secret = bytes(8) + sshsig.named(public) + string(seed + public) + string(b"")
    secret += bytes(range(1, 1 + -len(secret) % 8))
    data = (b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"")
            + (1).to_bytes(4, "big") + string(sshsig.named(public)) + string(secret))
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 70] for i in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines,
                      "-----END OPENSSH PRIVATE KEY-----", ""])


def signatures() -> dict:
    names = ["genesis", "commit", "tag", "trust-root", "log-entry", "attestation", "delegation"]
    cases = [{"namespace": f"{name}@aisr", "payload": data.hex(),
              "signature": sshsig.sign(SEED, f"{name}@aisr", data).hex()}
             for name in names for data in (b"", b"this was the system at this time")]
    return {"key": KEY.hex(), "secret_key": openssh_key(SEED), "cases": cases}


def checksums() -> list:
    names = ["pack footer", "format identity", "format file", "refs file", "record header",
             "pack trailer", "log frame", "verified recipe", "splitter", "attestation",
             "delegation"]
    return [{"context": f"aisr 2026-11-24 {name} v1", "input": b"abc".hex(),
             "hash": derive(name, b"abc").hex()} for name in names]


def all_vectors() -> dict:
    return {
        "blob": blobs(),
        "recipe": recipes(),
        "map": listed_maps(),
        "map-by-rule": counted_maps(),
        "splitter": splitters(),
        "genesis": geneses(),
        "trust-root": trust_roots(),
        "commit": commits(),
        "tag": tags(),
        "log-entry": log_entries(),
        "tuple": tuple_cases(),
        "component": components(),
        "edge": edges(),
        "external": externals(),
        "signature": signatures(),
        "checksum": checksums(),
        "refused": plain(refusals.cases()),
    }


def text_of(value) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    os.makedirs(FOLDER, exist_ok=True)
    for name, value in all_vectors().items():
        with open(os.path.join(FOLDER, f"{name}.json"), "w", encoding="ascii") as file:
            file.write(text_of(value))


if __name__ == "__main__":
    main()
