"""What a server must refuse at once, asked through FEDn's own `APIClient`. Prints each answer as one line of JSON.

    python requests_refused.py --port 8080
"""

import argparse
import json
import os
import tempfile

from fedn import APIClient
from fedn.network.combiner.hooks.serverfunctionsbase import ServerFunctionsBase

import task


class Functions(ServerFunctionsBase):
    """Code that a server is asked to run."""

    def aggregate(self, previous_global, client_updates):
        return previous_global


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    client = APIClient("127.0.0.1", parser.parse_args().port)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "seed.npz")
        with open(path, "wb") as file:
            file.write(task.dump(task.seed_model()).getvalue())
        client.set_active_model(path)
    for name, wish in {
        "server_functions": {"server_functions": Functions},
        "aggregator": {"aggregator": "fedmagic"},
        "aggregator_kwargs": {"aggregator": "fedadam", "aggregator_kwargs": {"learning_rate": -1.0}},
        "min_clients": {"min_clients": 0},
        "clients_online": {"min_clients": 3},
        "round_timeout": {"round_timeout": 0},
        "helper": {"helper": "picklehelper"},
    }.items():
        print(json.dumps([name, client.start_session(**({"helper": "numpyhelper"} | wish))]), flush=True)


if __name__ == "__main__":
    main()
