"""The configs of experiments on tickets."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from nets_deap.config.base import BudgetConfig, LogNames, MapName, ProblemConfig, log_setting
from nets_deap.config.fields import MOST_KEPT, Count, Seed, Several, Share, Spent, setting
from nets_deap.experiments.shard import Shard
from nets_deap.parallel.choice import make_map
from nets_deap.parallel.protocol import Map
from nets_deap.problem.budget import UNLIMITED
from nets_deap.search.config import SpecField
from nets_deap.search.spec import MethodSpec
from nets_deap.util.errors import NetsError


def _map(says: str) -> Any:
    return setting("multiprocess", says, "running", "NAME")


MOST_TRIALS = 10**5  # of a comparison


class _InParallel(ProblemConfig):
    """The config of an experiment whose trainings run in parallel."""

    map: MapName = _map("serial, multiprocess or dask.")

    def engine(self) -> Map:
        """The map that it names. Raises NetsError as `torch_device` does."""
        return make_map(self.map, self.workers, self.torch_device(), scheduler=self.scheduler)


class TrainConfig(_InParallel):
    """The training of one ticket to the end.

    eval_every: iterations between two rows of training.csv; 0 is once per epoch
    random: number of random tickets of the same density to train beside it
    """

    command: ClassVar[str] = "train"
    eval_every: Count = setting(
        0, "Iterations between two evaluations; 0 is once an epoch.", "training", "N", True
    )
    random: Annotated[int, Field(ge=0, le=MOST_KEPT)] = setting(
        0, "Train N random tickets of the same density beside it.", "training", "N", True
    )
    map: MapName = _map("serial, multiprocess or dask, for the random tickets.")
    log: LogNames = log_setting()


class VerifyConfig(_InParallel):
    """A verdict on one ticket.

    seeds: trainings of each network, from `seed` on
    margin: points of accuracy, or hundredths of another metric, by which a winning ticket may fall short
    at_most: its largest density
    """

    command: ClassVar[str] = "train"
    seeds: int = setting(
        5, "Trainings of each network, from the seed on.", "search", "N", True, ge=2, le=MOST_KEPT
    )
    margin: float = setting(
        0.0,
        "Points of accuracy (hundredths of another metric) that the ticket may lack.",
        "search",
        "POINTS",
        True,
        ge=0,
    )
    at_most: Share = setting(0.5, "The density that it may have.", "search", "D", True)
    eval_every: Count = setting(0, "Iterations between validations; 0 is once an epoch.", "training", "N")


class TransferConfig(_InParallel):
    """A ticket trained by another optimiser, by an evolution strategy, or on another data set.

    to: an optimiser or an evolution strategy; by default the ticket's own optimiser
    es: options of a strategy, as for the method es
    seeds: trainings of each ticket, from `seed` on
    """

    command: ClassVar[str] = "train"
    to: str | None = setting(
        None, "sgd, momentum, adam, snes, pgpe, … [the ticket's own optimiser]", "training", "NAME", True
    )
    es: str = setting(
        "", "Of a strategy: pop=64,gens=300,batch=256,sigma=0.05,…", "training", "OPTIONS", True
    )
    seeds: Several = setting(5, "Trainings of each ticket.", "search", "N", True)


class ConnectivityConfig(_InParallel):
    """The line between two trainings. points: points on a line; seeds: number of lines, from `seed` on"""

    command: ClassVar[str] = "train"
    points: int = setting(30, "On a line.", "search", "N", True, ge=3, le=MOST_KEPT)
    seeds: Several = setting(3, "Lines, each of two trainings.", "search", "N", True)


def _methods(told: Any) -> Any:
    from nets_deap.search.registry import parse_all  # imports torch, which help should not

    return parse_all(told) if isinstance(told, str) else tuple(told) if isinstance(told, list) else told


def _in_file(told: Any) -> Any:
    """What a config file may say in other ways: arms, methods in a list, and seeds in a list."""
    if not isinstance(told, dict):
        return told
    values = dict(told)
    arms, methods, reference, seeds = map(values.get, ("arms", "methods", "reference", "seeds"))
    if arms is not None or isinstance(methods, list | tuple):
        from nets_deap.experiments.arms import named, parsed, resolved

        known = {} if arms is None else parsed(arms)
        specs = [*([] if methods is None else resolved(methods, known)), *known.values()]
        if not specs:
            raise NetsError("no `methods` given: for example imp,snip,random")
        values |= {"arms": known or None, "methods": tuple(dict.fromkeys(specs))}
        if isinstance(reference, str):
            values["reference"] = named(reference, known)
    if isinstance(seeds, list):
        values["seeds"] = counted(seeds, values.get("seed", 1))
    return values


def counted(seeds: list[int], first: int) -> int | list[int]:
    """How many seeds there are, if they are those from `first` on; else the list."""
    return len(seeds) if seeds == list(range(first, first + len(seeds))) else seeds


def _listed(value: Any) -> Any:
    """A list of numbers, from a command line's text with commas."""
    if not isinstance(value, str):
        return [value] if isinstance(value, int | float) else value
    try:
        return [float(piece) for piece in value.split(",")]
    except ValueError:
        raise ValueError("expected numbers separated by commas, such as 0.2,0.05 for 20 and 5 %") from None


