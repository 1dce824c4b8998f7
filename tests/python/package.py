"""Packs the package of the tests, and uploads it through FEDn's own `APIClient`.

    python package.py --port 8080
"""

import argparse
import os
import tarfile
import tempfile

from fedn import APIClient

PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "package", "client")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    client = APIClient("127.0.0.1", arguments.port)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "package.tgz")
        with tarfile.open(path, "w:gz") as archive:
            archive.add(PACKAGE, "client")
        uploaded = client.set_active_package(path, "numpyhelper", "the tests' package", "moves each value by a step")
    active = client.get_active_package()
    assert active["name"] == "the tests' package", (uploaded, active)
    checksum = client.get_package_checksum()
    assert len(checksum["checksum"]) == 64, checksum
    print("UPLOADED", flush=True)


if __name__ == "__main__":
    main()
