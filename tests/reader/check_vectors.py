"""Checks tests/vectors against this reader: made again they are the same, and read they are sound.

    python tests/reader/check_vectors.py
"""

import json
import os
import sys

import make_vectors
import maps
import objects
import sshsig
import tuples
from ids import RECIPE, Refused, id_of

DECODERS = {
    "node": maps.decode_node,
    "recipe": objects.decode_recipe,
    "signed": objects.split_signed,
}


def stored(name: str):
    with open(os.path.join(make_vectors.FOLDER, f"{name}.json"), encoding="ascii") as file:
        return json.load(file)


def check_signed(name: str) -> None:
    """Every signed object reads as its fields, and its signature holds."""
    for case in stored(name):
        payload, signature = objects.split_signed(bytes.fromhex(case["object"]))
        assert make_vectors.shown(objects.decode_payload(name, payload)) == case["fields"]
        sshsig.verify(f"{name}@aisr", payload, signature)


def check_maps() -> None:
    """Every map that is listed passes the check of its shape."""
    for case in stored("map"):
        nodes = {bytes.fromhex(n["id"]): maps.decode_node(bytes.fromhex(n["encoded"]))
                 for n in case["nodes"]}
        seen = []
        check = maps.MapCheck(nodes.__getitem__, lambda key, value: seen.append([key, value]))
        check.run(bytes.fromhex(case["root"]), case["schema"])
        assert make_vectors.plain(seen) == case["entries"], case["name"]
    for case in stored("recipe"):
        data = bytes.fromhex(case["encoded"])
        objects.decode_recipe(data)
        assert id_of(RECIPE, data).hex() == case["id"]


def check_graph() -> None:
    """Keys and values of the graph read as what they were made of."""
    for kind, decode in make_vectors.GRAPH_DECODERS.items():
        for case in stored(kind):
            decode(bytes.fromhex(case["key"]), bytes.fromhex(case["encoded"]))
    for case, elements in zip(stored("tuple"), make_vectors.tuple_elements()):
        assert tuples.decode(bytes.fromhex(case["encoded"])) == elements


def check_refused() -> int:
    """What must be refused is."""
    accepted = 0
    for case in stored("refused"):
        data, kind = bytes.fromhex(case["bytes"]), case["type"]
        try:
            if kind in make_vectors.GRAPH_DECODERS:
                make_vectors.GRAPH_DECODERS[kind](bytes.fromhex(case["key"]), data)
            elif kind in DECODERS:
                DECODERS[kind](data)
            else:
                objects.decode_payload(kind, data)
        except Refused:
            continue
        print(f"refused.json: a {kind} is accepted: {case['why']}")
        accepted += 1
    return accepted


def main() -> int:
    wrong = 0
    for name, value in make_vectors.all_vectors().items():
        if stored(name) != json.loads(make_vectors.text_of(value)):
            print(f"{name}.json: made again it is another")
            wrong += 1
    for name in ("genesis", "trust-root", "commit", "tag", "log-entry"):
        check_signed(name)
    check_maps()
    check_graph()
    wrong += check_refused()
    if wrong == 0:
        print("the vectors hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
