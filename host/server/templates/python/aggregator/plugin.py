"""{{name}}: an aggregator that goes along the mean of the clients' deltas, x <- x + learning_rate D.

Models stay with the host; `Parameters` are handles to them. What each function does and what must hold is written in
wit/aggregator.wit and wit/tensors.wit.
"""

import json
import math

import config
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.aggregator import NamedParameters, Outcome, PartialAggregate
from wit_world.imports.tensors import Accumulator
from wit_world.imports.types import Description, Error_Failed, Error_Rejected, Metric

CONFIG_SCHEMA = config.schema(
    learning_rate={
        "type": "number",
        "description": "How far to go along the mean delta; above 0.",
        "default": 1.0,
        "exclusiveMinimum": 0,
    },
)

# The name that a share's mean is handed up by.
SHARE = "mean_delta"


class Round:
    """A round, or a share of one."""

    def __init__(self, context):
        self.config = config.read(context.config, CONFIG_SCHEMA)
        self.global_model = context.global_model
        self.mean = Accumulator(self.global_model)
        self.updates = 0

    def add(self, update):
        # Handles are let go of at once, and not when the interpreter comes to it: the host counts them.
        with update, update.delta() as delta:
            self._take(delta, update.info().num_examples, 1)

    def partial(self):
        weight = self.mean.total_weight()
        # In the dtypes of computation: the mean of integers is none.
        share = [NamedParameters(SHARE, Accumulator.mean(self.mean).widened())] if self.updates else []
        return PartialAggregate(parameters=share, bytes=b"", weight=weight, updates=self.updates)

    def merge(self, part):
        names = [named.name for named in part.parameters]
        if part.bytes or names != ([SHARE] if part.updates else []):
            raise Err(Error_Rejected(f"this is no share of {part.updates} updates with a `{SHARE}`"))
        for named in part.parameters:
            with named.value as delta:
                self._take(delta, part.weight, part.updates)

    def finish(self):
        if not self.updates:
            raise Err(Error_Failed("no update was added"))
        delta = Accumulator.mean(self.mean)
        model = self.global_model.plus(delta.scaled(self.config["learning_rate"]))
        return Outcome(model=model, state=None, metrics=[Metric("update_norm", math.sqrt(delta.squared_norm()))])

    def _take(self, delta, weight, updates):
        try:
            self.mean.add(delta, float(weight))
        except Err as error:
            # Only this update's or share's fault: the host names what does not fit, and nothing has changed.
            raise Err(Error_Rejected(error.value.value)) from error
        self.updates += updates


# The instance's round. One instance of the component is one round; of the class below there is one for each call.
current = None


def begun():
    if current is None:
        raise Err(Error_Failed("no round is open"))
    return current


def ended():
    global current
    last, current = begun(), None
    return last


class Aggregator(exports.Aggregator):
    """What the host calls: `begin` once, `add` and `merge` as often as it wants, `partial` or `finish` in the end."""

    def describe(self):
        return Description(
            name="{{name}}",
            version="0.1.0",
            summary="Goes along the mean of the clients' deltas.",
            config_schema=json.dumps(CONFIG_SCHEMA),
            permissions=[],
        )

    def mergeable(self):
        return True

    def begin(self, context):
        global current
        current = Round(context)

    def add(self, update):
        begun().add(update)

    def partial(self):
        return ended().partial()

    def merge(self, part):
        begun().merge(part)

    def finish(self):
        return ended().finish()
