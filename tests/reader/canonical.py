"""Deterministic CBOR, the subset of docs/format.md, "CBOR"."""

import io

import cbor2

from ids import Refused

NESTING = 16


def encode(value) -> bytes:
    """The one encoding of a value."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes):
    """Reads one value, refusing whatever is not its one encoding."""
    try:
        value = cbor2.loads(bytes(data))
    except Exception as error:  # cbor2 has several of its own, and passes others on
        raise Refused(f"not CBOR: {error}") from None
    check(value, 0)
    if encode(value) != data:
        raise Refused("not the deterministic encoding")
    return value


def check(value, depth: int) -> None:
    """Refuses values outside the subset."""
    kind = type(value)
    if kind is bytes or kind is str:
        return
    if kind is int:
        if not -(1 << 63) <= value < 1 << 64:
            raise Refused("an integer of more than 64 bits")
        return
    if depth == NESTING:
        raise Refused("nested too deeply")
    if kind is list:
        for item in value:
            check(item, depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Refused("a map key that is not text")
            check(item, depth + 1)
    else:
        raise Refused(f"a value of type {kind.__name__}")


def head_len(argument: int) -> int:
    """The length of the head of an item with this argument."""
    return 1 if argument < 24 else 2 if argument < 1 << 8 else 3 if argument < 1 << 16 else (
        5 if argument < 1 << 32 else 9
    )


def array_head(length: int) -> bytes:
    """The head of an array of so many items."""
    out = io.BytesIO()
    if length < 24:
        out.write(bytes([0x80 | length]))
    else:
        extra = head_len(length) - 1
        out.write(bytes([0x80 | {1: 24, 2: 25, 4: 26, 8: 27}[extra]]))
        out.write(length.to_bytes(extra, "big"))
    return out.getvalue()
