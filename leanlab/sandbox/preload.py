"""What tier D loads ahead, as no file can be opened there once a candidate runs."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NoReturn

MODULES = (
    "abc", "array", "base64", "binascii", "bisect", "calendar", "cmath", "collections",
    "collections.abc", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "difflib", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "inspect",
    "itertools", "json", "keyword", "math", "numbers", "operator", "os", "pprint", "queue",
    "random", "re", "statistics", "string", "struct", "sys", "textwrap", "time", "types", "typing",
    "unicodedata", "warnings", "weakref", "zlib",
)  # fmt: skip
"""For candidates, beside the imports of the lab. docs/decisions/0008 says why these."""

# Imported late by the modules above, by codecs.lookup, or to print a traceback.
_LATE = (
    "_strptime", "ast", "encodings.ascii", "encodings.idna", "encodings.latin_1",
    "encodings.raw_unicode_escape", "encodings.unicode_escape", "encodings.utf_16",
    "encodings.utf_32", "encodings.utf_8_sig", "linecache", "locale", "tokenize", "traceback",
)  # fmt: skip
# numpy's own, imported when they are first used.
_NUMPY = ("char", "fft", "linalg", "ma", "polynomial", "random", "rec")


class _NothingMore:
    """The last finder: says why a module cannot be imported, as an ordinary import error."""

    @staticmethod
    def find_spec(name: str, *_where: Any) -> NoReturn:
        raise ModuleNotFoundError(
            f"No module named {name!r} is preloaded, and tier D of confinement opens no file: "
            "use a preloaded module, or name it in imports in lab.json",
            name=name,
        )


def load() -> None:
    """Import all of MODULES, and what they import late."""
    numpy = [f"numpy.{name}" for name in _NUMPY] if "numpy" in sys.modules else []
    for name in (*MODULES, *_LATE, *numpy):
        importlib.import_module(name)


def close() -> None:
    """Have every import of something that is not loaded yet fail, with a reason."""
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, _NothingMore]
