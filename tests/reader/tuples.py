"""Composite keys (docs/format.md, "Tuples"). An element is a pair of its type and its value."""

import struct


def escaped(code: int, data: bytes) -> bytes:
    return bytes([code]) + data.replace(b"\0", b"\0\xff") + b"\0"


def encode_element(element, nested: bool) -> bytes:
    kind, value = element
    if kind == "null":
        return b"\0\xff" if nested else b"\0"
    if kind == "bytes":
        return escaped(1, value)
    if kind == "text":
        return escaped(2, value.encode())
    if kind == "nested":
        return b"\5" + b"".join(encode_element(one, True) for one in value) + b"\0"
    if kind == "integer":
        magnitude = abs(value)
        length = (magnitude.bit_length() + 7) // 8
        digits = magnitude.to_bytes(length, "big")
        if value < 0:
            return bytes([0x14 - length]) + bytes(255 - b for b in digits)
        return bytes([0x14 + length]) + digits
    if kind == "double":
        bits = int.from_bytes(value, "big")
        bits ^= (1 << 64) - 1 if bits >> 63 else 1 << 63
        return b"\x21" + struct.pack(">Q", bits)
    return b"\x27" if value else b"\x26"


def encode(elements) -> bytes:
    return b"".join(encode_element(one, False) for one in elements)
