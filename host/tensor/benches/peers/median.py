"""What a median is measured against: numpy.median over the first axis, which is what Flower's `aggregate_median` calls.

usage: median.py ELEMENTS FILE...

For each line on standard input, takes the median of ELEMENTS float32 coordinates, from the start of what the files hold
after their headers, on one thread. Prints the nanoseconds of CPU time that took and the median of the last coordinate.
"""

import sys
import time

import numpy

elements, files = int(sys.argv[1]), sys.argv[2:]


def values(path):
    with open(path, "rb") as file:
        header = int.from_bytes(file.read(8), "little")
    return numpy.memmap(path, dtype="<f4", mode="r", offset=8 + header, shape=(elements,))


models = [values(path) for path in files]
for _ in sys.stdin:
    start = time.process_time_ns()
    median = numpy.median(numpy.asarray(models), axis=0)
    print(time.process_time_ns() - start, repr(float(median[-1])), flush=True)
