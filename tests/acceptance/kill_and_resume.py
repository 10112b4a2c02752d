"""Kill a run at random moments, resume it each time, and compare it with one that was left alone.

    python -m tests.acceptance.kill_and_resume [--kills 20] [--worker] [-- options of evolve]

With --worker it is a worker process that is killed, in mid-generation, and the run goes on by itself.
Ends with exit code 0 if logbook (time columns aside) and ticket are equal and no process is left.
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVOLVE = [sys.executable, "-m", "nets_deap_cli.main", "evolve", "--quiet"]


def run_process(options: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*EVOLVE, *options, "--out", str(folder), "--resume"])


def logbook(folder: Path) -> list[dict[str, str]]:
    """The rows without their time columns."""
    with (folder / "logbook.csv").open() as file:
        return [{k: v for k, v in row.items() if not k.endswith("_s")} for row in csv.DictReader(file)]


def generation(folder: Path) -> int:
    return len(logbook(folder)) - 1 if (folder / "logbook.csv").exists() else -1


def processes(pattern: str, *flags: str) -> list[int]:
    found = subprocess.run(["pgrep", *flags, pattern], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def kill_runs(
    options: list[str], folder: Path, kills: int, start: float, work: float, rng: random.Random
) -> None:
    """SIGKILL the whole run `kills` times at random moments.

    A run starts for `start` seconds and works for `work`. One kill in four falls into the start, the others
    leave each resumption some of the work, so that the kills are spread over the whole of it.
    """
    for i in range(1, kills + 1):
        process = run_process(options, folder)
        moment = rng.uniform(0, start) if i % 4 == 0 else start + rng.uniform(0, 2 * work / kills)
        try:
            process.wait(timeout=moment)
            print(f"kill {i}: the run was over before {moment:.1f} s")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print(f"kill {i}: after {moment:.1f} s, generation {generation(folder)} complete", flush=True)


def kill_worker(options: list[str], folder: Path) -> None:
    """Kill one worker of a run while generation 2 is being evaluated."""
    process = run_process(options, folder)
    while generation(folder) < 1:
        time.sleep(0.05)
    worker = processes(str(process.pid), "-P")[0]
    subprocess.run(["kill", f"-{signal.SIGKILL}", str(worker)], check=True)
    print(f"killed worker {worker} after generation {generation(folder)}", flush=True)
    if process.wait():
        sys.exit(f"the run ended with exit code {process.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("options", nargs="*", default=["--pop", "8", "--gens", "200", "--workers", "2"])
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        alone, disturbed = Path(temporary, "alone"), Path(temporary, "disturbed")
        began = time.monotonic()
        process = run_process(arguments.options, alone)
        while generation(alone) < 0 and process.poll() is None:
            time.sleep(0.05)
        start = time.monotonic() - began
        if process.wait():
            sys.exit("the run failed")
        work = time.monotonic() - began - start
        print(
            f"left alone: generation 0 after {start:.1f} s, {generation(alone)} more in {work:.1f} s",
            flush=True,
        )
        if arguments.worker:
            kill_worker(arguments.options, disturbed)
        else:
            rng = random.Random(arguments.seed)
            kill_runs(arguments.options, disturbed, arguments.kills, start, work, rng)
            if run_process(arguments.options, disturbed).wait():
                sys.exit("the last resumption failed")
        same_logbook = logbook(alone) == logbook(disturbed)
        tickets = [(folder / "ticket.safetensors").read_bytes() for folder in (alone, disturbed)]
        time.sleep(2)
        left = processes(temporary, "-f")
    print(
        f"logbooks equal: {same_logbook}; tickets equal: {tickets[0] == tickets[1]}; processes left: {left}"
    )
    sys.exit(not (same_logbook and tickets[0] == tickets[1] and not left))


if __name__ == "__main__":
    main()
