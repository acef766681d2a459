"""Run the notebooks: `refresh` rewrites them in place, `report` renders fresh runs to build/report/index.html.

Refreshing twice changes no byte. Notebooks called 9x_... need data sets and are left out where those are not at hand.
"""

import argparse
import ast
import os
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from html import escape
from pathlib import Path

import jinja2
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from tqdm import tqdm
from traitlets.config import Config

from scalemodel import datasets

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
BUILD = HERE.parent / "build" / "report"
METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}
SECONDS_PER_CELL = 300
QUIET = Config({"KernelManager": {"transport_encryption": "required"}})  # without it each kernel prints a warning


@dataclass
class Page:
    """A notebook as the report's index shows it."""

    name: str
    question: str
    figure: str  # the headline picture, as a data URL
    answer: str  # its last paragraph, as HTML
    seconds: float


def needs(path: Path) -> list[str]:
    """Return the data sets a notebook fetches: its first code cell says ``NEEDS = [...]`` if there are any."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            for line in ast.parse(cell.source).body:
                if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "NEEDS":
                    return list(ast.literal_eval(line.value))
            break
    return []


def missing(path: Path) -> list[str]:
    """Return the data sets a notebook needs that are not at hand."""
    return [name for name in needs(path) if not datasets.available(name)]


def execute(path: Path) -> nbformat.NotebookNode:
    """Run all cells of a notebook; the file is not changed."""
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        timeout=SECONDS_PER_CELL,
        resources={"metadata": {"path": str(HERE)}},
        record_timing=False,
        config=QUIET,
        store_widget_state=False,
    )
    client.execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)
    book.metadata = nbformat.from_dict(METADATA)
    return book


def for_each(paths: list[Path], work: Callable[[Path], object]) -> int:
    """Do some work for all notebooks, as many at a time as there are cores; return how many failed."""
    failed = 0
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(paths), unit="notebook", file=sys.stdout, disable=not sys.stdout.isatty()) as bar,
    ):
        futures = {pool.submit(work, path): path for path in paths}
        for future in as_completed(futures):
            name = futures[future].name
            error = future.exception()
            failed += error is not None
            if error is None:
                bar.write(f"{name}: done", file=sys.stdout)
            elif isinstance(error, (CellExecutionError, CellTimeoutError, DeadKernelError)):
                bar.write(f"{name}: FAILED\n{error}", file=sys.stdout)
            else:
                raise error
            bar.update()
    return failed


def refresh(paths: list[Path]) -> int:
    """Run notebooks and store what they show; the headline figures go to pictures/, for the README."""

    PICTURES.mkdir(exist_ok=True)

    def store(path: Path) -> None:
        book = execute(path)
        nbformat.write(book, path)
        (PICTURES / f"{path.stem}.png").write_bytes(b64decode(headline(book)))

    return for_each(paths, store)


def report(paths: list[Path]) -> int:
    """Run notebooks and write a browsable report."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for old in BUILD.glob("*.html"):
        old.unlink()
    render = jinja2.Environment(autoescape=True).from_string
    pages: list[Page] = []

    def write(path: Path) -> None:
        start = time.monotonic()
        book = execute(path)
        page = summarise(path, book, time.monotonic() - start)
        body, _ = HTMLExporter(
            template_name="basic", embed_images=True, exclude_input_prompt=True, exclude_output_prompt=True
        ).from_notebook_node(book)
        text = render(PAGE).render(title=page.question, style=STYLE, body=body)
        (BUILD / f"{path.stem}.html").write_text(text, encoding="utf-8")
        pages.append(page)

    failed = for_each(paths, write)
    pages.sort(key=lambda page: page.name)
    index = BUILD / "index.html"
    index.write_text(render(INDEX).render(pages=pages, style=STYLE, failed=failed), encoding="utf-8")
    print(f"report: {index.relative_to(HERE.parent)} ({len(pages)} notebooks, {failed} failed)")
    return failed


def summarise(path: Path, book: nbformat.NotebookNode, seconds: float) -> Page:
    """Take a notebook's question, headline figure and answer."""
    title = next(cell.source for cell in book.cells if cell.cell_type == "markdown").splitlines()[0].lstrip("# ")
    answer = book.cells[-1].outputs[-1].data["text/markdown"]
    figure = f"data:image/png;base64,{headline(book)}"
    return Page(path.stem, title, figure, as_html(answer.lstrip("> ")), seconds)


def headline(book: nbformat.NotebookNode) -> str:
    """Return the picture of the cell with the tag "headline", or the first one, in base64."""
    pictures = [
        ("headline" in cell.metadata.get("tags", []), output.data["image/png"].strip())
        for cell in book.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    return next((picture for tagged, picture in pictures if tagged), pictures[0][1])


def as_html(text: str) -> str:
    """Turn the bold and code marks of an answer into HTML."""
    parts = escape(text).split("**")
    text = "".join(f"<b>{part}</b>" if i % 2 else part for i, part in enumerate(parts))
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1a1a1a; max-width: 58rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem } h2 { font-size: 1.25rem; margin-bottom: .3rem }
a { color: #0173b2 } img { max-width: 100%; height: auto }
table { border: 0; border-collapse: collapse; font-size: .9rem; margin: .8rem 0 }
th, td { padding: .25rem .7rem; text-align: right; border: 0; border-bottom: 1px solid #ddd }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; font-size: .85rem }
blockquote { border-left: 4px solid #0173b2; margin-left: 0; padding-left: 1rem }
.anchor-link { display: none }
.card { display: grid; grid-template-columns: 20rem 1fr; gap: 1.5rem; margin: 2rem 0; align-items: start }
.note { color: #666; font-size: .85rem }
@media (max-width: 44rem) { .card { grid-template-columns: 1fr } }
"""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{ title }}</title>
<style>{{ style | safe }}</style>
<p><a href="index.html">All questions</a></p>
{{ body | safe }}
</html>
"""

INDEX = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>scalemodel: report</title>
<style>{{ style | safe }}</style>
<h1>scalemodel: a scale model of your cluster</h1>
<p>Each question is a notebook, run afresh for this report.</p>
{% if failed %}<p><b>{{ failed }} notebook(s) failed; the command's output names them.</b></p>{% endif %}
{% for page in pages %}
<section class="card">
<a href="{{ page.name }}.html"><img src="{{ page.figure }}" alt="headline figure"></a>
<div><h2><a href="{{ page.name }}.html">{{ page.question }}</a></h2>
<p>{{ page.answer | safe }}</p><p class="note">{{ page.name }}.ipynb, {{ "%.0f" | format(page.seconds) }} s</p></div>
</section>
{% endfor %}
</html>
"""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["refresh", "report"])
    parser.add_argument("notebooks", nargs="*", type=Path, help="which ones; all unless told")
    given = parser.parse_args()
    paths = given.notebooks or sorted(HERE.glob("*.ipynb"))
    if absent := [path for path in paths if not path.is_file()]:
        parser.error(f"there is no notebook {absent[0]}")
    for path in paths:
        if lacking := missing(path):
            print(
                f"{path.name}: left out, it needs the data set {', '.join(lacking)} (see SCALEMODEL_DATA in README.md)"
            )
    ready = [path for path in paths if not missing(path)]
    return 1 if {"refresh": refresh, "report": report}[given.job](ready) else 0


if __name__ == "__main__":
    sys.exit(main())
