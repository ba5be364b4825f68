"""Runs every `bench_*.py` here, or those named: `python -m benchmarks click reopen`. Each in a process of its own, so
that one's caches, threads and imports do not help or harm the next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    known = sorted(file.stem.removeprefix("bench_") for file in HERE.glob("bench_*.py"))
    unknown = [name for name in names if name.removeprefix("bench_") not in known]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in [n.removeprefix("bench_") for n in names] or known:
        print(f"== {name}", flush=True)
        code = f"from benchmarks.bench_{name} import main; main()"
        if subprocess.run([sys.executable, "-c", code], cwd=HERE.parent, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"ended with an error: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
