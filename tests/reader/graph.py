"""Components, edges and what lives outside (docs/format.md, "The system graph")."""

import re

import canonical
import tuples
from ids import Refused
from names import COMPONENT_KINDS, check_name
from objects import array_of, ascending, fields, list_of, oid, raw, text, uint, word

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}\Z")
LIMIT = 16 << 20
CONTENT, TABLE = range(2)


def component_key(key: str) -> None:
    kind, colon, name = key.partition(":")
    if not colon or kind.encode() not in COMPONENT_KINDS or not NAME.match(name):
        raise Refused(f"{key!r} is no key of a component")


def attributes(value) -> None:
    if type(value) is not dict:
        raise Refused("not a map")
    for name, one in value.items():
        word(name)
        if type(one) not in (str, bytes):
            raise Refused("an attribute that is neither text nor bytes")


def some_attributes(value) -> None:
    attributes(value)
    if not value:
        raise Refused("an empty map instead of none")


def origin(value) -> None:
    array_of(uint, raw)(value)
    kind, name = value
    if kind > 1 or (kind == 1 and len(name) > 4096):
        raise Refused("an origin that is neither a path nor a key")
    if kind == 0:
        if len(name) > 4096 or name.count(b"/") >= 512:
            raise Refused("an origin that is no path")
        for part in name.split(b"/"):
            check_name(part)


def former(value) -> None:
    text(value)
    component_key(value)


COMPONENT = fields({}, {"content": oid, "origin": list_of(origin), "attributes": some_attributes,
                        "was": former})
EDGE = fields({}, {"declared": attributes, "discovered": attributes})


def decode(data: bytes) -> dict:
    if len(data) > LIMIT:
        raise Refused("over 16 MiB")
    return canonical.decode(data)


def decode_component(key: bytes, data: bytes) -> dict:
    try:
        component_key(key.decode())
    except UnicodeDecodeError:
        raise Refused("a component's key that is not text") from None
    value = decode(data)
    COMPONENT(value)
    if not ascending(value.get("origin", [])):
        raise Refused("origins are not ascending")
    if ("content" in value) != ("origin" in value):
        raise Refused("content and origin are there together or not at all")
    return value


def decode_edge(key: bytes, data: bytes) -> dict:
    ends = tuples.decode(key)
    if [kind for kind, _ in ends] != ["text"] * 3:
        raise Refused("an edge's key that is not three texts")
    component_key(ends[0][1])
    word(ends[1][1])
    component_key(ends[2][1])
    value = decode(data)
    EDGE(value)
    if not value:
        raise Refused("an edge that is known from nowhere")
    return value


def ends_of(key: bytes) -> list[bytes]:
    """The components that an edge's key joins."""
    elements = tuples.decode(key)
    return [elements[0][1].encode(), elements[2][1].encode()]


def decode_external(key: bytes, data: bytes) -> tuple[int, bytes, int]:
    """Kind, id and size of something outside."""
    elements = tuples.decode(key)
    if not elements or elements[0][0] != "text":
        raise Refused("a key that does not begin with a component")
    component_key(elements[0][1])
    value = canonical.decode(data)
    array_of(uint, oid, uint)(value)
    if value[0] > TABLE:
        raise Refused("something outside of an unknown kind")
    return tuple(value)
