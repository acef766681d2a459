"""The repository agrees with itself: dependencies, the lock, what the wheel holds, what users are told."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_conda_and_pip_ask_for_the_same():
    project = PYPROJECT["project"]
    wanted = {
        "python" + project["requires-python"],
        *project["dependencies"],
        *project["optional-dependencies"]["notebooks"],
        *PYPROJECT["dependency-groups"]["dev"],
    }
    listed = re.findall(r"^  - (\S+[<>=]\S+)$", (ROOT / "environment.yml").read_text(), re.M)
    assert set(listed) == wanted


def test_the_lock_pins_hashes_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    names = {name.lower() for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.M)}
    assert lock.count("==") <= lock.count("--hash=sha256:")
    project = PYPROJECT["project"]
    extras = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    for requirement in [*project["dependencies"], *extras, *PYPROJECT["dependency-groups"]["dev"]]:
        assert re.match(r"[\w-]+", requirement)[0].lower() in names, requirement


def test_dev_is_posix_and_short():
    text = (ROOT / "dev").read_text()
    assert text.startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", ROOT / "dev"], check=True)


def test_every_figure_of_the_readme_is_there():
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / picture).is_file(), picture


def test_every_notebook_is_in_the_readmes_table():
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        title = "".join(json.loads(path.read_text())["cells"][0]["source"]).splitlines()[0].lstrip("# ")
        assert path.name in readme, path.name
        assert title in readme, title


def test_the_readmes_example_runs_as_printed():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        code = "import matplotlib\nmatplotlib.use('Agg')\n" + block
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    uv = next((p for p in (ROOT / ".uv/bin/uv", Path(sys.executable).parent / "uv") if p.exists()), "uv")
    folder = tmp_path_factory.mktemp("wheel")
    try:
        subprocess.run([uv, "build", "-q", "--wheel", "--out-dir", folder, ROOT], check=True)
    except FileNotFoundError:
        pytest.skip("uv is not on the path: run by ./dev test")
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "scalemodel",
        f"scalemodel-{PYPROJECT['project']['version']}.dist-info",
    }
    assert "scalemodel/py.typed" in names
    assert "scalemodel/registry.csv" in names
    packaged = {str(p.relative_to(ROOT / "analysis")) for p in (ROOT / "analysis/scalemodel").rglob("*.py")}
    assert packaged <= set(names)
