"""Runs a buffered session over the demo's clients, and prints what became of it as one line of JSON.

    python digits_buffered.py --port 8080 --clients 5 --models 40
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from fedn import APIClient

sys.path.append(str(Path(__file__).resolve().parents[2] / "demo"))

import digits  # noqa: E402
import network  # noqa: E402

RUN = """mutation ($seed: ID!, $config: SessionConfigInput!, $rounds: Int!) {
  runSession(input: { seedModelId: $seed, config: $config }, run: { rounds: $rounds }) { id }
}"""
STATUS = "query ($id: ID!) { session(id: $id) { status reason model { id } } }"
ROUND = """query ($id: ID!, $number: Int!) { session(id: $id) { round(number: $number) {
  validationMetrics participants(first: 100) { nodes { clientId status staleness } }
} } }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--models", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--aggregator", required=True)
    parser.add_argument("--seconds", type=float, default=150, help="how long it may take")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    client = APIClient("127.0.0.1", arguments.port)

    def ask(query: str, **variables: object) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"http://127.0.0.1:{arguments.port}/graphql"
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            answered = json.load(answer)
        assert "errors" not in answered, answered
        return answered["data"]

    with tempfile.TemporaryDirectory() as folder:
        seed, last = Path(folder) / "seed.npz", Path(folder) / "last.npz"
        seed.write_bytes(network.dump(network.fresh(digits.SEED)).getvalue())
        added = client.set_active_model(str(seed))
        assert added["success"], added
        wait(deadline, "clients", lambda: client.get_active_clients()["count"] >= arguments.clients)
        config = {
            "aggregator": arguments.aggregator,
            "buffered": {"size": arguments.size, "validateEvery": 5},
            "clientsRequired": min(arguments.size, arguments.clients),
            "roundTimeoutS": 60,
        }
        session = ask(RUN, seed=added["model_id"], config=config, rounds=arguments.models)["runSession"]["id"]
        print("STARTED", session, flush=True)

        def ended() -> dict | None:
            found = ask(STATUS, id=session)["session"]
            return found if found["status"] in ("FINISHED", "FAILED", "STOPPED") else None

        found = wait(deadline, "the session's end", ended)
        assert client.download_model(found["model"]["id"], str(last))["success"]
        accuracy = network.evaluate(network.load(str(last)), digits.held_out()).accuracy

    rounds = [ask(ROUND, id=session, number=number)["session"]["round"] for number in range(1, arguments.models + 1)]
    counted = [part for done in rounds for part in done["participants"]["nodes"] if part["status"] == "ACCEPTED"]
    print("RESULT " + json.dumps({
        "status": found["status"],
        "reason": found["reason"],
        "accuracy": float(accuracy),
        "updates": len(counted),
        "stale": sum(part["staleness"] > 0 for part in counted),
        "clients": sorted({part["clientId"] for part in counted}),
        "validated": sum(done["validationMetrics"] is not None for done in rounds),
    }), flush=True)


def wait(deadline: float, what: str, look):
    while not (seen := look()):
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.1)
    return seen


if __name__ == "__main__":
    main()
