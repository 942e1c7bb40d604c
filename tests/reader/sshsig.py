"""SSHSIG blobs and ed25519, strictly (docs/format.md, "Signed objects")."""

import functools
import hashlib
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ids import Refused

MAGIC = b"SSHSIG"
ALGORITHM = b"ssh-ed25519"
SECURITY_KEY = b"sk-ssh-ed25519@openssh.com"
USER_PRESENCE = 1
LIMIT = 4096

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def named(raw: bytes) -> bytes:
    return string(ALGORITHM) + string(raw)


def key_blob(key: bytes) -> bytes:
    """A key as SSH has it; behind 32 bytes stands the application of a security key."""
    if len(key) == 32:
        return named(key)
    return string(SECURITY_KEY) + string(key[:32]) + string(key[32:])


def signature_blob(signature: bytes) -> bytes:
    """A signature as SSH has it; a security key adds flags and a counter."""
    if len(signature) == 64:
        return named(signature)
    return string(SECURITY_KEY) + string(signature[:64]) + signature[64:]


def is_application(data: bytes) -> bool:
    return data.startswith(b"ssh:") and len(data) <= 64 and all(0x21 <= b <= 0x7e for b in data)


def encode(key: bytes, namespace: str, signature: bytes) -> bytes:
    return b"".join([
        MAGIC,
        struct.pack(">I", 1),
        string(key_blob(key)),
        string(namespace.encode()),
        string(b""),
        string(b"sha512"),
        string(signature_blob(signature)),
    ])


def signed_data(namespace: str, payload: bytes) -> bytes:
    digest = hashlib.sha512(payload).digest()
    parts = [namespace.encode(), b"", b"sha512", digest]
    return MAGIC + b"".join(string(part) for part in parts)


def take_string(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4
    if end > len(data):
        raise Refused("the signature ends early")
    end += int.from_bytes(data[at:end], "big")
    if end > len(data):
        raise Refused("the signature ends early")
    return data[at + 4:end], end


def parse(blob: bytes) -> tuple[bytes, str, bytes]:
    """Takes a blob apart into key, namespace and signature."""
    if len(blob) > LIMIT:
        raise Refused("a signature over 4,096 bytes")
    if blob[:10] != MAGIC + struct.pack(">I", 1):
        raise Refused("not an SSHSIG of version 1")
    fields, at = [], 10
    while at < len(blob):
        field, at = take_string(blob, at)
        fields.append(field)
    if len(fields) != 5:
        raise Refused("an SSHSIG with more or fewer fields")
    name, at = take_string(fields[0], 0)
    key, at = take_string(fields[0], at)
    signer, behind = take_string(fields[4], 0)
    signature, behind = take_string(fields[4], behind)
    if len(key) != 32 or len(signature) != 64 or name != signer:
        raise Refused("a key or signature of the wrong length, or of two types")
    if name == SECURITY_KEY:
        application, at = take_string(fields[0], at)
        if not is_application(application):
            raise Refused("the application of a security key is none")
        if behind + 5 != len(fields[4]):
            raise Refused("a security key's signature without flags and counter")
        key, signature = key + application, signature + fields[4][behind:]
        behind += 5
    elif name != ALGORITHM:
        raise Refused("not an ed25519 key")
    if at != len(fields[0]) or behind != len(fields[4]):
        raise Refused("bytes behind a key or signature")
    try:
        namespace = fields[1].decode()
    except UnicodeDecodeError:
        raise Refused("the namespace is not text") from None
    if encode(key, namespace, signature) != blob:
        raise Refused("not the one encoding of an SSHSIG")
    return key, namespace, signature


def decompress(data: bytes) -> tuple[int, int] | None:
    """The point of a canonical encoding (RFC 8032 §5.1.3)."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == P - u:
        x = x * pow(2, (P - 1) // 4, P) % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P)
    return x % P, y % P


def compress(point: tuple[int, int]) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def small_order_points() -> set[bytes]:
    """The encodings of the eight points whose order divides 8."""
    for y in range(2, 100):
        point = decompress(y.to_bytes(32, "little"))
        if point is None:
            continue
        torsion = (0, 1)
        for bit in bin(ORDER)[2:]:
            torsion = add(torsion, torsion)
            if bit == "1":
                torsion = add(torsion, point)
        found, multiple = set(), (0, 1)
        for _ in range(8):
            found.add(compress(multiple))
            multiple = add(multiple, torsion)
        if len(found) == 8:
            return found
    raise AssertionError("one point in two has a part of order 8")


SMALL_ORDER = small_order_points()


@functools.lru_cache(maxsize=1024)
def is_good_key(key: bytes) -> bool:
    """Whether bytes are the canonical encoding of a point that is not of small order."""
    return decompress(key) is not None and key not in SMALL_ORDER


def verify(namespace: str, payload: bytes, blob: bytes) -> bytes:
    """Checks a signature and gives the key that made it."""
    key, found, signature = parse(blob)
    if found != namespace:
        raise Refused(f"signed for {found!r}, not {namespace!r}")
    if not is_good_key(key[:32]):
        raise Refused("the key is not canonical, or of small order")
    if signature[:32] in SMALL_ORDER:
        raise Refused("the signature holds a point of small order")
    if int.from_bytes(signature[32:64], "little") >= ORDER:
        raise Refused("the signature is malleable")
    data = signed_data(namespace, payload)
    if len(key) > 32:
        if not signature[64] & USER_PRESENCE:
            raise Refused("the security key was not touched")
        data = security_key_data(key[32:], signature[64:], data)
    try:
        Ed25519PublicKey.from_public_bytes(key[:32]).verify(signature[:64], data)
    except InvalidSignature:
        raise Refused(f"not a signature by {key.hex()}") from None
    return key


def security_key_data(application: bytes, touch: bytes, data: bytes) -> bytes:
    """What a security key signs in place of the data (OpenSSH's PROTOCOL.u2f)."""
    return hashlib.sha256(application).digest() + touch + hashlib.sha256(data).digest()


def sign(seed: bytes, namespace: str, payload: bytes, application: bytes = b"") -> bytes:
    """The signature by the key of a seed; the same every time. With an application, the one
    that a security key of that seed would make."""
    data, touch = signed_data(namespace, payload), b""
    if application:
        touch = bytes([USER_PRESENCE]) + (7).to_bytes(4, "big")
        data = security_key_data(application, touch, data)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(data)
    return encode(public_key(seed) + application, namespace, signature + touch)


def public_key(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
