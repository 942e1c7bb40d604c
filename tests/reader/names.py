"""Names in directories and names of refs (docs/format.md, "Names" and "Refs")."""

import re

from ids import Refused

IGNORABLE = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]
DROP = dict.fromkeys(c for low, high in IGNORABLE for c in range(low, high + 1))
FOLD = str.maketrans("AISR\u0130\u0131\u017f", "aisriis")
TABLE = DROP | FOLD
RESERVED = re.compile(r"(\.aisr|aisr~[1-9])[. ]*(\Z|[:\\])")

COMPONENT_KINDS = {
    b"model", b"prompt", b"memory", b"tool", b"identity", b"agent", b"data", b"config", b"system",
}
FOLDERS = (b"refs/heads/", b"refs/tags/", b"refs/remotes/")


def check_name(name: bytes) -> None:
    """Refuses a name that no directory may hold."""
    if not 1 <= len(name) <= 255 or name in (b".", b"..") or b"/" in name or b"\0" in name:
        raise Refused(f"the name {name!r} is not valid")
    if name[0] in b".aA" or name[0] >= 0x80:
        folded = name.decode("utf-8", "replace").translate(TABLE)
        if RESERVED.match(folded):
            raise Refused(f"the name {name!r} may stand for .aisr")


def check_ref(name: bytes) -> None:
    """Refuses a full name that no ref may have."""
    folder = next((f for f in FOLDERS if name.startswith(f)), None)
    if folder is None or len(name) > 1024:
        raise Refused(f"{name!r} is no name of a ref")
    short = name[len(folder):]
    bad = (
        any(not part or part.startswith(b".") or part.endswith(b".lock")
            for part in name.split(b"/"))
        or b".." in name or b"@{" in name or name.endswith(b".")
        or any(c < 33 or c == 127 or c in b"~^:?*[\\" for c in name)
        or short in COMPONENT_KINDS or short in (b"HEAD", b"@") or short.startswith(b"-")
    )
    if bad:
        raise Refused(f"{name!r} is no name of a ref")
