"""Native tests of the rule. They need no WebAssembly: `doubles` stand in for the host."""

import pathlib
import sys
import unittest

import doubles
from doubles import Parameters, Update

# The plugin finds the doubles where the component has the host.
import wit_world.imports.tensors

wit_world.imports.tensors.Accumulator = doubles.Accumulator
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import plugin  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.exports.aggregator import PartialAggregate  # noqa: E402
from wit_world.imports.types import Error_Failed, Error_InvalidConfig, Error_Rejected  # noqa: E402


def model(*values):
    return Parameters({"w": list(values)})


def begun(global_model, config="{}"):
    return plugin.Round(doubles.context(global_model, config))


def finished(round):
    return round.finish().model.tensors["w"]


class Rule(unittest.TestCase):
    def assert_refused(self, kind, call, *arguments):
        with self.assertRaises(Err) as caught:
            call(*arguments)
        self.assertIsInstance(caught.exception.value, kind)
        return caught.exception.value.value

    def test_clients_weigh_by_their_examples(self):
        round = begun(model(1.0))
        round.add(Update(10, model(2.0), model(1.0)))
        round.add(Update(30, model(6.0), model(1.0)))
        self.assertAlmostEqual(finished(round)[0], 5.0)

    def test_a_learning_rate_scales_the_step(self):
        round = begun(model(1.0), '{"learning_rate": 0.5}')
        round.add(Update(10, model(3.0), model(1.0)))
        self.assertAlmostEqual(finished(round)[0], 2.0)

    def test_merging_is_adding(self):
        share = begun(model(1.0))
        share.add(Update(20, model(5.0), model(1.0)))
        share.add(Update(10, model(2.0), model(1.0)))
        merged = begun(model(1.0))
        merged.add(Update(10, model(1.0), model(1.0)))
        merged.merge(share.partial())
        merged.merge(begun(model(1.0)).partial())
        self.assertAlmostEqual(finished(merged)[0], 1.0 + (20 * 4.0 + 10 * 1.0) / 40)

    def test_what_is_rejected_leaves_no_weight(self):
        round = begun(model(0.0))
        round.add(Update(1, model(1.0), model(0.0)))
        self.assert_refused(Error_Rejected, round.add, Update(99, model(9.0, 9.0), model(0.0, 0.0)))
        foreign = PartialAggregate(parameters=[], bytes=b"", weight=99.0, updates=5)
        self.assert_refused(Error_Rejected, round.merge, foreign)
        self.assertEqual(finished(round), [1.0])

    def test_a_round_without_updates_fails(self):
        self.assert_refused(Error_Failed, begun(model(0.0)).finish)
        self.assert_refused(Error_Failed, plugin.Aggregator().partial)

    def test_a_configuration_that_is_wrong_is_refused_by_its_key(self):
        for config, key in [
            ('{"learning_rate": 0}', "learning_rate"),
            ('{"learning_rate": true}', "learning_rate"),
            ('{"momentum": 1}', "momentum"),
            ("[1]", "object"),
            ("{", "JSON"),
        ]:
            self.assertIn(key, self.assert_refused(Error_InvalidConfig, begun, model(0.0), config))


if __name__ == "__main__":
    unittest.main()
