"""What is built: every package below nets_deap, the command line, the kernels. See pyproject.toml."""

from pathlib import Path

from setuptools import Extension, find_packages, setup

KERNELS = Path("nets_deap/networks/kernels")

setup(
    packages=[*find_packages(include=["nets_deap", "nets_deap.*"]), "nets_deap_cli"],
    package_dir={"nets_deap_cli": "cli"},
    package_data={"nets_deap": ["py.typed", "report/assets/*"], "nets_deap_cli": ["py.typed"]},
    ext_modules=[
        Extension(
            "nets_deap.networks.kernels._mlp",
            sorted(map(str, KERNELS.glob("*.c"))),
            depends=sorted(map(str, KERNELS.glob("*.h"))),
            libraries=["m"],
            extra_compile_args=["-O3", "-Wno-psabi"],
            optional=True,  # without a compiler the package installs all the same, and torch trains
        )
    ],
)
