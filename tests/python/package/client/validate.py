"""How far the model is from 1. `validate.py MODEL METRICS`."""

import json
import sys

import numpy as np

with np.load(sys.argv[1], allow_pickle=False) as arrays:
    distance = max(float(np.abs(1 - arrays[name]).max()) for name in arrays.files)
with open(sys.argv[2], "w") as file:
    json.dump({"val_loss": distance, "num_examples": 10}, file)
