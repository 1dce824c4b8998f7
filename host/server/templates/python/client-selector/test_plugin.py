"""Native tests of the rule. They need no WebAssembly."""

import pathlib
import sys
import unittest

from doubles import candidate, selection

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import plugin  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.imports.types import Error_InvalidConfig  # noqa: E402


def chosen(requested, candidates, config="{}"):
    selected = plugin.ClientSelector().select(selection(requested, config), candidates)
    return [one.client for one in selected]


class Rule(unittest.TestCase):
    def test_those_who_were_asked_least_often_come_first(self):
        self.assertEqual(chosen(2, [candidate("a", 2), candidate("b", 0), candidate("c", 1)]), ["b", "c"])

    def test_the_order_of_the_candidates_does_not_matter(self):
        candidates = [candidate("c"), candidate("a"), candidate("b")]
        self.assertEqual(chosen(2, candidates), ["a", "b"])
        self.assertEqual(chosen(2, candidates[::-1]), ["a", "b"])

    def test_an_unreliable_client_comes_last_and_is_not_left_out(self):
        candidates = [candidate("a", 2, given_up=2), candidate("b", 9, given_up=1)]
        self.assertEqual(chosen(2, candidates, '{"patience": 1}'), ["b", "a"])
        self.assertEqual(chosen(1, candidates, '{"patience": 2}'), ["a"])

    def test_a_configuration_that_is_wrong_is_refused_by_its_key(self):
        for config, key in [
            ('{"patience": -1}', "patience"),
            ('{"patience": 0.5}', "patience"),
            ('{"patience": true}', "patience"),
            ('{"patients": 1}', "patients"),
            ("[1]", "object"),
            ("{", "JSON"),
        ]:
            with self.assertRaises(Err) as caught:
                plugin.ClientSelector().check(config)
            self.assertIsInstance(caught.exception.value, Error_InvalidConfig)
            self.assertIn(key, caught.exception.value.value)


if __name__ == "__main__":
    unittest.main()
