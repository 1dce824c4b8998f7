"""Writes the seeds of the fuzz targets: small files as NumPy and safetensors themselves write them.

Run it with a Python that has numpy and safetensors. The files are kept beside it, so that fuzzing needs neither.
"""

import io
import json
import pathlib

import numpy as np
from safetensors.numpy import save

SEEDS = pathlib.Path(__file__).parent / "seeds"

# The tensors that every target expects of an update.
MODEL = {
    "0": np.linspace(-1, 1, 6, dtype="<f4").reshape(2, 3),
    "1": np.array(7, "<i8"),
    "2": np.array([0.5, -2], "<f2"),
    "3": np.array([[1e300, -0.0]], "<f8"),
    "4": np.array([[1, 2], [3, 255]], "u1"),
    "5": np.array([0, 2**32 - 1], "<u4"),
    "6": np.zeros(0, "u1"),
}


def keep(target: str, name: str, first: int, data: bytes) -> None:
    """The first byte tells the target how to read the rest."""
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(bytes([first]) + data)


def archive(save_with, arrays) -> bytes:
    file = io.BytesIO()
    save_with(file, **arrays)
    return file.getvalue()


def array(values, version=(1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version=version)
    return file.getvalue()


def main() -> None:
    small = {name: MODEL[name] for name in ("1", "2")}
    keep("npz", "model_stored", 0, archive(np.savez, MODEL))
    keep("npz", "model_deflated", 0, archive(np.savez_compressed, MODEL))
    keep("npz", "two_tensors", 0, archive(np.savez_compressed, small))
    keep("npz", "no_tensors", 0, archive(np.savez, {}))
    arrays = [array(values) for values in MODEL.values()]
    keep("npz", "arrays", 1, b"".join(bytes([len(data)]) + data for data in arrays))
    keep("npz", "arrays_deflated", 3, b"".join(bytes([len(data)]) + data for data in arrays))
    for name, values, version in [
        ("fortran_order", np.asfortranarray(MODEL["0"]), (1, 0)),
        ("big_endian", MODEL["0"].astype(">f4"), (1, 0)),
        ("version_2", MODEL["4"], (2, 0)),
        ("version_3", MODEL["5"], (3, 0)),
        ("other_dtype", MODEL["5"].astype("<i4"), (1, 0)),
    ]:
        data = array(values, version)
        keep("npz", name, 1, bytes([len(data)]) + data)

    whole = save(MODEL, metadata={"format": "np"})
    keep("safetensors", "model", 0, whole)
    keep("safetensors", "no_tensors", 0, save({}))
    for name, tensors in [("two_tensors", small), ("model_header", MODEL)]:
        data = save(tensors)
        length = int.from_bytes(data[:8], "little")
        header, values = data[8 : 8 + length], data[8 + length :]
        keep("safetensors", name, 1, bytes([len(values)]) + header)
    bfloat16 = {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    keep("safetensors", "bfloat16", 1, bytes([4]) + json.dumps(bfloat16).encode())

    flat = np.concatenate([values.ravel().astype("<f8") for values in MODEL.values()])
    flat[np.abs(flat) > 1e100] = 3
    for target, dtype in [("flat_float64", "<f8"), ("flat_float32", "<f4")]:
        keep(target, "model", 0, flat.astype(dtype).tobytes())
        keep(target, "seed", 0, flat[:3].astype(dtype).tobytes())
        keep(target, "not_finite", 1, np.array([np.nan, np.inf, -np.inf, -0.0], dtype).tobytes())


main()
