"""What a fold is measured against: Flower's FedAvg over messages, as its server application runs it.

usage: fedavg.py ELEMENTS UPDATES

For each line on standard input, has the strategy aggregate UPDATES replies with a float32 array of ELEMENTS elements
each, which are in memory as they come from clients. Prints the nanoseconds of CPU time that took and an element of the
mean.
"""

import logging
import sys
import time

import numpy
from flwr.common import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg
from flwr.supercore.task_identity import TaskIdentity

elements, updates = int(sys.argv[1]), int(sys.argv[2])


def values(shift):
    return ((numpy.arange(elements, dtype=numpy.int64) * 31 + shift * 17) % 1000).astype(numpy.float32) / numpy.float32(1000)


def reply(update):
    content = RecordDict(
        {
            "arrays": ArrayRecord({"0": Array(values(update))}),
            "metrics": MetricRecord({"num-examples": update + 1}),
        }
    )
    return Message(content, reply_to=Message(RecordDict(), dst_node_id=update + 1, message_type="train"))


logging.getLogger("flwr").setLevel(logging.WARNING)
# Messages are made within a run.
TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
strategy = FedAvg()
replies = [reply(update) for update in range(updates)]
for _ in sys.stdin:
    start = time.process_time_ns()
    mean, _ = strategy.aggregate_train(1, replies)
    taken = time.process_time_ns() - start
    print(taken, repr(float(mean["0"].numpy()[elements // 3])), flush=True)
