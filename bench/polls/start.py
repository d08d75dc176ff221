# SPDX-License-Identifier: MIT
"""What a fresh process takes that looks at one task and ends: curl's command line, and start.lua on
both Luas, with the same request. They take turns: start.py URL [RUNS]"""
import os
import statistics
import sys
import time

url, runs = sys.argv[1], int(sys.argv[2] if len(sys.argv) > 2 else 101)
CURL = ["curl", "-s", "-d", "@bench/polls/request.json",
        url + "/service/taskqueue/getStatus?output=json&api=v1"]
commands = {
    "curl": CURL,
    "Lua 5.4": ["lua5.4", "bench/polls/start.lua", url],
    "LuaJIT": ["luajit", "bench/polls/start.lua", url],
}
nowhere = os.open(os.devnull, os.O_WRONLY)


def take(command):
    """Milliseconds of CPU, user and system, and on the clock."""
    began = time.monotonic()
    quiet = [(os.POSIX_SPAWN_DUP2, nowhere, 1)]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    assert status == 0, command
    return (used.ru_utime + used.ru_stime) * 1e3, (time.monotonic() - began) * 1e3


names = list(commands)
samples = {name: [] for name in names}
for number in range(-1, runs):
    for turn in range(len(names)):
        name = names[(number + turn) % len(names)]
        sample = take(commands[name])
        # The first round only fills the caches.
        if number >= 0:
            samples[name].append(sample)

for name in names:
    cpu, wall = ([sample[i] for sample in samples[name]] for i in (0, 1))
    ratios = [mine[0] / curls[0] for mine, curls in zip(samples[name], samples["curl"])]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"start, {name}: {statistics.median(cpu):.1f} ms of CPU, {statistics.median(wall):.1f} on "
          f"the clock, ratio to curl {middle:.2f} ({low:.2f}-{high:.2f})")
