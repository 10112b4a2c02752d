"""Trace the steps that a module computes."""

from __future__ import annotations

import copy
from threading import Lock
from typing import Any

import torch
from torch import Tensor, fx, nn

from nets_deap.models.making import aliases
from nets_deap.util.random_streams import loading

FLATTENING = {"flatten", "view", "reshape"}  # functions and methods
NUMBERS = {"size", "getattr", "getitem"}  # what a call of `view` may be told
_tracing = Lock()  # torch's tracer is not made for several threads


class _Tracer(fx.Tracer):
    """Modules without children, and torch's own, are steps of the graph."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return not any(module.children()) or super().is_leaf_module(module, name)


class _Shapes(fx.Interpreter):
    """Runs a graph and notes the shape of each tensor; torch's own class for it takes a second to import."""

    def run_node(self, node: fx.Node) -> Any:
        result = super().run_node(node)
        if isinstance(result, Tensor):
            node.meta["shape"] = tuple(result.shape)
        return result


def traced(module: nn.Module, x: Tensor) -> fx.GraphModule | None:
    """What a module computes in training as in evaluation, step by step, with the shape of each tensor in
    `meta`; None if nobody can tell.

    x: two samples. While torch traces, it replaces the calls of all modules in this process.
    """
    try:
        copied = copy.deepcopy(module).eval()
        if hooked(copied) or any(len(places) > 1 for places in aliases(copied).values()):
            return None
        with _tracing, loading():
            in_training = _steps(_Tracer().trace(copied.train()))
            graph = _Tracer().trace(copied.eval())
        if _steps(graph) != in_training:
            return None
        whole = fx.GraphModule(copied, graph)
        with torch.no_grad():
            _Shapes(whole).run(x)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception:  # a module that decides by its data, or does anything else that cannot be traced
        return None
    return whole


def hooked(module: nn.Module) -> bool:
    """Does anything but its `forward` take part in what a module computes?"""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(
        "forward" in vars(each) or any(getattr(each, hook, None) for hook in hooks)
        for each in module.modules()
    )


def _steps(graph: fx.Graph) -> list[Any]:
    """What a graph computes, whatever the constants."""
    return [(node.op, str(node.target), [each.name for each in node.all_input_nodes]) for node in graph.nodes]


def shape_of(node: Any, default: Any = ()) -> Any:
    """The shape of what a node of `traced` puts out; `default` for what is no tensor."""
    return node.meta.get("shape", default) if isinstance(node, fx.Node) else default
