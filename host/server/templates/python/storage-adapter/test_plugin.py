"""Native tests of the rule. They need no WebAssembly: `doubles` stand in for the host."""

import pathlib
import sys
import unittest

import doubles

# The plugin finds the doubles where the component has the host.
import wit_world.imports.blobs

for name in ("Blob", "BlobWriter", "store_put", "store_get", "store_remove", "store_keys"):
    setattr(wit_world.imports.blobs, name, getattr(doubles, name))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import plugin  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.imports.types import Error_Failed, Error_InvalidConfig  # noqa: E402


class Rule(unittest.TestCase):
    def setUp(self):
        doubles.store.clear()
        self.adapter = plugin.StorageAdapter()
        self.adapter.open('{"piece_kib": 1}')

    def assert_refused(self, kind, text, call, *arguments):
        with self.assertRaises(Err) as caught:
            call(*arguments)
        self.assertIsInstance(caught.exception.value, kind)
        self.assertIn(text, caught.exception.value.value)

    def test_what_was_put_is_there_until_it_is_removed(self):
        for size in (0, 1, 1023, 1024, 1025, 5000):
            content = bytes(index % 251 for index in range(size))
            self.adapter.put("a", doubles.Blob(content))
            self.assertEqual(self.adapter.get("a").content, content)
        self.adapter.remove("a")
        self.assertIsNone(self.adapter.get("a"))

    def test_a_blob_that_was_damaged_is_an_error(self):
        self.adapter.put("a", doubles.Blob(b"weights"))
        ((place, kept),) = doubles.store.items()
        for index in range(len(kept)):
            doubles.store[place] = kept[:index] + bytes([kept[index] ^ 1]) + kept[index + 1 :]
            self.assert_refused(Error_Failed, "`a`", self.adapter.get, "a")
        for torn in (kept[:3], kept[1:], b""):
            doubles.store[place] = torn
            self.assert_refused(Error_Failed, "`a`", self.adapter.get, "a")
        # Under another key than it was put under.
        doubles.store[plugin.PREFIX + "b"] = kept
        self.assert_refused(Error_Failed, "`b`", self.adapter.get, "b")

    def test_keys_are_those_that_were_put(self):
        for key in ("m/2", "m/1", "n"):
            self.adapter.put(key, doubles.Blob(b""))
        self.assertEqual(self.adapter.keys("m/", None, 10), ["m/1", "m/2"])
        self.assertEqual(self.adapter.keys("", "m/1", 1), ["m/2"])

    def test_a_configuration_that_is_wrong_is_refused_by_its_key(self):
        for config, key in [
            ('{"piece_kib": 0}', "piece_kib"),
            ('{"piece_kib": 65537}', "piece_kib"),
            ('{"piece": 1}', "piece"),
            ("{", "JSON"),
        ]:
            self.assert_refused(Error_InvalidConfig, key, plugin.StorageAdapter().open, config)


if __name__ == "__main__":
    unittest.main()
