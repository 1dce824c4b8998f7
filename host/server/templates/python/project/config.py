"""Reading a configuration: a JSON object of numbers, as the plugin's schema describes them."""

import json
import math

from componentize_py_types import Err
from wit_world.imports.types import Error_InvalidConfig


def schema(**properties):
    """A schema of these numbers, each with its type, description, default and bounds."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def read(text, schema):
    """The values of a configuration, those that it does not name at their defaults."""
    properties = schema["properties"]
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise Err(Error_InvalidConfig(f"this is no JSON: {error}")) from error
    if not isinstance(given, dict):
        raise Err(Error_InvalidConfig("this is no JSON object"))
    for key in given:
        if key not in properties:
            raise Err(Error_InvalidConfig(f"`{key}` is no parameter of this plugin"))
    config = {key: given.get(key, properties[key]["default"]) for key in properties}
    for key, value in config.items():
        if not _is_allowed(value, properties[key]):
            raise Err(Error_InvalidConfig(f"`{key}` is {value!r}, but must be {_allowed(properties[key])}"))
    return config


def _is_allowed(value, number):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    if number["type"] == "integer" and value != int(value):
        return False
    above, least, most = (number.get(bound) for bound in ("exclusiveMinimum", "minimum", "maximum"))
    return (
        (above is None or value > above) and (least is None or value >= least) and (most is None or value <= most)
    )


def _allowed(number):
    words = "a whole number" if number["type"] == "integer" else "a finite number"
    for bound, word in (("exclusiveMinimum", "above"), ("minimum", "from"), ("maximum", "to")):
        if bound in number:
            words += f" {word} {number[bound]}"
    return words
