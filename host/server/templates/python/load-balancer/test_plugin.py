"""Native tests of the rule. They need no WebAssembly."""

import pathlib
import sys
import unittest

from doubles import client, combiner

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import plugin  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.imports.types import Error_Failed, Error_InvalidConfig  # noqa: E402


def placed(preferred, combiners, config="{}"):
    return plugin.LoadBalancer().place(config, client(preferred), combiners)


class Rule(unittest.TestCase):
    def test_a_client_without_a_wish_joins_the_least_loaded(self):
        combiners = [combiner("a", 3), combiner("c", 1), combiner("b", 1)]
        self.assertEqual(placed(None, combiners), "b")
        self.assertEqual(placed("nowhere", combiners[::-1]), "b")

    def test_a_wish_is_granted_within_the_tolerance(self):
        combiners = [combiner("a", 3), combiner("b", 1)]
        self.assertEqual(placed("a", combiners, '{"tolerance": 2}'), "a")
        self.assertEqual(placed("a", combiners, '{"tolerance": 1}'), "b")

    def test_nobody_joins_a_combiner_that_is_full(self):
        full = combiner("a", 1, capacity=1)
        self.assertEqual(placed("a", [full, combiner("b", 9)]), "b")
        with self.assertRaises(Err) as caught:
            placed(None, [full])
        self.assertIsInstance(caught.exception.value, Error_Failed)

    def test_a_configuration_that_is_wrong_is_refused_by_its_key(self):
        for config, key in [
            ('{"tolerance": -1}', "tolerance"),
            ('{"tolerance": "much"}', "tolerance"),
            ('{"patience": 1}', "patience"),
            ("[1]", "object"),
        ]:
            with self.assertRaises(Err) as caught:
                plugin.LoadBalancer().check(config)
            self.assertIsInstance(caught.exception.value, Error_InvalidConfig)
            self.assertIn(key, caught.exception.value.value)


if __name__ == "__main__":
    unittest.main()
