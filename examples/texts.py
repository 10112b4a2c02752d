"""Real text that comes with Python: the docstrings of a few packages, cut into pieces of equal length."""

import importlib
import inspect

PACKAGES = ("numpy", "pandas", "torch")


def docstrings(package):
    """The docstrings of a package's public functions and classes, one after the other."""
    module = importlib.import_module(package)
    members = (getattr(module, name, None) for name in sorted(dir(module)) if name[0] != "_")
    texts = (member.__doc__ for member in members if inspect.isroutine(member) or inspect.isclass(member))
    return "\n".join(text for text in texts if isinstance(text, str))
