"""Writes what the reader reads: maps, recipes and signed objects, for the vectors."""

import canonical
import maps
import sshsig
from ids import NODE, blob_id, id_of


def map_value(content: bytes) -> list:
    """The value that content is: in the node, or as a blob."""
    value = [0, content]
    if maps.value_length(value) <= maps.INLINE_LIMIT:
        return value
    return [1, blob_id(content), len(content)]


def node_bytes(schema: str, level: int, entries: list, count: int, total: int) -> bytes:
    return canonical.encode({"c": count, "e": entries, "l": level, "s": schema, "z": total})


def weight(schema: str, value: list) -> int:
    """What an entry adds to the subtree bytes."""
    if schema == "tree":
        return maps.decode_tree_entry(value[1])[2]
    return maps.value_length(value)


def cut(level: int, entries: list) -> list:
    """The entries of a level as the lists that its nodes hold. Each is (entry, count, bytes)."""
    splitter, nodes, now = maps.Splitter(level), [], []
    for item in entries:
        length = maps.entry_length(item[0])
        now.append(item)
        if splitter.push(item[0][0], length):
            nodes.append(now)
            now = []
            splitter.restart()
    return nodes + [now] if now else nodes


def build_map(schema: str, entries: list) -> tuple[bytes, list]:
    """The root of the map of ascending (key, value), and its nodes as (id, bytes), leaves first."""
    level, found = 0, []
    items = [([key, value], 1, weight(schema, value)) for key, value in entries]
    while True:
        parents = []
        for node in cut(level, items) or [[]]:
            count, total = sum(n[1] for n in node), sum(n[2] for n in node)
            data = node_bytes(schema, level, [n[0] for n in node], count, total)
            oid = id_of(NODE, data)
            found.append((oid, data))
            parents.append(([node[-1][0][0] if node else b"", oid], count, total))
        if len(parents) == 1:
            return parents[0][0][1], found
        level, items = level + 1, parents


def tree_value(kind: int, oid: bytes, size: int) -> list:
    return [0, canonical.encode([kind, oid, size])]


def signed(kind: int, namespace: str, payload: bytes, seed: bytes,
           application: bytes = b"") -> dict:
    """A signed object: payload, signature, whole and id."""
    signature = sshsig.sign(seed, namespace, payload, application)
    data = canonical.encode([payload, signature])
    return {"payload": payload, "signature": signature, "object": data, "id": id_of(kind, data)}
