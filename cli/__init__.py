"""The command line: parse, call the library, render. Installed as `nets_deap_cli`."""
