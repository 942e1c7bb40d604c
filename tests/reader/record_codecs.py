"""How stored bytes decode (docs/format.md, "Codecs")."""

import zstandard

from ids import Refused

RAW, ZSTD, PLANES = 0, 1, 2
MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK_MAX = 128 << 10

HALVE = bytes(b >> 1 for b in range(256))
LOW_TO_TOP = bytes((b & 1) << 7 for b in range(256))

_decompressor = zstandard.ZstdDecompressor()


def decode(codec: int, stored: bytes, length: int) -> bytes:
    """The `length` bytes that `stored` stands for."""
    if codec == RAW:
        data = bytes(stored)
    elif codec == ZSTD:
        data = decode_zstd(stored, length)
    elif codec == PLANES:
        data = decode_planes(stored, length)
    else:
        raise Refused(f"codec {codec} is not known")
    if len(data) != length:
        raise Refused(f"decodes to {len(data)} bytes, not the {length} stated")
    return data


def decode_zstd(stored: bytes, length: int) -> bytes:
    if stored[:4] != MAGIC:
        raise Refused("not a zstd frame")
    try:
        head = zstandard.get_frame_parameters(stored)
    except zstandard.ZstdError as error:
        raise Refused(f"not a zstd frame: {error}") from None
    if head.content_size != length or head.dict_id:
        raise Refused("the zstd frame does not state the length of the record")
    return one_frame(stored, length)


def one_frame(frame: bytes, length: int) -> bytes:
    """Decodes bytes that are exactly one frame."""
    decoder = _decompressor.decompressobj()
    try:
        data = decoder.decompress(frame)
    except zstandard.ZstdError as error:
        raise Refused(f"the zstd frame is damaged: {error}") from None
    if not decoder.eof or decoder.unused_data:
        raise Refused("not exactly one zstd frame")
    if len(data) != length:
        raise Refused("the zstd frame has another length")
    return data


def bound(frame: bytes) -> int:
    """The most that a frame without magic number decodes to; refuses one that is not plain."""
    if len(frame) < 2 or frame[0] != 0:
        raise Refused("the frame of exponents is not plain")
    at, total = 2, 0
    while True:
        header = frame[at:at + 3]
        if len(header) < 3:
            raise Refused("the frame of exponents ends early")
        number = int.from_bytes(header, "little")
        kind, size = number >> 1 & 3, number >> 3
        if kind == 3:
            raise Refused("the frame of exponents has a block of an unknown type")
        at += 3 + (1 if kind == 1 else size)
        total += BLOCK_MAX
        if at > len(frame):
            raise Refused("the frame of exponents ends early")
        if number & 1:
            if at != len(frame):
                raise Refused("bytes after the frame of exponents")
            return total


def either(a: bytes, b: bytes) -> bytes:
    """The bitwise or of two byte strings of one length."""
    return (int.from_bytes(a, "little") | int.from_bytes(b, "little")).to_bytes(len(a), "little")


def decode_planes(stored: bytes, length: int) -> bytes:
    if stored[:1] != b"\1":
        raise Refused("planes of an unknown element kind")
    count, odd = length // 2, length % 2
    low = bytes(stored[1:1 + count])
    last = stored[1 + count:1 + count + odd]
    frame = bytes(stored[1 + count + odd:])
    if len(low) != count or len(last) != odd:
        raise Refused("the planes end early")
    if bound(frame) < count:
        raise Refused("the plane of exponents is too short")
    high = one_frame(MAGIC + frame, count)
    out = bytearray(2 * count)
    out[0::2] = either(low.translate(HALVE), high.translate(LOW_TO_TOP))
    out[1::2] = either(high.translate(HALVE), low.translate(LOW_TO_TOP))
    return bytes(out) + bytes(last)
