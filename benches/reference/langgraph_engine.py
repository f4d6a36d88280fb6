"""The peer of `cargo bench --bench engine`: the same shapes in LangGraph with its SQLite checkpointer.

    python3 -m venv v && v/bin/pip install langgraph langgraph-checkpoint-sqlite
    v/bin/python benches/reference/langgraph_engine.py [FOLDER]

FOLDER is where the databases go; take one on the disk that the other bench used. Prints µs a step, the middle of the rounds, by the
clock and of processor time, beside a raw fdatasync of 4 KB in the same folder, and the bytes that the database keeps for a step.
"""

import operator
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from typing import Annotated, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send


class State(TypedDict):
    done: Annotated[int, operator.add]


def chain(length):
    graph = StateGraph(State)
    for n in range(length):
        graph.add_node(f"s{n}", lambda state: {"done": 1})
        graph.add_edge(START if n == 0 else f"s{n - 1}", f"s{n}")
    graph.add_edge(f"s{length - 1}", END)
    return graph


def fan(width):
    graph = StateGraph(State)
    graph.add_node("first", lambda state: {"done": 1})
    graph.add_node("each", lambda state: {"done": 1})
    graph.add_node("join", lambda state: {"done": 1})
    graph.add_edge(START, "first")
    graph.add_conditional_edges("first", lambda state: [Send("each", {"done": 0}) for _ in range(width)], ["each"])
    graph.add_edge("each", "join")
    graph.add_edge("join", END)
    return graph


def floor(folder, rounds=200):
    path = os.path.join(folder, "raw")
    with open(path, "wb") as file:
        file.write(b"1" * 4096 * rounds)
        file.flush()
        os.fsync(file.fileno())
    descriptor, times = os.open(path, os.O_WRONLY), []
    for n in range(rounds):
        begin = time.perf_counter()
        os.pwrite(descriptor, b"7" * 4096, n * 4096)
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - begin)
    os.close(descriptor)
    return statistics.median(times) * 1e6


def measure(name, graph, steps, folder, durable, rounds):
    times, used, size = [], [], 0
    for n in range(rounds):
        path = os.path.join(folder, f"{name}-{n}.db".replace(" ", "-"))
        config = {"configurable": {"thread_id": "1"}, "recursion_limit": steps + 10}
        if durable:
            connection = sqlite3.connect(path, check_same_thread=False)
            # What a process or a machine that stops must not lose; SQLite's own default with a write-ahead log is less.
            connection.execute("PRAGMA synchronous=FULL")
            app = graph.compile(checkpointer=SqliteSaver(connection))
            begin, before = time.perf_counter(), time.process_time()
            left = app.invoke({"done": 0}, config, durability="sync")
            times.append(time.perf_counter() - begin)
            used.append(time.process_time() - before)
            connection.close()
            size = sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))
        else:
            app = graph.compile()
            begin, before = time.perf_counter(), time.process_time()
            left = app.invoke({"done": 0}, config)
            times.append(time.perf_counter() - begin)
            used.append(time.process_time() - before)
        assert left["done"] == steps, left
    each, processor = (statistics.median(found) / steps * 1e6 for found in (times, used))
    print(f"{name:<46}{each:9.1f} µs a step, {processor:8.1f} of processor" + (f"   {size / steps:9.0f} bytes a step" if durable else ""))


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as folder:
        print(f"raw fdatasync of 4 KB {floor(folder):.0f} µs; load {os.getloadavg()[0]:.1f}")
        measure("chain of 100, no checkpointer", chain(100), 100, folder, False, 5)
        measure("fan of 1,000 + join, no checkpointer", fan(1_000), 1_002, folder, False, 3)
        measure("chain of 100, SQLite, durability=sync", chain(100), 100, folder, True, 5)
        measure("fan of 1,000 + join, SQLite, durability=sync", fan(1_000), 1_002, folder, True, 3)
        print(f"raw fdatasync of 4 KB {floor(folder):.0f} µs; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
