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
from wit_world.exports.aggregator import NamedParameters, State  # noqa: E402
from wit_world.imports.types import Error_Failed, Error_InvalidConfig  # noqa: E402


def model(*values):
    return Parameters({"w": list(values)})


def begun(global_model, config="{}", state=None):
    return plugin.Round(doubles.context(global_model, config, state))


class Rule(unittest.TestCase):
    def test_the_rounds_follow_the_equations(self):
        x, m, v, tau = 0.5, 0.0, 1e-6, 1e-3
        global_model, state = model(x), None
        for delta in [1.0, -0.5, 0.0, 0.25, 0.125]:
            m = 0.9 * m + 0.1 * delta
            v = 0.99 * v + 0.01 * delta * delta
            x += 0.1 * m / (v**0.5 + tau)
            round = begun(global_model, state=state)
            round.add(Update(3, global_model.plus(model(delta)), global_model))
            outcome = round.finish()
            global_model, state = outcome.model, outcome.state
            self.assertAlmostEqual(global_model.tensors["w"][0], x, places=12)

    def test_merging_is_adding(self):
        one, other, whole = (begun(model(0.0)) for _ in range(3))
        updates = [Update(3, model(1.0), model(0.0)), Update(9, model(-2.0), model(0.0))]
        one.add(updates[0])
        other.add(updates[1])
        one.merge(other.partial())
        one.merge(begun(model(0.0)).partial())
        for update in updates:
            whole.add(update)
        self.assertAlmostEqual(*(round.finish().model.tensors["w"][0] for round in (one, whole)), places=12)

    def test_a_state_of_another_optimiser_or_model_is_refused_at_the_beginning(self):
        foreign = State(parameters=[NamedParameters("momentum", model(0.0))], bytes=b"")
        wide = State(parameters=[NamedParameters(name, model(0.0, 0.0)) for name in plugin.STATE], bytes=b"")
        for state in [foreign, wide]:
            with self.assertRaises(Err) as caught:
                begun(model(0.0), state=state)
            self.assertIsInstance(caught.exception.value, Error_Failed)

    def test_a_configuration_that_is_wrong_is_refused_by_its_key(self):
        for key, values in {"learning_rate": "[0, -1, true, null]", "beta1": "[1, -0.1]", "beta2": "[1]", "tau": "[0]"}.items():
            for value in values.strip("[]").split(", "):
                with self.assertRaises(Err) as caught:
                    begun(model(0.0), f'{{"{key}": {value}}}')
                self.assertIsInstance(caught.exception.value, Error_InvalidConfig)
                self.assertIn(key, caught.exception.value.value)
        begun(model(0.0), '{"learning_rate": 1, "beta1": 0}')


if __name__ == "__main__":
    unittest.main()
