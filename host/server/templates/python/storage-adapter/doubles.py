"""Doubles of the host's blobs and of its store, for native tests: bytes in memory."""

from componentize_py_types import Err
from wit_world.imports.types import Error_Failed


class Handle:
    """What the host hands out can be let go of."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Blob(Handle):
    def __init__(self, content):
        self.content = bytes(content)

    def size(self):
        return len(self.content)

    def read(self, first, count):
        if first + count > len(self.content):
            raise Err(Error_Failed(f"{count} bytes from byte {first} on are not there"))
        return self.content[first : first + count]


class BlobWriter(Handle):
    def __init__(self):
        self.content = b""

    def write(self, content):
        self.content += content

    def append(self, source, first, count):
        self.content += source.read(first, count)

    @staticmethod
    def finish(this):
        return Blob(this.content)


# What the host keeps: bytes by their keys.
store = {}


def store_put(key, value):
    store[key] = value.content


def store_get(key):
    return Blob(store[key]) if key in store else None


def store_remove(key):
    store.pop(key, None)


def store_keys(prefix, after, most):
    return sorted(key for key in store if key.startswith(prefix) and (after is None or key > after))[:most]
