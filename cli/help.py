"""The help of a command, and what it says of options that it does not have."""

from __future__ import annotations

import click

from nets_deap.util.errors import nearest

MANY = 10  # a command with more options than this trains the ticket
OTHERS = "other"  # the heading of options without a group
# Arguments that users look for as options -> where they are
ELSEWHERE = {
    "momentum": "--optimizer sgd:momentum=0.9",
    "weight-decay": "--optimizer sgd:weight_decay=5e-4",
    "nesterov": "--optimizer sgd:momentum=0.9,nesterov=yes",
    "betas": "--optimizer adam:betas=…",
    "warmup": "--schedule cosine:warmup=…",
}


class Command(click.Command):
    """A command whose help has headings, and leaves out rare options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Earlier names of options work, with a note; for an unknown one it says what is near."""
        try:
            words = [self._renamed(word) for word in args]
            if words != args and sum(word.partition("=")[0] == "--density" for word in words) > 1:
                raise click.UsageError("--density is given twice, by an earlier name too: give it once")
            return super().parse_args(context, words)
        except click.NoSuchOption as error:
            name = error.option_name.lstrip("-")
            names = [each[2:] for one in self.params for each in (*one.opts, *one.secondary_opts)]
            near = nearest(name, [*names, *ELSEWHERE])
            meant = ELSEWHERE.get(near, f"--{near}") if near else ""
            hint = f"did you mean {meant}?" if meant else f"nets-deap {self.name} --help-all lists them"
            raise click.UsageError(f"no option {error.option_name}: {hint}") from None

    def _renamed(self, word: str) -> str:
        from nets_deap.config.layers import DENSITY

        name, equals, value = word.partition("=")
        field = name[2:].replace("-", "_")
        if name[:2] != "--" or field not in DENSITY[1:] or not {one.name for one in self.params} & {*DENSITY}:
            return word
        click.echo(f"note: {name} is now --{DENSITY[0]}", err=True)
        return f"--{DENSITY[0]}{equals}{value}"

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from nets_deap.config.fields import GROUPS

        everything = context.meta.get("help-all", False)
        options = [p for p in self.get_params(context) if isinstance(p, click.Option) and not p.hidden]
        left_out = 0
        for group in (*GROUPS, OTHERS):
            rows = []
            for option in options:
                if getattr(option, "group", OTHERS) != group:
                    continue
                if getattr(option, "common", True) or everything:
                    rows.append(option.get_help_record(context))
                else:
                    left_out += 1
            if shown := [row for row in rows if row]:
                with formatter.section(group.capitalize()):
                    formatter.write_dl(shown)
        if any("[" in (option.help or "") for option in options):
            formatter.write_paragraph()
            depends = any(option.name == "dataset" for option in options)
            more = "; where it depends on the data set, that for digits" if depends else ""
            formatter.write_text(f"[…] is the default{more}.")
        if any(argument.name == "ticket" for argument in self.params) and len(options) > MANY:
            formatter.write_paragraph()
            formatter.write_text(
                "Settings that are not given are those of the run that has found the ticket."
            )
        if left_out:
            formatter.write_paragraph()
            formatter.write_text(f"{left_out} more options: nets-deap {self.name} --help-all")


def help_all(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        context.meta["help-all"] = True
        click.echo(context.get_help())
        context.exit()
