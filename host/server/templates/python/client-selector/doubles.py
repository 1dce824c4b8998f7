"""What the host asks a client selector with, for native tests."""

from wit_world.exports.client_selector import Candidate, Participation, Selection


def candidate(client, asked=0, given_up=0):
    history = Participation(
        asked=asked,
        accepted=0,
        refused=0,
        given_up=given_up,
        last_asked_round=None,
        last_accepted_round=None,
        mean_duration_ms=None,
        last_duration_ms=None,
        num_examples=None,
        metrics=[],
    )
    return Candidate(client=client, attributes=[], history=history)


def selection(clients_requested, config="{}"):
    """The first attempt at a first round."""
    return Selection(
        config=config, round=1, attempt=1, seed=0, clients_requested=clients_requested, clients_required=1
    )
