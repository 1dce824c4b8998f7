"""Doubles of the host's handles, for native tests: models are dictionaries of lists, computed with in memory.

Only what plugin.py calls is here; wit/tensors.wit says what the rest does.
"""

from componentize_py_types import Err
from wit_world.exports.aggregator import Context
from wit_world.imports.types import Error_Failed
from wit_world.imports.updates import UpdateInfo


class Handle:
    """What the host hands out can be let go of."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Parameters(Handle):
    def __init__(self, tensors):
        self.tensors = tensors

    def _each(self, function, *others):
        for other in others:
            shapes = [{name: len(values) for name, values in model.tensors.items()} for model in (self, other)]
            if shapes[0] != shapes[1]:
                raise Err(Error_Failed(f"the models do not fit together: {shapes[0]} and {shapes[1]}"))
        models = [model.tensors for model in (self, *others)]
        rows = {name: zip(*(model[name] for model in models)) for name in self.tensors}
        return Parameters({name: [function(*row) for row in rows[name]] for name in rows})

    def _values(self):
        return [value for values in self.tensors.values() for value in values]

    def plus(self, other):
        return self._each(lambda left, right: left + right, other)

    def minus(self, other):
        return self._each(lambda left, right: left - right, other)

    def times(self, other):
        return self._each(lambda left, right: left * right, other)

    def divided_by(self, other):
        return self._each(lambda left, right: left / right, other)

    def scaled(self, factor):
        return self._each(lambda value: value * factor)

    def shifted(self, offset):
        return self._each(lambda value: value + offset)

    def square(self):
        return self._each(lambda value: value * value)

    def root(self):
        return self._each(lambda value: value**0.5)

    def filled(self, number):
        return self._each(lambda _: number)

    def widened(self):
        return self

    def squared_norm(self):
        return sum(value * value for value in self._values())


class Accumulator(Handle):
    def __init__(self, like):
        self.sum = like.filled(0.0)
        self.weight = 0.0

    def add(self, value, weight):
        if not 0 < weight < float("inf"):
            raise Err(Error_Failed(f"the weight {weight} is not a positive finite number"))
        self.sum = self.sum.plus(value.scaled(weight))
        self.weight += weight

    def total_weight(self):
        return self.weight

    @staticmethod
    def mean(this):
        return this.sum.scaled(1.0 / this.weight)


class Update(Handle):
    """What a client that trained `base` to `sent` on so many examples sends."""

    def __init__(self, num_examples, sent, base):
        self._info = UpdateInfo(client="a client", num_examples=num_examples, staleness=0, metrics=[])
        self._sent, self._base = sent, base

    def info(self):
        return self._info

    def parameters(self):
        return self._sent

    def delta(self):
        return self._sent.minus(self._base)


def context(global_model, config="{}", state=None):
    """What a first round begins with."""
    return Context(config=config, round=1, seed=0, global_model=global_model, state=state)
