"""The model's first values. `predict.py MODEL PREDICTION`."""

import json
import sys

import numpy as np

with np.load(sys.argv[1], allow_pickle=False) as arrays:
    values = arrays["0"].ravel()[:3].tolist()
with open(sys.argv[2], "w") as file:
    json.dump({"values": values}, file)
