"""Arrays and plain values as one piece of bytes that is the same on every machine, so that it has a digest. Pure."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
HEAD = 8  # bytes that say how long the header is


def pack(arrays: Arrays, values: Mapping[str, Any]) -> bytes:
    """A header of JSON (values; names, types, shapes) and the arrays' bytes, little endian, in the order of names."""
    named = {name: np.ascontiguousarray(_little(arrays[name])) for name in sorted(arrays)}
    shapes = [[name, each.dtype.str, list(each.shape)] for name, each in named.items()]
    header = json.dumps({"values": values, "arrays": shapes}, sort_keys=True, separators=(",", ":")).encode()
    return b"".join([len(header).to_bytes(HEAD, "little"), header, *(each.tobytes() for each in named.values())])


def unpack(raw: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and values of `pack`."""
    at = HEAD + int.from_bytes(raw[:HEAD], "little")
    header = json.loads(raw[HEAD:at])
    arrays: dict[str, NDArray[Any]] = {}
    for name, kind, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(raw, dtype=kind, count=count, offset=at).reshape(shape)
        at += arrays[name].nbytes
    return arrays, header["values"]


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def squeeze(raw: bytes) -> bytes:
    return zlib.compress(raw, level=6)


def unsqueeze(stored: bytes) -> bytes:
    return zlib.decompress(stored)


def _little(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)
