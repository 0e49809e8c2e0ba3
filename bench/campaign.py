"""How many seeds of a campaign of faults a core plays in a minute, and what a seed costs.

Run by hand from the checkout: ``python bench/campaign.py [seeds]``. CPU time of one process, so that other
work on the machine tells little. The limit is that of issue 5: half a second of CPU a seed.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from statistics import median

from linkemu.campaign.draw import draw
from linkemu.campaign.hunt import calm
from linkemu.campaign.play import play
from linkemu.campaign.stage import compile_stage
from linkemu.scenario import load

CONFIG = Path(__file__).parents[1] / "configs" / "campaign.toml"
LIMIT_S = 0.5


def main(seeds: int) -> None:
    begin = time.process_time()
    stage = compile_stage(load(CONFIG))
    orders = calm(stage)
    print(f"compiled, and played once under a calm sky: {time.process_time() - begin:.2f} s of CPU")
    took_s, faults, crashes, broken, before_MB = [], 0, 0, list[int](), memory_MB()
    for seed in range(seeds):
        drawn = draw(seed, stage)
        begin = time.process_time()
        outcome = play(stage, drawn, orders)
        took_s.append(time.process_time() - begin)
        faults, crashes = faults + len(drawn), crashes + outcome.crashes
        broken += [seed] if outcome.violations else []
    each_s = sum(took_s) / seeds
    slow_s = sorted(took_s)[int(0.99 * seeds)]
    print(f"{seeds} seeds: {faults / seeds:.1f} faults and {crashes / seeds:.1f} crashes a seed")
    print(
        f"CPU a seed: mean {each_s:.3f} s, median {median(took_s):.3f} s, "
        f"99 of 100 below {slow_s:.3f} s, longest {max(took_s):.3f} s (limit {LIMIT_S:g} s)"
    )
    print(
        f"seeds a minute and core: {60 / each_s:.0f}; 10,000 seeds: {10_000 * each_s / 60:.0f} core minutes"
    )
    most_MB = memory_MB()
    print(f"memory: {most_MB:.0f} MB at most, {most_MB - before_MB:.0f} MB more than after the first play")
    print(f"seeds that break a rule: {broken or 'none'}")


def memory_MB() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
