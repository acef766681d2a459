"""nbval compares only cells that were run, and never pictures; these tests close the gaps it leaves."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"at 0x[0-9a-f]{6,}|/home/|/tmp/|/root/")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def code(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code" and cell.source.strip()]


def outputs(path):
    return [output for cell in code(path) for output in cell.outputs]


@each_notebook
def test_stored_as_run_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code(path)]
    assert counts == list(range(1, len(counts) + 1)), "run ./dev refresh before committing"


@each_notebook
def test_behind_every_figure_stands_its_table(path):
    pictures = sum("image/png" in output.get("data", {}) for output in outputs(path))
    tables = sum("text/html" in output.get("data", {}) for output in outputs(path))
    assert 0 < pictures <= tables


@each_notebook
def test_asks_in_its_title_and_answers_in_its_last_cell(path):
    cells = nbformat.read(path, 4).cells
    assert cells[0].source.splitlines()[0].endswith("?")
    answer = cells[-1].outputs[-1].data["text/markdown"]
    assert 100 < len(answer) < 1200


@each_notebook
def test_outputs_do_not_depend_on_the_machine(path):
    for output in outputs(path):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output
        text = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
        assert not MACHINE.search(text), text


@each_notebook
def test_no_cell_ends_with_a_semicolon(path):
    # nbval 0.11 does not honour it (nbval #194): end with plt.show()
    assert not [cell.source for cell in code(path) if cell.source.rstrip().endswith(";")]


@each_notebook
def test_is_small_and_skips_little(path):
    assert path.stat().st_size < 700_000
    skipped = [cell for cell in code(path) if "nbval-skip" in cell.metadata.get("tags", [])]
    assert len(skipped) <= 1


@each_notebook
def test_only_9x_notebooks_need_data_sets(path):
    asks = [cell for cell in code(path) if "fetch(" in cell.source or "NEEDS" in cell.source]
    assert bool(asks) == path.name.startswith("9")


@pytest.mark.parametrize(("digit", "passes"), [("1", True), ("9", False)])
def test_a_changed_digit_in_a_stored_output_fails(tmp_path, digit, passes):
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    shown = nbformat.v4.new_output("execute_result", {"text/plain": f"1.{digit}5"}, execution_count=1)
    book.cells = [nbformat.v4.new_code_cell("1.15", execution_count=1, outputs=[shown])]
    nbformat.write(book, tmp_path / "one.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path]
    run = subprocess.run([*command, "--nbval", tmp_path / "one.ipynb"], capture_output=True, text=True)
    assert (run.returncode == 0) == passes, run.stdout
