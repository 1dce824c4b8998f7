"""{{name}}: a client selector that asks the clients that were asked least often, and unreliable ones last.

What each function does and what must hold is written in wit/client-selector.wit.
"""

import json

import config
from wit_world import exports
from wit_world.exports.client_selector import Selected
from wit_world.imports.types import Description

CONFIG_SCHEMA = config.schema(
    patience={
        "type": "integer",
        "description": "A client that was given up more often than this comes last.",
        "default": 3,
        "minimum": 0,
    },
)


class ClientSelector(exports.ClientSelector):
    """What the host calls, each call on a new instance: nothing is kept from one to the next."""

    def describe(self):
        return Description(
            name="{{name}}",
            version="0.1.0",
            summary="Asks the clients that were asked least often, and unreliable ones last.",
            config_schema=json.dumps(CONFIG_SCHEMA),
            permissions=[],
        )

    def check(self, config_text):
        config.read(config_text, CONFIG_SCHEMA)

    def select(self, context, candidates):
        patience = config.read(context.config, CONFIG_SCHEMA)["patience"]

        # They come in no particular order, and the same question must get the same answer: the id decides at last.
        def place(candidate):
            history = candidate.history
            return (history.given_up > patience, history.asked, candidate.client)

        chosen = sorted(candidates, key=place)[: context.clients_requested]
        # Settings are for one client alone, a JSON object such as '{"epochs": 2}'; empty for none.
        return [Selected(client=candidate.client, settings="") for candidate in chosen]
