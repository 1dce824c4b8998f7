"""{{name}}: a storage adapter that keeps a checksum behind every blob, and gives back no blob that was damaged.

Blobs stay with the host; a `Blob` is a handle to one. What the checksum needs is read in pieces, and what is put
together of other blobs never comes here. What each function does and what must hold is written in
wit/storage-adapter.wit and wit/blobs.wit.
"""

import json
import zlib

import config
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import blobs
from wit_world.imports.types import Description, Error_Failed, Permission_StoragePrefix

# Where the blobs are kept.
PREFIX = "{{name}}/"
# Bytes of a checksum. It finds damage, and keeps out nobody who means harm.
LENGTH = 4

CONFIG_SCHEMA = config.schema(
    piece_kib={
        "type": "integer",
        "description": "How much of a blob is read at a time, in KiB; from 1 to 65536.",
        "default": 1024,
        "minimum": 1,
        "maximum": 65536,
    },
)


def damaged(key):
    return Err(Error_Failed(f"the blob under `{key}` is not what was put there"))


class StorageAdapter(exports.StorageAdapter):
    """What the host calls: `open` once, then the others as often as it wants."""

    # Of the open adapter. One instance of the component is one adapter; of this class there is one for each call.
    piece_bytes = None

    def describe(self):
        return Description(
            name="{{name}}",
            version="0.1.0",
            summary="Keeps a checksum behind every blob, and gives back no blob that was damaged.",
            config_schema=json.dumps(CONFIG_SCHEMA),
            permissions=[Permission_StoragePrefix(PREFIX)],
        )

    def open(self, config_text):
        StorageAdapter.piece_bytes = int(config.read(config_text, CONFIG_SCHEMA)["piece_kib"]) * 1024

    def put(self, key, value):
        writer = blobs.BlobWriter()
        writer.append(value, 0, value.size())
        writer.write(self._checksum(key, value, value.size()))
        # Handles are let go of at once, and not when the interpreter comes to it: the host counts them.
        with blobs.BlobWriter.finish(writer) as kept:
            blobs.store_put(PREFIX + key, kept)

    def get(self, key):
        kept = blobs.store_get(PREFIX + key)
        if kept is None:
            return None
        with kept:
            size = kept.size() - LENGTH
            if size < 0 or kept.read(size, LENGTH) != self._checksum(key, kept, size):
                raise damaged(key)
            writer = blobs.BlobWriter()
            writer.append(kept, 0, size)
            return blobs.BlobWriter.finish(writer)

    def remove(self, key):
        blobs.store_remove(PREFIX + key)

    def keys(self, prefix, after, most):
        found = blobs.store_keys(PREFIX + prefix, None if after is None else PREFIX + after, most)
        return [key[len(PREFIX) :] for key in found]

    def _checksum(self, key, blob, size):
        """Of the first `size` bytes of a blob, and of its key, so that no blob passes for another."""
        total = zlib.crc32(key.encode())
        for first in range(0, size, self.piece_bytes):
            total = zlib.crc32(blob.read(first, min(self.piece_bytes, size - first)), total)
        return total.to_bytes(LENGTH, "little")
