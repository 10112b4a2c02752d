"""The golden runs by name: command lines, run one after another in an empty folder, without `nets-deap`."""

from __future__ import annotations

# Evaluations of two epochs, so that a run takes seconds
BRIEF = "--epochs 2 --gens 4 --map serial"
# What differs from a method's defaults, so that none takes long
METHODS = [
    "dense",
    "random",
    "random-erk",
    "random-paper",
    "magnitude",
    "snip:allocation=erk",
    "grasp:rounds=3",
    "synflow",
    "imp:cycles=3,rewind=5",
    "imp:cycles=3,scope=global",
    "imp-short",
    "nets:pop=3,gens=4,epochs=2",
    "nets-paper:gens=2",
    "weedout:pop=4,gens=2,steps=10",
    "node-evolution:pop=4,gens=2,steps=10",
    "random-nodes:steps=10",
    "es:pop=8,gens=4,rounds=2",
    "es-paper:pop=8,gens=2,batch=64,rounds=2",
    "set:every=5",
    "rigl:every=5",
    "prospr",
    "imp-rewind:cycles=3",
    "lrr:cycles=3",
    "gmp:every=5",
    "granet:every=5",
    "set-itop:every=5",
    "rigl-itop:every=5",
    "snfs:every=5",
    "edge-popup:iterations=20",
    "gem-miner:iterations=20",
    "cts:iterations=20",
    "snip+reinit",
    "snip+shuffle",
    "snip+scale-matched",
    "snip+random",
    "snip+dense",
    "snip+imp",
    "snip+lineage",
    "snip+signs",
    "snip+permuted",
]

CASES: dict[str, list[str]] = {
    "evolve-digits": [f"evolve {BRIEF}"],
    "evolve-nsga2": [f"evolve {BRIEF} --select nsga2 --pop 6"],
    "evolve-islands": [f"evolve {BRIEF} --islands 2 --pop 6 --migrate-every 1 --density-gens 1"],
    "evolve-race": [f"evolve {BRIEF} --race 2:2 --pop 6 --density-gens 2"],
    "evolve-adapt": [
        f"evolve {BRIEF} --adapt 0.3 --mutate layers:0.1,flip,prune-increase:0.05,grow --select-from 1"
    ],
    "evolve-paper-operators": [f"evolve {BRIEF} --preset paper --algorithm mu-plus-lambda --track-test"],
    "evolve-restarts": [f"evolve {BRIEF} --seeding snip --restart-after 1 --mate mask --select species"],
    "evolve-mutations": [
        f"evolve {BRIEF} --init-density 0.3 --select lexicase --mutate "
        "swap,reorder,signs,gains,fan-in,differential,prune-product,grow-initial-snip --density-gens 2"
    ],
    "evolve-batched": [f"evolve {BRIEF} --map batched --pop 3"],
    "evolve-convolutional": [
        "evolve --arch cnn-8-16 --gens 2 --pop 2 --epochs 1 --data-limit 300 --map serial",
        "evolve --arch wrn-10-1 --gens 1 --pop 2 --epochs 1 --data-limit 300 --augment --map serial",
    ],
    "evolve-xor-paper": [
        "evolve --dataset xor-corners --preset paper --map serial",
        "train runs/xor-* --epochs 500 --eval-every 100 --random 2 --out trained --map serial",
    ],
    "evolve-resumed": [
        "evolve --epochs 2 --gens 2 --out run --map serial",
        "evolve --out run --gens 4 --resume --map serial",
    ],
    "compare": [
        f"compare --methods {','.join(METHODS)} --density 0.1 --seeds 2 --epochs 2 --track-test --map serial"
    ],
    "compare-convolutional": [
        "compare --methods random-erk,gmp:every=2,rigl:every=2,snfs:every=2,edge-popup:iterations=5 "
        "--arch wrn-10-1 --density 0.1 --seeds 1 --epochs 1 --data-limit 300 --map serial"
    ],
    "compare-budget": [
        "compare --methods imp:cycles=2,nets:pop=1,iterations=20,nets-paper,random:allocation=0.1/0.1/0.1 "
        "--density 0.1 --seeds 2 --preset quick --budget-steps 400 --map serial"
    ],
    "es": ["es --density 0.3 --pop 8 --gens 5 --prune magnitude --strategy pgpe --track-test"],
    "es-strategies": [
        f"search es:strategy={strategy},prune={prune},pop=8,gens=3,rounds=1 --density 0.5 --arch mlp-10"
        for strategy, prune in (("snes", "snr"), ("sep-cma-es", "random"), ("openai-es", "magnitude"))
    ],
    "weedout": [
        "weedout --sparsity 0.8/0.5 --pop 4 --gens 2 --steps 20 --map serial",
        "weedout --density 0.2 --breed --pop 4 --gens 2 --steps 20 --arch cnn-8-16 --map serial",
    ],
    "imp": [
        "imp --density 0.1 --epochs 3 --out run",
        "train run --epochs 3 --random 2 --out trained --map serial",
        "verify run --epochs 3 --seeds 2 --out verdict --map serial",
        "transfer run --to momentum --lr 0.01 --epochs 2 --seeds 1 --out to-momentum --map serial",
        "transfer run --to snes --es pop=8,gens=3,rounds=1 --seeds 1 --out to-snes --map serial",
        "connectivity run --epochs 2 --seeds 1 --points 3 --out line --map serial",
        "export run --out exported",
    ],
    "imp-by-cycles": ["imp --cycles 3 --rewind 4 --epochs 1 --arch cnn-8-16 --data-limit 300"],
    "random": ["random --density 0.07 --allocation erk --seed 3", "search snip --density 0.07 --preset lth"],
}
