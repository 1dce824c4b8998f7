"""The demo: a server on its defaults, five of FEDn's own clients, and twenty rounds of FedAdam on handwritten digits.

`cargo xtask demo` prepares all that this needs, and starts it. It ends well only if everything went well.
"""

import argparse
import json
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from fedn import APIClient

import digits
import network
from processes import Failure, Processes, wait_until

# What a server listens on if nothing is said.
HOST, PORT = "127.0.0.1", 8080
SERVER = f"http://{HOST}:{PORT}/"

ROUNDS = 20
ENOUGH = 0.93
ROUND_TIMEOUT_S = 120
# A fifth of the default, with which the model is as good but ever surer of its mistakes.
LEARNING_RATE = 0.02

ROUND = """
query ($session: ID!, $number: Int!) {
  session(id: $session) {
    status
    reason
    round(number: $number) {
      status
      model { id }
      validationMetrics
      participants { nodes { clientId status examples metrics } }
    }
  }
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fedwit", type=Path, required=True, help="the server's binary")
    parser.add_argument("--keep", action="store_true", help="leave the server up in the end")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fedwit-demo-"))
    try:
        with Processes(folder) as processes:
            demo(processes, arguments.fedwit)
            if arguments.keep:
                process = processes.leave("server")
                print(f"\nThe server is still up, as process {process}, on {folder}/server.")
                print(f"GraphiQL is at {SERVER}graphiql/. To stop it: kill {process}")
    except Failure as failure:
        sys.exit(f"demo: {failure}\ndemo: what it left is in {folder}")
    except KeyboardInterrupt:
        sys.exit(f"demo: stopped; what it left is in {folder}")
    if not arguments.keep:
        shutil.rmtree(folder)


def demo(processes: Processes, fedwit: Path) -> None:
    started = time.monotonic()
    start_server(processes, fedwit)
    print(f"A server listens at {SERVER}. Its data, and all logs, are in {processes.folder}.")
    here = Path(__file__).resolve().parent
    for client in range(digits.CLIENTS):
        share = digits.share(client)[0]
        counts = np.bincount(share.digits, minlength=10)
        print(f"  client digits-{client} has {len(share.digits):4} pictures; of each digit: {counts}")
        processes.start(
            f"client-{client}", sys.executable, here / "client.py", "--server", SERVER, "--client", str(client)
        )

    api = APIClient(HOST, PORT)
    seed = processes.folder / "seed.npz"
    seed.write_bytes(network.dump(network.fresh(digits.SEED)).getvalue())
    added = api.set_active_model(str(seed))
    if not added.get("success"):
        raise Failure(f"the seed model is not taken: {added}")
    wait_until("five clients", 60, processes, lambda: api.get_active_clients()["count"] == digits.CLIENTS)
    # Clients are heard of a moment before they are there for tasks.
    def begin() -> dict | None:
        answer = api.start_session(
            name="digits", aggregator="fedadam", aggregator_kwargs={"learning_rate": LEARNING_RATE}, rounds=ROUNDS,
            round_timeout=ROUND_TIMEOUT_S, min_clients=digits.CLIENTS, helper="numpyhelper",
        )
        return None if answer.get("code") == "CLIENTS_TOO_FEW" else answer

    begun = wait_until("a start", 60, processes, begin)
    if begun.get("message") != "Session started":
        raise Failure(f"the session is not started: {begun}")
    session = begun["session_id"]
    print(f"\nSession {session}: {ROUNDS} rounds of fedadam.")
    print("round  held-out loss  accuracy  clients' own accuracy  took part (loss after training)")
    weights = network.fresh(digits.SEED)
    for number in range(1, ROUNDS + 1):
        weights = show_round(processes, api, session, number)

    wait_until("the session's end", 60, processes, lambda: api.session_is_finished(session))
    accuracy = network.evaluate(weights, digits.held_out()).accuracy
    shapes = ", ".join(f"{array.dtype}{list(array.shape)}" for array in weights)
    print(f"\nNumPy opens the last model: {shapes}.")
    print(f"It reads {accuracy:.1%} of {len(digits.held_out().digits)} held-out pictures right,", end=" ")
    print(f"after {time.monotonic() - started:.0f} seconds in all.")
    if accuracy < ENOUGH:
        raise Failure(f"an accuracy of {accuracy:.3f} is less than {ENOUGH}")


def start_server(processes: Processes, fedwit: Path) -> None:
    with socket.socket() as probe:
        # As the server does: what an earlier one has left behind is not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError as error:
            raise Failure(f"the demo needs {HOST}:{PORT} for itself, and cannot have it: {error.strerror}") from error
    processes.start("server", fedwit, "serve", "--no-auth")
    wait_until("the server", 60, processes, is_ready)


def is_ready() -> bool:
    try:
        with urllib.request.urlopen(SERVER + "readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def show_round(processes: Processes, api: APIClient, session: str, number: int) -> network.Weights:
    """Waits for a round, measures its model, and shows both. Gives the model."""

    def finished() -> dict | None:
        found = ask(ROUND, session=session, number=number)["session"]
        if found["status"] in ("FAILED", "STOPPED"):
            raise Failure(f"the session is {found['status'].lower()}: {found['reason']}")
        done = found["round"]
        # Clients validate after the model is there.
        return done if done and done["status"] == "FINISHED" and done["validationMetrics"] else None

    done = wait_until(f"round {number}", 2 * ROUND_TIMEOUT_S, processes, finished)
    path = processes.folder / "model.npz"
    if not api.download_model(done["model"]["id"], str(path))["success"]:
        raise Failure(f"model {done['model']['id']} cannot be downloaded")
    weights = network.load(str(path))
    quality = network.evaluate(weights, digits.held_out())
    own = done["validationMetrics"]["accuracy"]
    parts = done["participants"]["nodes"]
    counted = sorted((part for part in parts if part["status"] == "ACCEPTED"), key=lambda part: part["clientId"])
    shown = "  ".join(f"{part['clientId']} ({part['metrics']['loss']:.3f})" for part in counted)
    print(f"{number:5}  {quality.loss:13.4f}  {quality.accuracy:8.1%}  {own:21.1%}  {shown}", flush=True)
    if len(counted) != digits.CLIENTS:
        raise Failure(f"{len(counted)} clients took part in round {number}: {parts}")
    return weights


def ask(query: str, **variables: object) -> dict:
    """Asks the server's GraphQL API."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(SERVER + "graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answered = json.load(answer)
    if "errors" in answered:
        raise Failure(f"GraphQL: {answered['errors']}")
    return answered["data"]


if __name__ == "__main__":
    main()
