"""What is built: every package below nets_deap, the command line, the kernels. See pyproject.toml.

The kernels are a library that ctypes loads, and no extension of Python. So one wheel serves every Python 3.
"""

import os
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

KERNELS = Path("nets_deap/networks/kernels")


class BuildLibrary(build_ext):
    """The kernels by the name that networks/kernels/library.py knows, the same for every Python."""

    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")) + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return []  # no function that begins a Python module

    def get_libraries(self, ext: Extension) -> list[str]:
        return list(ext.libraries)  # and not Python's own, which Windows would add


class Wheel(bdist_wheel):
    """A wheel for any Python 3 on one kind of machine."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


ASSETS = "nets_deap.report.assets"  # a folder of data, which setuptools takes for a package

setup(
    packages=[*find_packages(include=["nets_deap", "nets_deap.*"]), ASSETS, "nets_deap_cli"],
    package_dir={"nets_deap_cli": "cli"},
    package_data={"nets_deap": ["py.typed"], ASSETS: ["*"], "nets_deap_cli": ["py.typed"]},
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": Wheel},
    ext_modules=[
        Extension(
            "nets_deap.networks.kernels._compiled",
            sorted(map(str, KERNELS.glob("*.c"))),
            depends=sorted(map(str, KERNELS.glob("*.h"))),
            libraries=[] if os.name == "nt" else ["m"],
            extra_compile_args=["-O3", "-g0", "-Wno-psabi"],
            optional=True,  # without a compiler the package installs all the same, and torch trains
        )
    ],
)
