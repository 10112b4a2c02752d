"""Everything that needs a GPU, in seven minutes: the tests, then the tables of results/gpu.

NETS_DATA_DIR=… python -m tests.gpu    (without MNIST there, digits take its place)
"""

from __future__ import annotations

import subprocess
import sys
import time
import traceback
from functools import partial
from pathlib import Path

import pandas as pd

from tests.benchmarks.measure import machine

FOLDERS = [str(Path(__file__).parents[1] / name) for name in ("gpu", "networks")]
RESULTS = Path(__file__).parents[2] / "results" / "gpu"


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured, and results/gpu stays as it is")
        return 0
    from . import agreement, evaluation, limits, modules, populations

    start = time.perf_counter()
    # In a process of its own: a kernel that fails leaves the device unusable to the process.
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", *FOLDERS]
    failures = subprocess.run(tests, check=False).returncode
    ceilings = limits.measure()
    tables = {
        "limits": partial(limits.rows, ceilings),
        "populations": partial(populations.rows, ceilings),
        "modules": partial(modules.rows, ceilings),
        "evaluation": evaluation.rows,
        "agreement": agreement.rows,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        try:
            table = pd.DataFrame(rows())
        except Exception:  # the other tables are measured all the same
            traceback.print_exc()
            failures += 1
            continue
        print(
            f"\n{name}, after {time.perf_counter() - start:.0f} s\n{table.to_string(index=False)}", flush=True
        )
        for key, value in machine().items():
            table[key] = value
        table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
