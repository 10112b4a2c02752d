"""Tables as Markdown and LaTeX."""

from __future__ import annotations

from nets_deap.util import typeset

LINES = [["name", "%"], ["a_b|c*", "1 ± 2\n–"], ["$\\{#&~^", "<"]]


def test_markdown_escapes_what_would_be_markup() -> None:
    assert typeset.markdown(LINES) == (
        "| name | % |\n| --- | --- |\n| a_b\\|c\\* | 1 ± 2<br>– |\n| $\\\\{#&~^ | &lt; |\n"
    )


def test_latex_escapes_what_would_be_commands() -> None:
    assert typeset.latex(LINES).splitlines() == [
        "\\begin{tabular}{lr}",
        "\\toprule",
        "name & \\% \\\\",
        "\\midrule",
        "a\\_b|c$^*$ & \\makecell[r]{1 $\\pm$ 2\\\\--} \\\\",
        "\\$\\textbackslash{}\\{\\#\\&\\textasciitilde{}\\textasciicircum{} & < \\\\",
        "\\bottomrule",
        "\\end{tabular}",
    ]
