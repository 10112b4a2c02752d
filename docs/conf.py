"""The site that `make docs` builds: README.md is its front page, docs/ its pages, docstrings its reference.

The pages are read where they are, so that they stay readable on a forge; docs/site/ has what Sphinx lacks.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

from nets_deap import __version__

project = "nets-deap"
version = release = __version__
copyright = "nets-deap developers, MIT licence"

# The source folder is the repository's root
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "results/README.md"]
include_patterns += ["docs/*.md", "docs/notebooks/*.ipynb"]
exclude_patterns = [".*", "**/_build", "**/tickets", "**/trials"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
extensions += ["contents", "citation", "docstrings", "folders"]

myst_heading_anchors = 4
nb_execution_mode = "force"  # their outputs are not stored
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
suppress_warnings = ["myst.header"]  # decisions.md and others begin below the first level
highlight_language = "none"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"nets-deap {version}"
html_show_sphinx = False
