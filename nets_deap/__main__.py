"""`python -m nets_deap` is the command `nets-deap`, for where scripts are not on the path."""

from importlib.metadata import entry_points

if __name__ == "__main__":
    (command,) = entry_points(group="console_scripts", name="nets-deap")
    command.load()()
