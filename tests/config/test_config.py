from __future__ import annotations

import json
from pathlib import Path

import pytest

from nets_deap.config.presets import COMMAND_PRESETS
from nets_deap.evolution.settings import EvolveConfig, configure
from nets_deap.experiments.config import TrainConfig
from nets_deap.util.errors import NetsError


def test_option_over_file_over_preset_over_data_set() -> None:
    Path("run.toml").write_text("pop = 7\nlr = 0.5\ntarget-density = 0.3\n", encoding="utf-8")
    assert configure().target_density == 0.05  # of digits
    assert configure(preset="paper").target_density == 0.2
    config = configure(preset="paper", config="run.toml", pop=9)
    assert (config.pop, config.lr, config.target_density, config.dormancy) == (9, 0.5, 0.3, 0.2)


def test_the_preset_knows_the_data_set_that_the_file_names() -> None:
    Path("run.toml").write_text('dataset = "xor"\n', encoding="utf-8")
    config = configure(preset="paper", config="run.toml")
    assert (config.arch, config.optimizer, config.lr, config.epochs) == ("mlp-10", "adam", 0.05, 3000)


def test_the_paper_preset_is_the_papers_table() -> None:
    config = configure(preset="paper", dataset="mnist")
    told = {
        "arch": "lenet-300-100", "init": "normal", "resolved_init_density": 0.6, "crossover": 0.5,
        "noise": 0.1, "resample": 0.1, "dormancy": 0.2, "resolved_awaken": 0.0,
        "target_density": 0.2, "epochs": 1, "pop": 5,
        "gens": 25, "resolved_elites": 2, "patience": 2, "optimizer": "sgd", "lr": 1e-3, "batch_size": 60,
        "validation": 0.1, "select": "tournament:tournsize=3", "resolved_algorithm": "simple",
    }  # fmt: skip
    assert {name: getattr(config, name) for name in told} == told
    assert configure(TrainConfig, preset="paper", dataset="mnist").epochs == 50


def test_the_lth_preset_is_frankle_and_carbins() -> None:
    config = configure(TrainConfig, preset="lth", dataset="mnist")
    assert (config.optimizer, config.lr, config.iterations) == ("adam", 1.2e-3, 50_000)
    assert configure(preset="lth", dataset="mnist").init == "glorot"
    assert config.eval_every == 100
    assert round(60_000 * config.validation) == 5_000


@pytest.mark.parametrize("command", COMMAND_PRESETS)
@pytest.mark.parametrize("dataset", ["digits", "xor", "mnist"])
def test_every_preset_is_valid_for_every_kind_of_data(command: str, dataset: str) -> None:
    kind = TrainConfig if command == "train" else EvolveConfig
    for preset in COMMAND_PRESETS[command]:
        assert configure(kind, preset=preset, dataset=dataset).dataset == dataset


def test_epochs_and_iterations_replace_each_other() -> None:
    by_iterations = configure(TrainConfig, preset="lth", dataset="mnist")
    by_epochs = configure(TrainConfig, preset="lth", dataset="mnist", epochs=3)
    assert by_iterations.recipe().steps(55_000) == 50_000
    assert by_epochs.recipe().steps(55_000) == 3 * 917
    assert configure(iterations=7).recipe().steps(1000) == 7


def test_awaken_balances_dormancy_unless_given() -> None:
    for dormancy, target in ((0.02, 0.05), (0.2, 0.2), (0.9, 0.6)):
        awaken = configure(mutate="dormancy,awaken", dormancy=dormancy, target_density=target).resolved_awaken
        left = target * (1 - dormancy)
        assert left + (1 - left) * awaken == pytest.approx(target)
    assert configure(mutate="dormancy,awaken", dormancy=0.1, awaken=0.3).resolved_awaken == 0.3


