"""Tickets for programs that do not have nets-deap: a Python module, ONNX."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__, {"onnx_file": ["write_onnx"], "python_file": ["write_python"]}
)
