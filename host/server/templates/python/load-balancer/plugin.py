"""{{name}}: a load balancer that gives clients the combiner that they would like, unless others have far less to do.

What each function does and what must hold is written in wit/load-balancer.wit.
"""

import json

import config
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Description, Error_Failed

CONFIG_SCHEMA = config.schema(
    tolerance={
        "type": "integer",
        "description": "How many clients more than the least loaded a combiner may have for a wish to be granted.",
        "default": 10,
        "minimum": 0,
    },
)


def has_room(combiner):
    return combiner.capacity is None or combiner.clients < combiner.capacity


class LoadBalancer(exports.LoadBalancer):
    """What the host calls, each call on a new instance: nothing is kept from one to the next."""

    def describe(self):
        return Description(
            name="{{name}}",
            version="0.1.0",
            summary="Gives clients the combiner that they would like, unless others have far less to do.",
            config_schema=json.dumps(CONFIG_SCHEMA),
            permissions=[],
        )

    def check(self, config_text):
        config.read(config_text, CONFIG_SCHEMA)

    def place(self, config_text, client, combiners):
        tolerance = config.read(config_text, CONFIG_SCHEMA)["tolerance"]
        roomy = [combiner for combiner in combiners if has_room(combiner)]
        if not roomy:
            raise Err(Error_Failed("no combiner has room for another client"))
        # Of several the first by name, whatever order they come in.
        least = min(roomy, key=lambda combiner: (combiner.clients, combiner.name))
        for combiner in roomy:
            if combiner.name == client.preferred and combiner.clients <= least.clients + tolerance:
                return combiner.name
        return least.name