def test_the_best_preset_is_what_evolve_does_anyway() -> None:
    for dataset in ("digits", "mnist", "xor"):
        assert configure(preset="best", dataset=dataset) == configure(dataset=dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": 0.2}, "`noise` has no effect, for the mutations flip,prune-increase have no noise"),
        ({"crossover": 0.2}, "`crossover` has no effect where `mate` is none"),
        ({"race": "4"}, "expected ETA:RUNGS"),
        ({"race": "1:3"}, "expected ETA:RUNGS"),
        ({"islands": 3}, "`islands` 3, `pop` 4: each island needs"),
        (
            {"islands": 2, "algorithm": "mu-plus-lambda", "mutate": "swap"},
            "it needs the algorithm simple",
        ),
        ({"select": "nsga2", "race": "2:2"}, "`race` 2:2: it needs a search with one objective"),
        (
            {"select": "nsga2", "reevaluate": True},
            "where a selection has two objectives",
        ),
        ({"mutate": "reorder,prune", "map": "batched"}, "do not go with the stacks of batched"),
        ({"seeding": "snipe"}, "did you mean 'snip'"),
        ({"mutate": "layers,noise"}, "change a plan and move no gene"),
        ({"mutate": "prune,global"}, "`mutate` prune,global: layers, global and density change a plan that"),
        ({"mutate": "prune,density,noise"}, "put prune or repair after them"),
        ({"mutate": "prune,layers,grow"}, "put prune or repair after them"),
        ({"mutate": "layers,grow"}, "put prune or repair after them"),
        ({"pop": 6, "islands": 2, "mate": "mask"}, "an odd number of genomes on each island"),
        ({"select": "tournament-dcd", "islands": 2}, "`islands` 2: it needs a search with one objective"),
        (
            {"select_from": 3, "algorithm": "mu-plus-lambda", "mutate": "swap"},
            "`select_from` 3: it needs",
        ),
        ({"select": "nsga2", "mate": "uniform"}, "children of a crossover are not mutated"),
        (
            {"select": "random", "density_gens": 16, "gens": 16},
            "`select` has no effect, for selection begins",
        ),
        ({"islands": 2, "density_gens": 16, "gens": 16}, "`islands` has no effect, for selection begins"),
    ],
)
def test_parts_of_a_search_that_do_not_go_together_are_one_line(options: dict, message: str) -> None:
    with pytest.raises(NetsError, match=message) as raised:
        configure(**options)
    assert "\n" not in str(raised.value)


def test_a_rate_can_be_given_where_its_mutation_takes_place() -> None:
    assert configure(preset="paper", noise=0.2, crossover=0.3).noise == 0.2
    assert configure(dataset="xor", dormancy=0.2).dormancy == 0.2
    assert configure(mutate="noise,prune", noise=0.3).noise == 0.3


def test_where_the_density_is_an_objective_it_evolves() -> None:
    front = configure(select="nsga2")
    assert [step.name for step in front.pipeline.steps] == ["density", "flip", "prune"]
    assert (front.resolved_density_gens, front.resolved_init_density) == (0, 1.0)
    assert configure(select="nsga2", mutate="noise").pipeline == configure(mutate="noise").pipeline


def test_every_way_to_write_a_selection_is_the_same_run() -> None:
    prints = {
        configure(select=text).fingerprint()
        for text in ("tournament", "selTournament", "tournament:tournsize=3")
    }
    assert len(prints) == 1


def test_a_configs_json_gives_the_same_config() -> None:
    config = configure(preset="paper", dataset="mnist", pop=7, select="roulette")
    Path("config.json").write_text(config.model_dump_json(exclude={"out"}), encoding="utf-8")
    assert configure(config="config.json") == config


def test_identity_leaves_out_where_a_run_happens_and_nothing_else() -> None:
    config = configure()
    for field, value in {
        "out": "x", "map": "serial", "workers": 3, "device": "auto", "time_limit": 9.0, "data_dir": "y",
        "download": True,
    }.items():  # fmt: skip
        assert configure(**{field: value}).fingerprint() == config.fingerprint(), field
    for field, value in {
        "seed": 2,
        "pop": 21,
        "gens": 26,
        "lr": 0.1,
        "track_test": True,
        "elites": 1,
    }.items():
        assert configure(**{field: value}).fingerprint() != config.fingerprint(), field


def test_defaults_of_the_algorithm_follow_from_the_selection() -> None:
    assert configure().resolved_algorithm == "simple"
    assert configure(select="nsga2").resolved_algorithm == "mu-plus-lambda"
    assert configure(preset="paper", algorithm="mu-plus-lambda", pop=8).resolved_offspring == 8
    assert configure(preset="paper", algorithm="mu-comma-lambda", pop=8).resolved_offspring == 16


