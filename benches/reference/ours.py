"""Runs one cycle of a workflow with the program and gives back its insights; what the other scripts here share.

The program is `target/release/loopctl`, or what the variable LOOPCTL names.
"""

import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("LOOPCTL", str(ROOT / "target/release/loopctl"))


def run(workflow, tables):
    """`tables` are data frames by file name, written beside the workflow."""
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            table.to_csv(pathlib.Path(folder) / name, index=False)
        path = pathlib.Path(folder) / "reference.kdl"
        path.write_text(workflow)
        before = os.times()
        done = subprocess.run([PROGRAM, "run", str(path), "--json"], capture_output=True, text=True)
        after = os.times()
        try:
            cycle = json.loads(done.stdout)["cycles"][-1]
        except (ValueError, KeyError, IndexError):
            raise SystemExit(f"{PROGRAM} did not run the workflow:\n{done.stdout}\n{done.stderr}")
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return cycle["insights"], spent


def plot(insight):
    return dict((name, value) for name, value in insight["plot"])
