"""The other peer of `cargo bench --bench engine`: the same shapes in Restate, its server beside a Python service.

    npm install @restatedev/restate-server
    python3 -m venv v && v/bin/pip install restate-sdk hypercorn
    v/bin/python benches/reference/restate_engine.py node_modules/@restatedev/restate-server-linux-x64/bin/restate-server [FOLDER]

A step is one `ctx.run`, which the server keeps before the next one begins. FOLDER is where the server keeps its log; take one on the
disk that the other bench used. The server syncs its write-ahead log by its defaults, which is said with the numbers. Prints µs a step,
the middle of the rounds, by the clock and of the server's processor time, beside a raw fdatasync of 4 KB in the same folder.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import hypercorn.asyncio
import hypercorn.config
import restate

PORTS = {"ingress": 18080, "admin": 19070, "node": 15122, "service": 19080}

shapes = restate.Service("shapes")


def nothing():
    return 1


@shapes.handler()
async def chain(ctx: restate.Context, length: int) -> int:
    done = 0
    for n in range(length):
        done += await ctx.run_typed(f"s{n}", nothing)
    return done


@shapes.handler()
async def fan(ctx: restate.Context, width: int) -> int:
    done = await ctx.run_typed("first", nothing)
    each = [ctx.run_typed(f"each{n}", nothing) for n in range(width)]
    for one in await restate.gather(*each):
        done += await one
    return done + await ctx.run_typed("join", nothing)


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


def ask(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def until_up(url, seconds=60):
    for _ in range(seconds * 5):
        try:
            return ask(url)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise SystemExit(f"{url} did not come up")


def processor(process):
    with open(f"/proc/{process.pid}/stat") as file:
        parts = file.read().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def measure(name, handler, size, steps, server, rounds):
    times, before = [], processor(server)
    for _ in range(rounds):
        begin = time.perf_counter()
        done = int(ask(f"http://127.0.0.1:{PORTS['ingress']}/shapes/{handler}", size))
        times.append(time.perf_counter() - begin)
        assert done == steps, done
    each = statistics.median(times) / steps * 1e6
    used = (processor(server) - before) / (rounds * steps) * 1e6
    print(f"{name:<46}{each:9.1f} µs a step, {used:8.1f} of the server's processor")


def drive(server, folder):
    until_up(f"http://127.0.0.1:{PORTS['admin']}/health")
    ask(f"http://127.0.0.1:{PORTS['admin']}/deployments", {"uri": f"http://127.0.0.1:{PORTS['service']}"})
    print(f"raw fdatasync of 4 KB {floor(folder):.0f} µs; load {os.getloadavg()[0]:.1f}")
    measure("warm-up, chain of 100", "chain", 100, 100, server, 3)
    measure("chain of 100", "chain", 100, 100, server, 7)
    measure("fan of 1,000 + join", "fan", 1_000, 1_002, server, 5)
    with open(f"/proc/{server.pid}/status") as file:
        print(next(line.strip() for line in file if line.startswith("VmRSS")), "of the server")
    print(f"raw fdatasync of 4 KB {floor(folder):.0f} µs; load {os.getloadavg()[0]:.1f}")


async def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{PORTS['service']}"]
    config.accesslog = config.errorlog = None
    over = asyncio.Event()
    served = asyncio.create_task(hypercorn.asyncio.serve(restate.app([shapes]), config, shutdown_trigger=over.wait))
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else ".") as folder:
        settings = {
            "RESTATE_BASE_DIR": folder,
            "RESTATE_LOG_FILTER": "error",
            "RESTATE_BIND_PORT": str(PORTS["node"]),
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{PORTS['ingress']}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{PORTS['admin']}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_DISABLE_TELEMETRY": "true",
        }
        server = subprocess.Popen([os.path.abspath(sys.argv[1]), "--no-logo"], env={**os.environ, **settings}, cwd=folder)
        try:
            await asyncio.to_thread(drive, server, folder)
        finally:
            server.terminate()
            server.wait()
            over.set()
            await served


if __name__ == "__main__":
    asyncio.run(main())
