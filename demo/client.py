"""One of the demo's clients: FEDn's own client library, unmodified, with a share of the digits to train on.

    python client.py --server http://127.0.0.1:8080/ --client 0
"""

import argparse
import sys
import time
from io import BytesIO

import numpy as np
from fedn.network.clients.fedn_client import ConnectToApiResult, FednClient

import digits
import network

EPOCHS = 3
LEARNING_RATE = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="where the server is")
    parser.add_argument("--client", type=int, required=True, help="whose share to take, from 0")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long each training takes at least")
    arguments = parser.parse_args()

    own, validation = digits.share(arguments.client)
    random = np.random.default_rng(arguments.client)
    name = f"digits-{arguments.client}"

    def train(model: BytesIO, settings: dict) -> tuple[BytesIO, dict]:
        time.sleep(arguments.seconds)
        epochs = int(settings.get("epochs", EPOCHS))
        learning_rate = float(settings.get("learning_rate", LEARNING_RATE))
        weights = network.train(network.load(model), own, epochs, learning_rate, random)
        loss = network.evaluate(weights, own).loss
        training = {"num_examples": len(own.digits), "epochs": epochs, "learning_rate": learning_rate, "loss": loss}
        return network.dump(weights), {"training_metadata": training}

    def validate(model: BytesIO) -> dict:
        quality = network.evaluate(network.load(model), validation)
        return {"loss": quality.loss, "accuracy": quality.accuracy, "num_examples": len(validation.digits)}

    def predict(model: BytesIO) -> dict:
        return {"digits": network.predict(network.load(model), validation.pixels[:8])}

    client = FednClient(train_callback=train, validate_callback=validate, predict_callback=predict)
    registration = {"name": name, "client_id": name, "preferred_combiner": "", "package": "local"}
    result, options = client.connect_to_api(arguments.server, None, registration)
    if result is not ConnectToApiResult.Assigned:
        sys.exit(f"the server does not take this client: {options}")
    if not client.init_grpchandler(config=options, client_name=name, token=None):
        sys.exit("the server cannot be reached over gRPC")
    client.run()


if __name__ == "__main__":
    main()
