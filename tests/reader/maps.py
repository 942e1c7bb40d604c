"""Map nodes, where they end, and tree entries (docs/format.md, "Map nodes" to "Tree entries")."""

from dataclasses import dataclass

from blake3 import blake3

import canonical
from ids import Refused, splitter_key
from names import check_name

SCHEMAS = ("root", "tree", "system", "components", "edges", "external", "table")
LEVELS = 16
NODE_LIMIT = 64 << 10
KEY_LIMIT = 4096
INLINE_LIMIT = 1024
# A node that holds more than this ends: the longest entry would no longer fit behind it.
FULL_ENTRY_BYTES = NODE_LIMIT - 64 - (1 + 3 + KEY_LIMIT + INLINE_LIMIT)
MIN_ENTRY_BYTES = 512
MIN_CHILDREN = 4

RATE = [(4 * (1024 * k + 512) ** 3 << 32) // 9038**4 for k in range(64)]
KEYS = [splitter_key(level) for level in range(LEVELS)]

FILE, EXECUTABLE, SYMLINK, DIRECTORY = range(4)


class Splitter:
    """Says where the nodes of one level end, entry by entry."""

    def __init__(self, level: int):
        self.key = KEYS[level]
        self.least = MIN_CHILDREN if level else 1
        self.size = self.count = 0

    def restart(self) -> None:
        self.size = self.count = 0

    def push(self, key: bytes, length: int) -> bool:
        """Adds an entry and says whether the node ends after it."""
        self.size += length
        self.count += 1
        if self.size < MIN_ENTRY_BYTES or self.count < self.least:
            return False
        if self.size > FULL_ENTRY_BYTES:
            return True
        drawn = int.from_bytes(blake3(key, key=self.key).digest(4), "little")
        return drawn < RATE[min(self.size >> 10, 63)] * length


@dataclass
class Node:
    """A decoded node."""

    schema: str
    level: int
    count: int
    bytes: int
    entries: list
    lengths: list


def entry_length(entry: list) -> int:
    """The length of an encoded entry."""
    key, value = entry
    length = 1 + canonical.head_len(len(key)) + len(key)
    return length + (34 if type(value) is bytes else value_length(value))


def value_length(value: list) -> int:
    """The length of an encoded value."""
    if value[0] == 0:
        return 2 + canonical.head_len(len(value[1])) + len(value[1])
    return 36 + canonical.head_len(value[2])


def check_value(value) -> None:
    if type(value) is list and len(value) == 2 and value[0] == 0 and type(value[1]) is bytes:
        if value_length(value) > INLINE_LIMIT:
            raise Refused("a long value kept in its node")
    elif (type(value) is list and len(value) == 3 and value[0] == 1
          and type(value[1]) is bytes and len(value[1]) == 32
          and type(value[2]) is int and value[2] >= 0):
        if 2 + canonical.head_len(value[2]) + value[2] <= INLINE_LIMIT:
            raise Refused("a short value that is a blob")
    else:
        raise Refused("not a value")


def decode_tree_entry(data: bytes) -> tuple[int, bytes, int]:
    """Kind, id and size of what a name stands for."""
    value = canonical.decode(data)
    if (type(value) is not list or len(value) != 3 or type(value[0]) is not int
            or type(value[1]) is not bytes or len(value[1]) != 32 or type(value[2]) is not int
            or value[2] < 0 or not 0 <= value[0] <= 3):
        raise Refused("not a tree entry")
    if value[0] == SYMLINK and not 1 <= value[2] <= 4095:
        raise Refused("a symbolic link of no valid length")
    return tuple(value)


def decode_node(data: bytes) -> Node:
    """Reads a node and checks all that it alone can break."""
    if len(data) > NODE_LIMIT:
        raise Refused("over 64 KiB")
    value = canonical.decode(data)
    if type(value) is not dict or set(value) != {"c", "e", "l", "s", "z"}:
        raise Refused("not the five fields of a map node")
    numbers = (value["c"], value["l"], value["z"])
    if any(type(n) is not int or n < 0 for n in numbers) or type(value["e"]) is not list:
        raise Refused("a field of the wrong type")
    if value["s"] not in SCHEMAS or value["l"] >= LEVELS:
        raise Refused("a schema or level that is not known")
    level, entries = value["l"], value["e"]
    for entry in entries:
        if type(entry) is not list or len(entry) != 2 or type(entry[0]) is not bytes:
            raise Refused("not an entry")
        if len(entry[0]) > KEY_LIMIT:
            raise Refused("a key over 4,096 bytes")
        if level == 0:
            check_value(entry[1])
        elif type(entry[1]) is not bytes or len(entry[1]) != 32:
            raise Refused("not an inner entry")
    if any(a[0] >= b[0] for a, b in zip(entries, entries[1:])):
        raise Refused("keys are not ascending")
    if level and not entries:
        raise Refused("an inner node without children")
    node = Node(value["s"], level, value["c"], value["z"], entries,
                [entry_length(e) for e in entries])
    if level == 0:
        check_leaf(node)
    return node


def check_leaf(node: Node) -> None:
    if node.count != len(node.entries):
        raise Refused("c is not the number of entries")
    total = 0
    for key, value in node.entries:
        if node.schema == "tree":
            check_name(key)
            if value[0] != 0:
                raise Refused("a tree entry that is a blob")
            total += decode_tree_entry(value[1])[2]
        else:
            total += value_length(value)
    if total != node.bytes:
        raise Refused("z is not the sum of the entries")


class MapCheck:
    """Walks a whole map and checks its shape: levels, keys, counts, sums, boundaries.

    `load` gives the decoded node of an id. Leaf entries go to `visit`.
    """

    def __init__(self, load, visit):
        self.load = load
        self.visit = visit
        self.splitters = {}
        self.open = {}
        self.nodes = 0

    def run(self, root: bytes, schema: str) -> Node:
        node = self.load(root)
        if node.schema != schema:
            raise Refused(f"a map of schema {node.schema}, not {schema}")
        if node.level and len(node.entries) < 2:
            raise Refused("a root with a single child")
        self.walk(node, None)
        return node

    def walk(self, node: Node, before: bytes | None) -> None:
        self.nodes += 1
        self.check_boundary(node)
        if node.level == 0:
            for key, value in node.entries:
                self.visit(key, value)
            return
        count = total = 0
        for last, child_id in node.entries:
            child = self.load(child_id)
            if child.schema != node.schema or child.level + 1 != node.level:
                raise Refused("a child of another schema or level")
            if not child.entries or child.entries[-1][0] != last:
                raise Refused("a child with another last key")
            if before is not None and child.entries[0][0] <= before:
                raise Refused("a child with keys of the node before")
            self.walk(child, before)
            count += child.count
            total += child.bytes
            before = last
        if (count, total) != (node.count, node.bytes):
            raise Refused("c or z is not the sum over the children")

    def check_boundary(self, node: Node) -> None:
        """Whether the node before ended where it had to, and this one ends nowhere early."""
        level = node.level
        splitter = self.splitters.setdefault(level, Splitter(level))
        if self.open.get(level) is False:
            raise Refused("a node ends where the splitter does not end it")
        splitter.restart()
        last = len(node.entries) - 1
        ended = False
        for index, (entry, length) in enumerate(zip(node.entries, node.lengths)):
            ended = splitter.push(entry[0], length)
            if ended and index < last:
                raise Refused("a node goes on where the splitter ends it")
        self.open[level] = ended
