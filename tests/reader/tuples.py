"""Composite keys (docs/format.md, "Tuples"). An element is a pair of its type and its value."""

import struct

from ids import Refused

NESTING = 16


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


def decode(data: bytes) -> list:
    """The elements of a key, refusing whatever is not the one encoding of any."""
    try:
        elements, at = decode_elements(bytes(data), 0, 0)
    except (IndexError, ValueError, struct.error) as error:
        raise Refused(f"not a tuple: {error}") from None
    if at != len(data) or encode(elements) != data:
        raise Refused("not the one encoding of a tuple")
    return elements


def decode_elements(data: bytes, at: int, depth: int) -> tuple[list, int]:
    if depth > NESTING:
        raise Refused("nested too deeply")
    elements = []
    while at < len(data):
        code = data[at]
        if depth and data[at:at + 2] == b"\0\xff":
            elements.append(("null", None))
            at += 2
            continue
        if depth and code == 0:
            return elements, at
        at += 1
        if code == 0:
            elements.append(("null", None))
        elif code in (1, 2):
            end = at
            while data[end] or data[end + 1:end + 2] == b"\xff":
                end += 1 if data[end] else 2
            value = data[at:end].replace(b"\0\xff", b"\0")
            elements.append(("bytes", value) if code == 1 else ("text", value.decode()))
            at = end + 1
        elif code == 5:
            inner, at = decode_elements(data, at, depth + 1)
            if data[at] != 0:
                raise Refused("a nested tuple without end")
            elements.append(("nested", inner))
            at += 1
        elif 0x0C <= code <= 0x1C:
            length = abs(code - 0x14)
            digits = data[at:at + length]
            if len(digits) != length:
                raise Refused("an integer that ends early")
            if code < 0x14:
                digits = bytes(255 - b for b in digits)
            value = int.from_bytes(digits, "big")
            elements.append(("integer", -value if code < 0x14 else value))
            at += length
        elif code == 0x21:
            bits, = struct.unpack(">Q", data[at:at + 8])
            bits ^= 1 << 63 if bits >> 63 else (1 << 64) - 1
            elements.append(("double", bits.to_bytes(8, "big")))
            at += 8
        elif code in (0x26, 0x27):
            elements.append(("bool", code == 0x27))
        else:
            raise Refused(f"no element begins with {code}")
    if depth:
        raise Refused("a nested tuple without end")
    return elements, at
