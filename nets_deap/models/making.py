"""Make a module by its factory, and look into it."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from nets_deap.util.errors import NetsError, raised
from nets_deap.util.random_streams import loading

Make = Callable[[], nn.Module]


def drawn(name: str, make: Make, seed: int) -> nn.Module:
    """A new module from its factory, whose draws from torch and numpy follow the seed.

    Raises NetsError if it raises, or returns something else or a module whose parameters are not settled.
    """
    with loading():
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            module = make()
        except (NetsError, MemoryError, KeyboardInterrupt):
            raise
        except BaseException as error:  # it may call sys.exit
            raise NetsError(f"the model {name} raised {raised(error)}") from error
    if not isinstance(module, nn.Module):
        raise NetsError(f"the model {name} returned {type(module).__name__}, expected a torch.nn.Module")
    for key, parameter in module.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise NetsError(f"{name}: the shape of {key} is not settled: give its lazy layer its sizes")
        if parameter.is_complex():
            raise NetsError(f"{name}: {key} is complex: only real weights can be trained here")
    return module


def aliases(module: nn.Module) -> dict[str, list[tuple[str, str]]]:
    """Name of each parameter and buffer -> all places (module, attribute) that share it."""
    places: dict[int, list[tuple[str, str]]] = {}
    first: dict[str, int] = {}
    for named in (module.named_parameters, module.named_buffers):
        for name, each in named(remove_duplicate=False):
            owner, _, leaf = name.rpartition(".")
            if id(each) not in places:
                first[name] = id(each)
            places.setdefault(id(each), []).append((owner, leaf))
    return {name: places[key] for name, key in first.items()}


def streams() -> tuple[bytes, object, bytes]:
    """Where the global streams of torch, Python and numpy are."""
    drawn = np.random.get_state(legacy=False)["state"]
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), repr(drawn).encode()
