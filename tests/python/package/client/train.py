"""Moves each value of the model halfway to 1. `train.py MODEL UPDATED`, each with a `-metadata` file beside it."""

import json
import sys

import numpy as np

model_path, updated_path = sys.argv[1:3]
with np.load(model_path, allow_pickle=False) as arrays:
    model = [arrays[str(index)] for index in range(len(arrays.files))]
with open(model_path + "-metadata") as file:
    settings = json.load(file)
updated = [(array + (1 - array) / 2).astype(array.dtype) for array in model]
with open(updated_path, "wb") as file:
    np.savez_compressed(file, **{str(index): array for index, array in enumerate(updated)})
with open(updated_path + "-metadata", "w") as file:
    json.dump({"num_examples": 10, "batch_size": 5, "epochs": 1, "lr": 0.5, "settings": settings}, file)
