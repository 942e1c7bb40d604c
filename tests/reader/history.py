"""From every commit to every byte of every blob, and what every signature is worth."""

from dataclasses import dataclass

from blake3 import blake3

import build
import graph
import maps
import objects
import sshsig
from ids import (ATTESTATION, BLOB, COMMIT, DELEGATION, GENESIS, LOG_ENTRY, NODE, RECIPE, Refused,
                 TAG, TRUST_ROOT, TYPE_NAMES)

SIGNED = {
    COMMIT: ("commit", "commit@aisr", "committer"),
    TAG: ("tag", "tag@aisr", "tagger"),
    GENESIS: ("genesis", "genesis@aisr", None),
    TRUST_ROOT: ("trust-root", "trust-root@aisr", None),
    LOG_ENTRY: ("log-entry", "log-entry@aisr", "signer"),
}


class Parts(list):
    """Collects what a hasher would take."""

    update = list.append


@dataclass
class Tree:
    """What is known of a directory that was checked."""

    bytes: int
    depth: int
    longest: int


class History:
    """Everything that the packs hold, decoded and checked."""

    def __init__(self, store, problems: list):
        self.store = store
        self.problems = problems
        self.payloads = {}
        self.keys = {}
        self.nodes = {}
        self.sizes = {}
        self.maps = {}
        self.roots = {}
        self.trees = {}
        self.folders = {}
        self.components = {}
        self.edges = {}
        self.outside = {}

    def report(self, what: str, oid: bytes, error) -> None:
        self.problems.append(f"{what} {oid.hex()}: {error}")

    def decode_all(self) -> None:
        """Decodes every object that is not a blob, and checks every signature."""
        for oid, data in self.store.structured.items():
            kind = self.store.objects[oid][0]
            try:
                if kind == NODE:
                    self.nodes[oid] = maps.decode_node(data)
                elif kind == RECIPE:
                    node = objects.decode_recipe(data)
                    named = {b for b, roots in self.store.recipes.items() if oid in roots}
                    if named != ({node["b"]} if "b" in node else set()):
                        raise Refused("b is not the blob of its row")
                elif kind in SIGNED:
                    self.decode_signed(oid, kind, data)
                elif kind in (ATTESTATION, DELEGATION):
                    raise Refused("the fields of this type are not known")
            except Refused as error:
                self.report(TYPE_NAMES[kind], oid, error)

    def decode_signed(self, oid: bytes, kind: int, data: bytes) -> None:
        name, namespace, signer = SIGNED[kind]
        payload, signature = objects.split_signed(data)
        value = objects.decode_payload(name, payload)
        key = sshsig.verify(namespace, payload, signature)
        if signer and value[signer]["key"] != key:
            raise Refused("signed by another key than it names")
        self.payloads[oid], self.keys[oid] = value, key

    def check_trust(self, repo: bytes, format_id: bytes) -> None:
        """The genesis of the repository, its trust root, and who signed commits and tags."""
        self.store.find(repo, GENESIS)
        for oid, genesis in self.of_type(GENESIS):
            root = objects.decode_payload("trust-root", genesis["trust-root"])
            if root["version"] != 1:
                raise Refused("the embedded trust root is not version 1")
            if not self.holder(root, self.keys[oid]):
                raise Refused("the genesis is signed by a key that its trust root does not name")
            self.roots[oid] = {objects.embedded_root_id(genesis["trust-root"]): root}
        if repo not in self.roots:
            raise Refused("the genesis is not sound")
        if self.payloads[repo]["format"] != format_id:
            raise Refused("the genesis was made for another format")
        for oid, root in sorted(self.of_type(TRUST_ROOT), key=lambda one: one[1]["version"]):
            try:
                self.check_link(oid, root)
                self.roots[root["repo"]][oid] = root
            except Refused as error:
                self.report("trust root", oid, error)
        for kind in (COMMIT, TAG):
            for oid, value in self.of_type(kind):
                try:
                    self.check_actor(value["repo"], value[SIGNED[kind][2]])
                except Refused as error:
                    self.report(TYPE_NAMES[kind], oid, error)

    def check_link(self, oid: bytes, root: dict) -> None:
        """Whether a trust root follows from the one before it."""
        roots = self.roots.get(root["repo"], {})
        before = roots.get(root["previous"])
        if before is None or root["version"] != before["version"] + 1:
            raise Refused("the trust root before it is not sound, or not the one before")
        signer = self.holder(before, self.keys[oid])
        role = [r for r in before.get("roles", []) if r["name"] == "root"]
        if signer is None or not role or signer not in role[0]["holders"]:
            raise Refused("signed by one who may not")
        if role[0]["threshold"] != 1:
            raise Refused("more must agree than sign")
        owners, at = {}, root["previous"]
        while at is not None:
            for principal in roots[at].get("principals", []):
                for key in principal.get("keys", []):
                    owners.setdefault(key, principal["id"])
            at = roots[at].get("previous")
        for principal in root.get("principals", []):
            for key in principal.get("keys", []):
                if owners.get(key, principal["id"]) != principal["id"]:
                    raise Refused("a key goes to another principal")
                if key in owners and self.holder(before, key) is None:
                    raise Refused("a retired key comes back")

    def of_type(self, kind: int):
        return [(o, v) for o, v in self.payloads.items() if self.store.objects[o][0] == kind]

    @staticmethod
    def holder(root: dict, key: bytes):
        """The principal that a key belongs to."""
        found = [p["id"] for p in root.get("principals", []) if key in p.get("keys", [])]
        return found[0] if found else None

    def check_actor(self, repo: bytes, actor: dict) -> None:
        """Whether the key is the principal's, by some trust root of the repository."""
        roots = self.roots.get(repo)
        if roots is None:
            return  # of another repository, whose genesis is not here
        holders = {self.holder(root, actor["key"]) for root in roots.values()}
        # A key that is retired, or not known yet, has nobody in the root by which it signed.
        if actor.get("principal") not in holders:
            raise Refused("the key does not belong to the principal that it names")

    def load(self, oid: bytes) -> maps.Node:
        self.store.find(oid, NODE)
        if oid not in self.nodes:
            raise Refused(f"map node {oid.hex()} is not sound")
        return self.nodes[oid]

    def check_recipes(self) -> None:
        """Hashes every blob that a recipe claims to build through that recipe."""
        for blob, roots in self.store.recipes.items():
            for root in sorted(roots):
                try:
                    hasher = blake3(max_threads=blake3.AUTO)
                    size = self.build(root, hasher)
                    if hasher.digest() != blob:
                        raise Refused(f"builds {hasher.hexdigest()}, not {blob.hex()}")
                    self.sizes[blob] = size
                except Refused as error:
                    self.report("recipe", root, error)

    def build(self, oid: bytes, hasher, parent=None) -> int:
        node = objects.decode_recipe(self.store.read(oid, RECIPE))
        if parent is not None and ((node["l"] + 1, node["n"]) != parent or "b" in node):
            raise Refused("a recipe node does not fit the node above it")
        for length, part in node["p"]:
            if node["l"]:
                self.build(part, hasher, (node["l"], length))
                continue
            if self.store.find(part, BLOB)[3] != length:
                raise Refused(f"chunk {part.hex()} has another length")
            hasher.update(self.store.read(part, BLOB))
        return node["n"]

    def blob_size(self, oid: bytes) -> int:
        found = self.store.objects.get(oid)
        if found is not None and found[0] == BLOB:
            return found[3]
        if oid not in self.sizes:
            raise Refused(f"blob {oid.hex()} is missing")
        return self.sizes[oid]

    def check_blob(self, oid: bytes, size: int) -> None:
        if self.blob_size(oid) != size:
            raise Refused(f"blob {oid.hex()} has not the {size} bytes that are stated")

    def check_map(self, root: bytes, schema: str, visit) -> maps.Node:
        """Checks a map once, whoever names it."""
        known = self.maps.get((root, schema))
        if known is None:
            known = maps.MapCheck(self.load, visit).run(root, schema)
            self.maps[root, schema] = known
        return known

    def check_plain(self, root: bytes, schema: str) -> maps.Node:
        """A map whose values mean nothing to this reader, but for the blobs among them."""
        def visit(_, value):
            if value[0] == 1:
                self.check_blob(value[1], value[2])
        return self.check_map(root, schema, visit)

    def value_of(self, value: list) -> bytes:
        """What a value of the graph's maps holds, wherever it lies."""
        if value[0] == 0:
            return value[1]
        _, oid, size = value
        self.check_blob(oid, size)
        if size > graph.LIMIT:
            raise Refused("over 16 MiB")
        if oid not in self.sizes:
            return self.store.read(oid, BLOB)
        parts = Parts()
        self.build(min(self.store.recipes[oid]), parts)
        return b"".join(parts)

    def check_components(self, root: bytes) -> maps.Node:
        def visit(key, value):
            found[key] = graph.decode_component(key, self.value_of(value))
        found = self.components.setdefault(root, {})
        return self.check_map(root, "components", visit)

    def check_edges(self, root: bytes) -> maps.Node:
        def visit(key, value):
            graph.decode_edge(key, self.value_of(value))
            found.append(key)
        found = self.edges.setdefault(root, [])
        return self.check_map(root, "edges", visit)

    def check_external(self, root: bytes) -> maps.Node:
        outside = self.outside.setdefault(root, {})

        def visit(key, value):
            kind, oid, size = graph.decode_external(key, self.value_of(value))
            outside[key] = oid
            if kind == graph.CONTENT:
                self.check_blob(oid, size)
            elif self.check_plain(oid, "table").bytes != size:
                raise Refused("a table's size is not that of its map")
        return self.check_map(root, "external", visit)

    def check_tree(self, root: bytes) -> Tree:
        """Checks a directory and all below it, once, whoever names it."""
        if root in self.trees:
            return self.trees[root]
        below, longest = [], 0
        names = self.folders.setdefault(root, {})

        def visit(name, value):
            nonlocal longest
            kind, oid, size = maps.decode_tree_entry(value[1])
            names[name] = (kind, oid, value)
            longest = max(longest, len(name))
            if kind == maps.DIRECTORY:
                below.append((name, oid, size))
            else:
                try:
                    self.check_blob(oid, size)
                except Refused as error:
                    raise Refused(f"{name!r}: {error}") from None
        node = self.check_map(root, "tree", visit)
        depth = 1 if node.count else 0
        for name, oid, size in below:
            try:
                tree = self.check_tree(oid)
                if tree.bytes != size:
                    raise Refused("a folder's size is not that of its map")
            except Refused as error:
                raise Refused(f"{name!r}: {error}") from None
            depth = max(depth, 1 + tree.depth)
            if tree.depth:
                longest = max(longest, len(name) + 1 + tree.longest)
        self.trees[root] = Tree(node.bytes, depth, longest)
        return self.trees[root]

    def check_files(self, root: bytes) -> None:
        tree = self.check_tree(root)
        if tree.depth > 512 or tree.longest > 4096:
            raise Refused("a path over 512 names or 4,096 bytes")

    def check_named_maps(self, root: bytes, schema: str, known: dict) -> dict:
        """A map from a few fixed names to maps."""
        found = {}

        def visit(name, value):
            if name not in known or value[0] != 0 or len(value[1]) != 32:
                raise Refused(f"{name!r} is no key of a {schema} map")
            found[name] = value[1]
        maps.MapCheck(self.load, visit).run(root, schema)
        for name, oid in found.items():
            known[name](oid)
        return found

    def files_of(self, commit: dict) -> bytes:
        """Checks the root map of a commit and gives the root of its tree."""
        found = self.check_named_maps(commit["root"], "root", {
            b"files": self.check_files,
            b"external": self.check_external,
            b"system": lambda oid: self.check_named_maps(oid, "system", {
                b"components": self.check_components,
                b"edges": self.check_edges,
            }),
        })
        if b"files" not in found:
            raise Refused("the root map has no files")
        if b"system" in found:
            self.check_system(found[b"system"], found[b"files"], found.get(b"external"))
        return found[b"files"]

    def check_system(self, system: bytes, files: bytes, external: bytes | None) -> None:
        """Whether the files bear out what the system says."""
        known = {b"components": lambda oid: None, b"edges": lambda oid: None}
        named = self.check_named_maps(system, "system", known)
        components = self.components.get(named.get(b"components"), {})
        outside = self.outside.get(external, {})
        for key, component in components.items():
            origins = component.get("origin", [])
            if origins and self.content_of(key, origins, files, outside) != component["content"]:
                raise Refused(f"{key.decode()} is not what its origins hold")
        for key in self.edges.get(named.get(b"edges"), []):
            ends = graph.ends_of(key)
            if any(end not in components for end in ends):
                raise Refused(f"an edge from {ends[0]!r} to {ends[1]!r} without one of them")

    def content_of(self, key: bytes, origins: list, files: bytes, outside: dict) -> bytes:
        kinds = {kind for kind, _ in origins}
        if len(origins) == 1 and kinds == {1}:
            if origins[0][1] not in outside:
                raise Refused(f"{key.decode()} stands on what is not outside")
            return outside[origins[0][1]]
        if kinds != {0}:
            raise Refused(f"{key.decode()} stands on several things outside")
        entries = [(path, self.entry_at(files, path)) for _, path in origins]
        if len(entries) == 1:
            return entries[0][1][1]
        return self.tree_of([(path.split(b"/"), entry) for path, entry in entries])[0]

    def tree_of(self, placed: list) -> tuple[bytes, int]:
        """Root and size of the directory that holds these entries and nothing else."""
        groups = {}
        for names, entry in placed:
            groups.setdefault(names[0], []).append((names[1:], entry))
        items, total = [], 0
        for name, group in sorted(groups.items()):
            if len(group) == 1 and not group[0][0]:
                value = group[0][1][2]
            elif any(not names for names, _ in group):
                raise Refused("an origin inside another")
            else:
                root, size = self.tree_of(group)
                value = build.tree_value(maps.DIRECTORY, root, size)
            items.append((name, value))
            total += maps.decode_tree_entry(value[1])[2]
        return build.build_map("tree", items)[0], total

    def entry_at(self, files: bytes, path: bytes) -> tuple:
        """Kind, id and value of what is at a path."""
        entry = (maps.DIRECTORY, files, None)
        for name in path.split(b"/"):
            below = self.folders.get(entry[1], {}) if entry[0] == maps.DIRECTORY else {}
            if name not in below:
                raise Refused(f"{path!r} is not in the files")
            entry = below[name]
        return entry

    def check_commits(self) -> int:
        """Walks every commit; gives how many there are."""
        commits = self.of_type(COMMIT)
        for oid, commit in commits:
            try:
                for parent in commit.get("parents", []):
                    self.store.find(parent, COMMIT)
                self.files_of(commit)
                if "origins" in commit:
                    node = self.load(commit["origins"])
                    self.check_plain(commit["origins"], node.schema)
                for blob in commit.get("observed", []):
                    self.blob_size(blob)
            except Refused as error:
                self.report("commit", oid, error)
        return len(commits)

    def check_pointers(self, place) -> None:
        """Whether refs, tags and log entries point at what is there."""
        for oid, tag in self.of_type(TAG):
            try:
                if tag["target-type"] == BLOB:
                    self.blob_size(tag["target"])
                else:
                    self.store.find(tag["target"], tag["target-type"])
            except Refused as error:
                self.report("tag", oid, error)
        refs = dict(place.refs)
        if type(place.head) is bytes:
            refs[b"HEAD"] = place.head
        for name, oid in refs.items():
            found = self.store.objects.get(oid)
            allowed = (COMMIT, TAG) if name.startswith(b"refs/tags/") else (COMMIT,)
            if found is None or found[0] not in allowed:
                self.problems.append(f"{name.decode(errors='replace')}: points at nothing")
        roots = self.roots.get(place.repo, {})
        for entry in place.entries:
            if entry["trust-root"] not in roots:
                self.problems.append(
                    f"log entry {entry['sequence']}: a trust root that is not here")
            for change in entry.get("changes", []):
                new = change.get("new")
                if type(new) is bytes and new not in self.store.objects:
                    self.problems.append(
                        f"log entry {entry['sequence']}: {new.hex()} is missing")