BAD = {
    "pop 0": ({"pop": 0}, "`pop` 0"),
    "one genome mates": ({"pop": 1, "mate": "mask"}, "`mate` has no effect on a single lineage"),
    "one genome crosses over": (
        {"pop": 1, "preset": "paper", "crossover": 0.3},
        "`crossover` has no effect on a",
    ),
    "one genome is selected": (
        {"pop": 1, "select": "roulette"},
        "`select` has no effect on a single lineage",
    ),
    "one genome races": ({"pop": 1, "race": "4:2"}, "`race` has no effect on a single lineage"),
    "no differences": ({"pop": 1, "mutate": "differential,prune"}, "differential needs other genomes"),
    "target 0": ({"target_density": 0.0}, "`target_density`"),
    "target 1": ({"target_density": 1.0}, "`target_density`"),
    "init density 0": ({"init_density": 0.0}, "`init_density`"),
    "init density 2": ({"init_density": 2.0}, "`init_density`"),
    "gens -1": ({"gens": -1}, "`gens` -1"),
    "rate 2": ({"noise": 2.0, "mutate": "noise"}, "`noise` 2"),
    "lr 0": ({"lr": 0.0}, "`lr`"),
    "lr nan": ({"lr": float("nan")}, "`lr`"),
    "elites": ({"elites": 9, "pop": 5}, "`elites` 9, `pop` 5: there are more elites"),
    "restart": (
        {"restart_after": 3, "pop": 1},
        "`restart_after` 3, `elites` 1, `pop` 1: the elites leave no place",
    ),
    "optimizer": ({"optimizer": "sdg"}, "did you mean 'sgd'"),
    "device": ({"device": "tpu"}, "unknown device 'tpu'"),
    "arch": ({"arch": "lenet"}, "did you mean 'lenet-5'"),
    "dataset": ({"dataset": "digit"}, "did you mean 'digits'"),
    "init": ({"init": "xavier"}, "unknown initialiser"),
    "map": ({"map": "seriel"}, "did you mean 'serial'"),
    "algorithm": ({"algorithm": "mu+lambda"}, "did you mean 'mu-plus-lambda'"),
    "select": ({"select": "nsga4"}, "did you mean 'nsga"),
    "nsga2 simple": ({"select": "nsga2", "algorithm": "simple"}, "does not go with"),
    "offspring": ({"offspring": 9}, "`offspring` 9: it needs the algorithm mu"),
    "few offspring": (
        {"algorithm": "mu-comma-lambda", "mutate": "swap", "pop": 8, "offspring": 4},
        "`offspring` 4, `pop` 8: mu-comma-lambda needs",
    ),
    "preset": ({"preset": "papr"}, "did you mean 'paper'"),
    "two durations": ({"epochs": 2, "iterations": 3}, "give one"),
    "control characters": ({"out": "a\0b"}, "cannot be printed"),
    "split seed": ({"split_seed": 2**32}, "`split_seed`"),
    "pop as text": ({"pop": "7"}, "`pop` 7"),
    "pop as a share": ({"pop": 7.5}, "`pop` 7.5"),
    "seed as a truth": ({"seed": True}, "`seed` True"),
    "data fraction": ({"data_fraction": 0.0}, "`data_fraction`"),
    "workers": ({"workers": 0}, "`workers` 0"),
    "epochs": ({"epochs": -1}, "`epochs` -1"),
    "unknown field": ({"popp": 5}, "did you mean 'pop'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_one_line(name: str) -> None:
    options, message = BAD[name]
    with pytest.raises(NetsError, match=message.replace("+", r"\+")) as raised:
        configure(**options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("a.toml", "pop = ", "not valid TOML"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", "[1]", "no table of options"),
        ("a.toml", "popp = 3", "did you mean 'pop'"),
        ("a.toml", 'pop = "many"', "`pop` many"),
        ("a.toml", "[pop]\nx = 1", "`pop`"),
        ("a.toml", "init-density = 0.1\ninit_density = 0.2", "twice"),
        ("a.json", "[" * 100_000, "not valid JSON"),
    ],
)
def test_bad_config_files_are_one_line(file: str, text: str, message: str) -> None:
    Path(file).write_text(text, encoding="utf-8")
    with pytest.raises(NetsError, match=message) as raised:
        configure(config=file)
    assert "\n" not in str(raised.value)


def test_a_config_file_that_is_not_there() -> None:
    with pytest.raises(NetsError, match=r"cannot read config nowhere\.toml"):
        configure(config="nowhere.toml")


def test_the_stored_config_is_complete() -> None:
    stored = json.loads(configure().model_dump_json())
    assert set(stored) == set(EvolveConfig.model_fields)
