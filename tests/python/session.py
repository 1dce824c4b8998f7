"""Runs a session through FEDn's own `APIClient`, and prints what became of it as one line of JSON.

    python session.py --port 8080 --clients 3 --rounds 5 --aggregator fedavg
"""

import argparse
import json
import os
import tempfile
import time

import numpy as np
from fedn import APIClient

import task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--aggregator", default="fedavg")
    parser.add_argument("--name")
    parser.add_argument("--seconds", type=float, default=150, help="how long it may take")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    client = APIClient("127.0.0.1", arguments.port)

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "seed.npz")
        with open(path, "wb") as file:
            file.write(task.dump(task.seed_model()).getvalue())
        added = client.set_active_model(path)
    assert added["success"], added

    wait(deadline, "clients", lambda: client.get_active_clients()["count"] >= arguments.clients)
    started = {}

    # After a restart clients are heard of before they have come back for tasks.
    def start() -> bool:
        started.update(client.start_session(
            name=arguments.name, aggregator=arguments.aggregator, model_id=added.get("model_id"),
            rounds=arguments.rounds, round_timeout=60, min_clients=arguments.clients, helper="numpyhelper",
        ))
        return started["message"] == "Session started"

    wait(deadline, lambda: f"a start: {started}", start)
    session = started["session_id"]
    print("STARTED", session, flush=True)
    wait(deadline, "the session's end", lambda: client.session_is_finished(session))

    # The trail begins with the newest, and the seed is its end.
    trail = client.get_models(session_id=session)["result"]
    losses = {}
    for validation in client.get_validations(session_id=session)["result"]:
        losses.setdefault(validation["model_id"], []).append(json.loads(validation["data"]).get("val_loss"))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.npz")
        newest = trail[0]
        assert client.download_model(newest["model_id"], path)["success"]
        with np.load(path, allow_pickle=False) as arrays:
            shapes = {name: list(arrays[name].shape) for name in arrays.files}
            finite = all(bool(np.isfinite(arrays[name]).all()) for name in arrays.files)
    print("RESULT " + json.dumps({
        "session": session,
        "status": client.get_session_status(session),
        "models": [model["model_id"] for model in trail],
        "losses": [losses.get(model["model_id"], []) for model in reversed(trail)],
        "rounds": client.get_rounds_count(),
        "shapes": shapes,
        "finite": finite,
    }), flush=True)


def wait(deadline: float, what, look) -> None:
    while not look():
        assert time.monotonic() < deadline, f"still waiting for {what() if callable(what) else what}"
        time.sleep(0.1)


if __name__ == "__main__":
    main()
