"""Has every client predict with the newest model, through FEDn's own `APIClient`.

    python predict.py --port 8080 --clients 3
"""

import argparse
import json
import time

from fedn import APIClient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    arguments = parser.parse_args()
    client = APIClient("127.0.0.1", arguments.port)
    model = client.get_active_model()["model_id"]
    started = client.start_predictions(model_id=model)
    deadline = time.monotonic() + 60
    while True:
        answers = client.get_predictions(model_id=model)["result"]
        if len(answers) >= arguments.clients:
            break
        assert time.monotonic() < deadline, (started, answers)
        time.sleep(0.1)
    for answer in answers:
        values = json.loads(answer["data"])["values"]
        assert len(values) == 3, answer
    print("PREDICTED", len(answers), flush=True)


if __name__ == "__main__":
    main()
