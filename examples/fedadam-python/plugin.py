"""FedAdam: steps that are scaled by a running mean of the squared change.

With x the global model and D the mean of the clients' deltas, weighted by their examples:

    m <- beta1 m + (1 - beta1) D            m starts at 0
    v <- beta2 v + (1 - beta2) D^2          v starts at tau^2
    x <- x + learning_rate m / (sqrt(v) + tau)

Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2: there is no bias correction, and tau stands outside
the root. m and v are the state, kept in the dtypes of computation: a half-precision model's v would vanish in its own.
"""

import json
import math

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.aggregator import NamedParameters, Outcome, PartialAggregate, State
from wit_world.imports.tensors import Accumulator
from wit_world.imports.types import Description, Error_Failed, Error_InvalidConfig, Error_Rejected, Metric


def parameter(default, description, **bounds):
    return {"type": "number", "default": default, "description": description, **bounds}


PARAMETERS = {
    "learning_rate": parameter(0.1, "How far a step goes; above 0.", exclusiveMinimum=0),
    "beta1": parameter(0.9, "How much of the momentum is kept; at least 0 and below 1.", minimum=0, exclusiveMaximum=1),
    "beta2": parameter(0.99, "How much of the second moment is kept; at least 0 and below 1.", minimum=0, exclusiveMaximum=1),
    "tau": parameter(1e-3, "How adaptive the steps are: the smaller, the more. Above 0.", exclusiveMinimum=0),
}

CONFIG_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": PARAMETERS,
    "additionalProperties": False,
}


def read_config(text):
    """The values of a configuration, those that it does not name at their defaults."""
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise Err(Error_InvalidConfig(f"this is no JSON: {error}")) from error
    if not isinstance(given, dict):
        raise Err(Error_InvalidConfig("this is no JSON object"))
    for key, value in given.items():
        if key not in PARAMETERS:
            raise Err(Error_InvalidConfig(f"`{key}` is no parameter of this plugin"))
        if not allows(PARAMETERS[key], value):
            raise Err(Error_InvalidConfig(f"`{key}` is {value!r}; {PARAMETERS[key]['description']}"))
    return {key: float(given.get(key, PARAMETERS[key]["default"])) for key in PARAMETERS}


def allows(parameter, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    above = value > parameter.get("exclusiveMinimum", -math.inf)
    return above and parameter.get("minimum", -math.inf) <= value < parameter.get("exclusiveMaximum", math.inf)


# The names that a share's mean and the state are handed back by.
SHARE = "mean_delta"
STATE = ["momentum", "second_moment"]


class Round:
    """A round, or a share of one."""

    def __init__(self, context):
        self.config = read_config(context.config)
        self.global_model = context.global_model
        if context.state is None:
            self.momentum = self.global_model.filled(0.0).widened()
            self.second_moment = self.momentum.filled(self.config["tau"] ** 2)
        else:
            self.momentum, self.second_moment = restored(context.state, self.global_model)
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
        rate, beta1, beta2, tau = (self.config[key] for key in PARAMETERS)
        delta = Accumulator.mean(self.mean)
        norm = math.sqrt(delta.squared_norm())
        momentum = self.momentum.scaled(beta1).plus(delta.scaled(1.0 - beta1))
        second_moment = self.second_moment.scaled(beta2).plus(delta.square().scaled(1.0 - beta2))
        step = momentum.divided_by(second_moment.root().shifted(tau)).scaled(rate)
        kept = [NamedParameters(name, value) for name, value in zip(STATE, (momentum, second_moment))]
        return Outcome(
            model=self.global_model.plus(step),
            state=State(parameters=kept, bytes=b""),
            metrics=[Metric("update_norm", norm), Metric("step_norm", math.sqrt(step.squared_norm()))],
        )

    def _take(self, delta, weight, updates):
        try:
            self.mean.add(delta, float(weight))
        except Err as error:
            # Only this update's or share's fault: the host names what does not fit, and nothing has changed.
            raise Err(Error_Rejected(error.value.value)) from error
        self.updates += updates


def restored(state, global_model):
    names = [named.name for named in state.parameters]
    if names != STATE or state.bytes:
        raise Err(Error_Failed(f"the state has {names}, but this optimiser keeps {STATE}"))
    moments = [named.value for named in state.parameters]
    for moment in moments:
        # A sum of models that do not fit together is refused: found out now, and not after the clients' work.
        global_model.plus(moment)
    return moments


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
            name="fedadam-python",
            version="0.1.0",
            summary="FedOpt with Adam: steps that are scaled by a running mean of the squared change.",
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