def _shard(text: str) -> str:
    return str(Shard.parse(text))


class CompareConfig(_InParallel, BudgetConfig):
    """Search methods compared on paired seeds.

    epochs, iterations: length of the training to the end, and of a cycle of IMP unless its options set it;
        with 0 epochs tickets are judged untrained
    arms: names of some of the methods; a config file has them as tables, see `arms.parsed`
    seeds: number of seeds, from `seed` on; or a list of them, whatever `seed` is
    reference: the method that the others are compared with; by default the first one
    equal_budget: gradient steps to which every method is stretched that can take them; see `budgets.plan`
    shard: run only this part of the trials; see `shard.Shard`
    until_half_width: in place of `seeds`, run 5, 10, then 20 seeds, until the confidence interval of every
        paired difference in test accuracy has at most this half-width, in points
    """

    command: ClassVar[str] = "compare"
    untrained: ClassVar[bool] = True
    methods: Annotated[
        tuple[MethodSpec, ...],
        BeforeValidator(_methods),
        PlainSerializer(lambda methods: methods and ",".join(map(str, methods))),
    ] = setting(
        "imp,snip,random",
        "Search methods; see `list_methods`.",
        "search",
        "NAME,…",
        True,
        validate_default=True,
    )
    densities: Annotated[list[Share], BeforeValidator(_listed), Field(min_length=1, max_length=MOST_KEPT)] = (
        setting([0.2], "Densities, e.g. 0.2,0.05,0.02.", "search", "D,…", True)
    )
    arms: dict[str, SpecField] | None = None
    seeds: Several | Annotated[list[Seed], Field(min_length=1, max_length=MOST_KEPT)] = setting(
        5, "Trials of each, from the seed on.", "search", "N", True
    )
    reference: SpecField | None = setting(
        None, "What the others are compared with. [the first method]", "search", "NAME", True
    )
    equal_budget: Spent | None = setting(
        None, "Stretch every method that can take them to N gradient steps.", "search", "N", True
    )
    until_half_width: Annotated[float, Field(gt=0)] | None = setting(
        None, "5, 10, 20 seeds, until every difference is known to ± this.", "search", "POINTS"
    )
    shard: Annotated[str, AfterValidator(_shard)] | None = setting(
        None,
        "1/3 runs the first of three parts of the trials; nets-deap merge joins them.",
        "running",
        "K/N",
    )
    eval_every: Count = setting(0, "Iterations between validations; 0 is once an epoch.", "training", "N")
    track_test: bool = setting(False, "Record the test accuracy at every validation.", "output")

    _in_file = model_validator(mode="before")(_in_file)

    def all_seeds(self, number: int | None = None) -> list[int]:
        """The seeds; or the first `number` from `seed` on."""
        seeds = self.seeds if number is None else number
        return seeds if isinstance(seeds, list) else list(range(self.seed, self.seed + seeds))

    @model_validator(mode="after")
    def _consistent(self) -> CompareConfig:
        seeds = self.all_seeds()
        if len(set(seeds)) < len(seeds):
            raise NetsError("`seeds`: one of them is given twice")
        if self.until_half_width is not None and isinstance(self.seeds, list):
            raise NetsError("`until_half_width` takes the place of `seeds`: leave the list out")
        if len(set(self.densities)) < len(self.densities):
            raise NetsError("`densities`: one of them is given twice")
        if self.equal_budget is not None and self.budget() != UNLIMITED:
            raise NetsError("`equal_budget` is a budget itself: leave `budget_steps` and its kin out")
        if self.shard is not None and self.until_half_width is not None:
            raise NetsError("`until_half_width` looks at all trials, and a `shard` has a part: leave one out")
        if (trials := len(self.methods) * len(self.densities) * len(seeds)) > MOST_TRIALS:
            raise NetsError(f"`seeds` {len(seeds)} makes {trials:,} trials: expected {MOST_TRIALS:,} at most")
        return self
