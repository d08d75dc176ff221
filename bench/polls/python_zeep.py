# SPDX-License-Identifier: MIT
"""python's zeep: a SOAP client of the operation in node.wsdl, in so many threads. Prints what
common.lua says."""
import resource
import sys
import threading
import time

import zeep

url, in_flight, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
counts = [0] * in_flight
is_over = False


def poll_again(number):
    client = zeep.Client("bench/polls/node.wsdl")
    service = client.create_service("{ns1}node", url)
    while not is_over:
        assert service.getTaskStatus(taskId="1")["status"] == "PREPARATION"
        counts[number] += 1


threads = [threading.Thread(target=poll_again, args=(i,), daemon=True) for i in range(in_flight)]
for thread in threads:
    thread.start()
# Each thread reads the WSDL first.
while min(counts) == 0:
    time.sleep(0.1)
before, cpu, began = sum(counts), time.process_time(), time.monotonic()
time.sleep(seconds)
print(sum(counts) - before, time.process_time() - cpu, time.monotonic() - began,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
is_over = True
