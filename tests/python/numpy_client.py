"""A client on FEDn's own client library, unmodified, whose training is a few lines of NumPy.

    python numpy_client.py --server http://127.0.0.1:8080/ --id a --seed 1 --examples 100
"""

import argparse
import sys
import time

from fedn.network.clients.fedn_client import ConnectToApiResult, FednClient

import task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--id", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.0, help="how long each training takes at least")
    arguments = parser.parse_args()
    points = task.Points(arguments.seed, arguments.examples)

    def train(model, settings):
        print("TRAINS", flush=True)
        time.sleep(arguments.seconds)
        model.seek(0)
        trained = task.train(task.load(model), points, int(settings.get("steps", 5)))
        client.log_metric({"train_loss": task.loss(trained, points.features, points.values)})
        return task.dump(trained), {"training_metadata": {"num_examples": arguments.examples}}

    def validate(model):
        model.seek(0)
        loss = task.loss(task.load(model), points.kept_features, points.kept_values)
        return {"val_loss": loss, "num_examples": len(points.kept_values)}

    def predict(model):
        model.seek(0)
        weights, offset = task.load(model)
        return {"values": (points.kept_features[:3] @ weights + offset).tolist()}

    client = FednClient(train_callback=train, validate_callback=validate, predict_callback=predict)
    registration = {"name": arguments.id, "client_id": arguments.id, "preferred_combiner": "", "package": "local"}
    result, options = client.connect_to_api(arguments.server, None, registration)
    if result is not ConnectToApiResult.Assigned:
        sys.exit(f"not assigned: {result} {options}")
    if not client.init_grpchandler(config=options, client_name=arguments.id, token=None):
        sys.exit("no connection")
    client.log_attributes({"kind": "numpy_client"})
    client.run()


if __name__ == "__main__":
    main()
