"""The `scalemodel` command. Subjects are imported by the commands that need them, so that help is instant."""

import json
import sys
from pathlib import Path
from typing import Any

import click


class _Command(click.Command):
    """A command whose bad input ends in one sentence and exit status 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}" if error.strerror and error.filename else str(error)
            _refuse(reason)
        except (ValueError, TypeError) as error:  # what the library raises at bad input
            _refuse(str(error))


def _refuse(sentence: str) -> None:
    click.echo(f"scalemodel: {sentence}", err=True)
    sys.exit(2)


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"the option {text!r} has no value: give NAME=VALUE, such as probes=21")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word


class _Group(click.Group):
    command_class = _Command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scalemodel")
def main() -> None:
    """A scale model of your cluster: ask how it behaves before you build it."""


@main.command()
@click.option("--nodes", required=True, type=int, help="Number of nodes.")
@click.option(
    "--keys", "path", required=True, metavar="FILE", help="Requests: a key per line, or a table; - reads text."
)
@click.option("--column", help="Column of a .npz, .csv or .parquet file that holds the keys.")
@click.option("--scheme", default="ring", show_default=True, help="Placement scheme, such as ring, jump or rendezvous.")
@click.option("--vnodes", type=int, help="Points per node of a ring.")
@click.option("--option", "-o", "options", multiple=True, metavar="NAME=VALUE", help="Another option of the scheme.")
@click.option("--replicas", type=int, default=1, show_default=True, help="Copies of each key that share its load.")
@click.option("--seeds", type=int, default=30, show_default=True, help="Placements to try for the intervals.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def balance(
    nodes: int,
    path: str,
    column: str | None,
    scheme: str,
    vnodes: int | None,
    options: tuple[str, ...],
    replicas: int,
    seeds: int,
    as_json: bool,
) -> None:
    """Show how evenly the keys and the requests of a trace spread over the nodes.

    Every figure is a median over placements that differ in their seed, with the 5th and the 95th percentile: what to
    expect from node names not yet chosen.
    """
    from .keyfile import read_keys
    from .placement import balance_report, build
    from .workload import Empirical

    chosen = dict(map(_option, options)) | ({} if vnodes is None else {"vnodes": vnodes})
    placement = build(scheme, nodes, **chosen)
    report = balance_report(placement, Empirical.from_trace(read_keys(path, column)), replicas, seeds=seeds)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else str(report))


@main.command()
@click.argument("designs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DESIGN.toml...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per design, as a list.")
def evaluate(designs: tuple[Path, ...], as_json: bool) -> None:
    """Show the summary of a design file: what its cluster does with its workload."""
    from .plan import evaluate as evaluate_design
    from .plan import read_plan

    plans = [read_plan(path) for path in designs]
    answers = [evaluate_design(plan.design, plan.workload, plan.title) for plan in plans]
    if as_json:
        rows = [{"title": a.title, "lines": a.to_frame().to_dict("records")} for a in answers]
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("\n\n".join(map(str, answers)))


@main.command()
@click.argument("trace", metavar="TRACE")
@click.option("--format", "kind", default="auto", show_default=True, help="Format of the file, such as oracleGeneral.")
@click.option("--key", help="Column of a table that holds the keys.")
@click.option("--policy", default="lru", show_default=True, help="Replacement policy, such as s3fifo or belady.")
@click.option("--bytes", "by_bytes", is_flag=True, help="Sizes in bytes instead of objects.")
@click.option(
    "--method",
    default="exact",
    show_default=True,
    type=click.Choice(["exact", "shards", "aet", "minisim"]),
    help="How to compute the curve.",
)
@click.option("--rate", default=0.01, show_default=True, help="Share of the objects in each sample.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Also draw the curve into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def mrc(
    trace: str,
    kind: str,
    key: str | None,
    policy: str,
    by_bytes: bool,
    method: Any,
    rate: float,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Show the miss ratio curve of a trace file: how large must its cache be?"""
    from .cache import Trace, miss_ratio_curve

    options: dict[str, Any] = {} if key is None else {"key": key}
    requests = Trace.read(trace, kind, **options)
    curve = miss_ratio_curve(requests, method, policy, "bytes" if by_bytes else "objects", rate=rate)
    if picture is not None:
        import matplotlib

        matplotlib.use("Agg")
        figure: Any = curve.plot().figure
        figure.savefig(picture)
    if as_json:
        rows = curve.to_frame().to_dict("records")
        click.echo(json.dumps({"title": curve.title, "requests": curve.requests, "curve": rows}, indent=2))
    else:
        click.echo(f"{requests.title}\n{curve}")


if __name__ == "__main__":
    main()
