"""The house's own rules: arrows that only point down, a README that is true, nothing tied to one machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("attribution", "unlearn", "app", "assets")

FORBIDDEN = {
    "attribution": {"unlearn", "app", "gradio", "assets", "tests", "scripts", "benchmarks"},
    "unlearn": {"app", "gradio", "tests", "scripts", "benchmarks"},
    "app": {"torch", "tests", "scripts", "benchmarks"},
}
"""What each package may not import: the page stands on unlearn, unlearn on attribution, and nothing points up.
The page calls the libraries and draws; it does no tensor work of its own."""

ROOMS = {
    "attribution": (
        ("__init__", "__main__"),
        ("cli",),
        ("measure",),
        ("data",),
        ("selection",),
        ("scores",),
        ("lanes",),
        ("scorers",),
        ("model",),
        ("text",),
        ("settings",),
        ("files", "suggestions", "version", "workers"),
    ),
    "unlearn": (
        ("__init__", "__main__"),
        ("cli",),
        ("arms", "wishes"),
        ("depth", "stress", "presets", "publish", "teaching", "open_unlearning"),
        ("export",),
        ("replay",),
        ("card",),
        ("run",),
        ("asking",),
        ("metrics",),
        ("data", "objectives"),
    ),
    "app": (
        ("__init__", "page"),
        ("address",),
        ("api", "rooms"),
        ("visit",),
        ("server",),
        ("look",),
    ),
}
"""Each package's rooms (folders, and files beside them) from the top down: what stands in one imports from those below.
Rooms on one floor do not know each other."""

REQUIREMENT_OF = {
    "pydantic_settings": "pydantic-settings",
    "rouge_score": "rouge-score",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "PyYAML",
}
"""Import names that are not the name to install by."""

BROUGHT_BY_THE_HOST = {"spaces", "lm_eval"}
"""Packages that are there where they are needed: `spaces` on a Space with ZeroGPU, `lm_eval` with who asks for it."""


def imports(path: Path) -> set[str]:
    """Top-level names of everything a file imports, inside functions too; relative imports are the package's own."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def imported_files(path: Path) -> set[Path]:
    """Our own files that a file imports: inside functions, for types alone and by relative names, too."""

    def file(name: str) -> Path | None:
        place = ROOT / name.replace(".", "/")
        return next((found for found in (place.with_suffix(".py"), place / "__init__.py") if found.is_file()), None)

    package = ".".join(path.relative_to(ROOT).parent.parts)
    found: set[Path | None] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {file(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                found.add(file(f"{source}.{alias.name}") or file(source))
    return {path for path in found if path is not None}


def sources(package: str) -> list[Path]:
    """The Python files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def committed_text() -> list[Path]:
    """Every text file under version control, or about to be; outside a git checkout, every text file."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode == 0:
        paths = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        paths = [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    kinds = {".py", ".md", ".js", ".css", ".html", ".toml", ".txt", ".json", ".jsonl", ".cfg", ".yml", ".yaml", ".sh"}
    return [path for path in paths if path.is_file() and (path.suffix in kinds or path.name in {"Makefile", "run"})]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_arrows_point_down(package: str) -> None:
    files = sources(package)
    assert files, f"{package}/ holds no Python file"
    for path in files:
        wrong = imports(path) & FORBIDDEN[package]
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("package", ROOMS)
def test_arrows_point_down_inside_a_package(package: str) -> None:
    floor = {room: number for number, rooms in enumerate(ROOMS[package]) for room in rooms}

    def room(path: Path) -> str:
        return path.relative_to(ROOT / package).with_suffix("").parts[0]

    wrong = []
    for path in sources(package):
        assert room(path) in floor, f"{path.relative_to(ROOT)} stands in no room of {package}: give it one in ROOMS"
        for other in sorted(imported_files(path)):
            if other.is_relative_to(ROOT / package) and room(other) != room(path):
                if floor[room(other)] <= floor[room(path)]:
                    wrong.append(f"{path.relative_to(ROOT)} imports {other.relative_to(ROOT)}")
    assert not wrong, "\n".join(wrong)


def test_no_file_imports_itself_by_a_detour() -> None:
    files = [path for package in (*PACKAGES, "scripts", "benchmarks") for path in sources(package)]
    below = {path: imported_files(path) & set(files) for path in files}
    # Take away what imports nothing that is left, again and again: circles are what stays.
    while leaves := [path for path, others in below.items() if not others & below.keys()]:
        for leaf in leaves:
            del below[leaf]
    circles = [
        f"{path.relative_to(ROOT)} -> {other.relative_to(ROOT)}"
        for path in below
        for other in below[path] & below.keys()
    ]
    assert not circles, "a circle among:\n" + "\n".join(circles)


def test_a_library_does_not_bring_the_page_along() -> None:
    """The same rule at run time, where an import may take a detour through another package."""
    code = (
        "import sys\n"
        "import attribution; print([name for name in ('app', 'gradio', 'unlearn') if name in sys.modules])\n"
        "import unlearn; print([name for name in ('app', 'gradio') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def required() -> set[str]:
    """Names in requirements.txt, without extras and ranges."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {re.split(r"[\[<>=~! ]", line)[0].lower() for line in lines if line and not line.startswith("#")}


def test_requirements_are_what_the_code_imports() -> None:
    ours = {path.stem for path in ROOT.glob("*.py")} | {path.name for path in ROOT.iterdir() if path.is_dir()}
    imported = {
        REQUIREMENT_OF.get(name, name).lower()
        for path in [*(path for package in PACKAGES for path in sources(package)), ROOT / "app.py"]
        for name in imports(path) - sys.stdlib_module_names - ours
    }
    missing = imported - required() - BROUGHT_BY_THE_HOST
    assert not missing, f"imported but not in requirements.txt: {', '.join(sorted(missing))}"
    idle = required() - imported
    assert not idle, f"in requirements.txt but imported nowhere: {', '.join(sorted(idle))}"


def test_every_pin_has_a_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        previous = ""
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r")):
                assert previous.startswith("#"), f"{name}: no reason above {line!r}"
                assert re.search(r"[<=]", line), f"{name}: no range in {line!r}"
            previous = line


def test_a_space_gets_a_gradio_that_the_requirements_allow() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    version = re.search(r"^sdk_version: (\S+)$", readme, re.MULTILINE)
    wanted = re.search(r"^gradio\S*?([<>=].*)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert version and wanted
    assert version.group(1) in SpecifierSet(wanted.group(1))


def test_readme_names_only_what_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    layout = re.search(r"## Layout\n.*?```\n(.*?)```", readme, re.DOTALL)
    assert layout, "README.md has no layout block"
    names = [line.split()[0] for line in layout.group(1).splitlines() if line.strip()]
    assert {f"{package}/" for package in PACKAGES} <= set(names)
    links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", readme)
    for name in [*names, *links]:
        assert (ROOT / name).exists(), f"README.md names {name}, which is not there"


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / name).exists(), f"docs/{page.name} links to {name}, which is not there"


def test_files_that_docs_and_code_name_exist() -> None:
    """`attribution/scorers/token_unlearn.py` in a doc, `docs/papers.md` in a docstring."""
    named = re.compile(r"`((?:attribution|unlearn|app|assets|docs|scripts|tests|benchmarks)/[\w./-]+\.\w+)`")
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for path in [*pages, *(path for package in PACKAGES for path in sources(package))]:
        for name in named.findall(path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path.relative_to(ROOT)} names {name}, which is not there"


def test_nothing_is_tied_to_one_machine() -> None:
    own_machine = re.compile(r"(?<![\w.:/])/(?:home|root|Users|work|mnt|opt)/[\w.-]+")
    for path in committed_text():
        if path == Path(__file__):
            continue
        found = own_machine.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path.relative_to(ROOT)} contains the machine's own path {found.group()!r}"


def test_files_fit_a_space() -> None:
    """Hugging Face takes files over 10 MB through Git LFS only; ours stay under 9.5 MB and go up as they are."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    for line in listing.stdout.splitlines():
        path = ROOT / line
        if path.exists():
            assert path.stat().st_size < 9.5e6, f"{line} is {path.stat().st_size / 1e6:.1f} MB"
