"""File names for names of any script and length."""

import hashlib
import re
import unicodedata

_LONGEST = 150
"""Bytes of a name that are kept; with the digest and an ending it stays below the 255 that file systems allow."""
_PLAIN = re.compile(r"[a-z0-9_+=][a-z0-9_.+=-]*")
_DIGEST = re.compile(r".*-[0-9a-f]{16}")


def file_stem(name: str) -> str:
    """A name as a file name without ending; different names have different ones on every file system.

    A plain name of small letters, digits and ``_.+=-`` is kept. Any other, or a longer one, is shown as far as it can
    be, with 16 digits of its SHA-256: file systems may not tell letters by case or by how an accent is written.
    """
    if _PLAIN.fullmatch(name) and len(name) <= _LONGEST and not _DIGEST.fullmatch(name):
        return name
    shown = re.sub(r"[^\w.+=-]+", "_", unicodedata.normalize("NFC", name))
    shown = re.sub(r"^\.", "_", shown).encode(errors="ignore")[:_LONGEST].decode(errors="ignore")
    return f"{shown}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}"
