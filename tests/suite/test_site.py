"""The site: every page is there, every link leads somewhere, nothing is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

import vdsr_lib
from vdsr_lib.errors import LabError
from vdsr_lib.suite.reference import public_modules, reference_pages
from vdsr_lib.suite.site import Site, _run_sphinx, build_site
from vdsr_lib.suite.staging import Stage

pytest.importorskip("sphinx", reason="no Sphinx: pip install '.[site]'")
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated")  # within Sphinx


@pytest.fixture(scope="module")
def stage(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The sources of the pages, where no lesson was run."""
    folder = tmp_path_factory.mktemp("stage")
    stage = Stage(root, folder / "source")
    stage.fill(folder / "executed", "# Commands")
    return stage


def small_project(root: Path, text: str) -> Path:
    """A project of one document and no lesson, to lay out."""
    for name in ("README.md", "data/README.md", "benchmarks/README.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("# Empty\n")
    (root / "docs").mkdir()
    (root / "docs/guide.md").write_text(text)
    (root / "data/numbers.csv").write_text("1\n")
    (root / "data/folder").mkdir()
    (root.parent / "secret.txt").write_text("not ours\n")
    return root


def laid_out(tmp_path: Path, text: str) -> tuple[str, list[str]]:
    """Return a document as the stage has it, and the files that came along."""
    stage = Stage(small_project(tmp_path / "project", text), tmp_path / "stage")
    stage.fill(tmp_path, "# Commands")
    files = [p for p in stage.folder.rglob("*") if p.suffix in (".csv", ".txt")]
    names = [path.relative_to(stage.folder).as_posix() for path in files]
    return (stage.folder / "docs/guide.md").read_text(), names


@pytest.mark.parametrize(
    ("text", "expected", "files"),
    [
        ("[n](../data/numbers.csv)", "[n](../data/numbers.csv)", ["data/numbers.csv"]),
        ("[n](../data/README.md#a)", "[n](../data/README.md#a)", []),
        ("[f](../data/folder)", "[f](../data/folder/index.md)", []),
        ("[p](https://x.org/a.txt)", "[p](https://x.org/a.txt)", []),
        ("[s](../../secret.txt)", "[s](../../secret.txt)", []),
        ("[here](#place)", "[here](#place)", []),
        ("see `docs/guide.md`", "see [`docs/guide.md`](/docs/guide.md)", []),
        ("[`docs/guide.md`](guide.md)", "[`docs/guide.md`](guide.md)", []),
        ("``docs/guide.md``", "``docs/guide.md``", []),
    ],
)
def test_links_lead_to_what_the_site_has(
    tmp_path: Path, text: str, expected: str, files: list[str]
) -> None:
    assert laid_out(tmp_path, f"# Guide\n\n{text}\n") == (
        f"# Guide\n\n{expected}\n",
        files,
    )


def test_every_document_lesson_and_assignment_is_laid_out(
    stage: Stage, root: Path
) -> None:
    wanted = [*root.glob("docs/**/*.md"), *root.glob("notebooks/**/[0-9]*.ipynb")]
    wanted += [root / "data/README.md", root / "benchmarks/README.md"]
    missing = [p for p in wanted if not (stage.folder / p.relative_to(root)).is_file()]
    assert len(wanted) > 30
    assert not missing


def test_a_lesson_that_did_not_run_says_so(stage: Stage) -> None:
    assert len(stage.not_run) == 9
    for name in stage.not_run:
        first = nbformat.read(stage.folder / "notebooks" / name, 4).cells[0].source
        title, note = first.split("\n\n")[:2]
        assert title.startswith("# ")
        assert "Not run yet" in note


def test_lessons_and_assignments_have_their_numbers_in_the_contents(
    stage: Stage,
) -> None:
    contents = (stage.folder / "index.md").read_text()
    assert "\n03 Learn the residual </notebooks/03_learn_the_residual>\n" in contents
    page = (stage.folder / "notebooks/exercises/index.md").read_text()
    numbers = re.findall(r"^(\d\d) .* </notebooks/exercises/\1_\w+>$", page, re.M)
    assert numbers == ["01", "02", "03", "04", "05", "06"]


def test_the_reference_has_a_page_for_each_module_and_a_row_for_each_name() -> None:
    pages = reference_pages()
    assert {f"{name}.rst" for name in public_modules()} == set(pages) - {"index.md"}
    assert {"metrics", "resize", "training", "errors"} <= set(public_modules())
    assert not {"cli", "suite", "_files"} & set(public_modules())
    rows = dict(re.findall(r"`(\w+) <vdsr_lib\.(\w+)\.\1>` \|", pages["index.md"]))
    modules = set(public_modules())
    assert set(rows) == set(vdsr_lib.__all__) - modules
    assert set(rows.values()) <= modules


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("years of work")
    with pytest.raises(LabError, match="holds something else than a site"):
        build_site(tmp_path / "results", tmp_path, commands="")
    assert mine.read_text() == "years of work"


def test_another_projects_site_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "objects.inv").write_text("# Sphinx inventory\n# Project: NumPy\n")
    with pytest.raises(LabError, match="holds something else than a site"):
        build_site(tmp_path / "results", tmp_path, commands="")
    assert (tmp_path / "objects.inv").exists()


def test_what_runs_left_beside_a_site_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the site is a link to a folder, or the current one."""

    def one_page(source: Path, target: Path) -> tuple[str, ...]:
        (target / "docs").mkdir(parents=True)
        (target / "docs/guide.html").write_text(str(len(list(source.iterdir()))))
        project = "# Project: A laboratory for very deep super-resolution\n"
        (target / "objects.inv").write_text(project)
        return ()

    monkeypatch.setattr("vdsr_lib.suite.site._run_sphinx", one_page)
    results, link = tmp_path / "results", tmp_path / "link"
    results.mkdir()
    link.symlink_to(results)
    monkeypatch.chdir(results)
    build_site(results, results, commands="# Commands")
    (results / "executed").mkdir()
    (results / "executed/hours.ipynb").touch()
    (results / "docs/stale.html").touch()
    build_site("nowhere", link, commands="# Commands")
    assert not (results / "docs/stale.html").exists()
    build_site("nowhere", ".", commands="# Commands")
    assert (results / "executed/hours.ipynb").exists()
    assert (results / "docs/guide.html").exists()


def test_outside_a_checkout_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vdsr_lib.suite.site.notebooks_dir", lambda: tmp_path / "nb")
    with pytest.raises(LabError, match=r"no docs/; the site is made in a checkout"):
        build_site(tmp_path, commands="")


def test_a_missing_package_is_named_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = {"myst_nb", "sphinx", "sphinx_book_theme"}
    monkeypatch.setattr(
        "vdsr_lib.suite.site.find_spec",
        lambda name: name if name in installed else None,
    )
    with pytest.raises(LabError, match=r"not installed: numpydoc; .*\.\[site\]"):
        build_site(tmp_path, commands="")


def test_what_is_wrong_with_a_page_is_said(tmp_path: Path) -> None:
    stage = tmp_path / "source"
    stage.mkdir()
    (stage / "index.md").write_text("# Title\n\n[gone](gone.md), [nowhere](#nowhere)\n")
    (stage / "alone.rst").write_text("Alone\n=====\n\n``not closed`\n")
    said = "\n".join(_run_sphinx(stage, tmp_path / "site"))
    assert "index.md:3: WARNING" in said
    assert "'gone.md'" in said
    assert "'nowhere'" in said
    assert "alone.rst:4: WARNING" in said
    assert "alone.rst: WARNING: document isn't included in any toctree" in said
    assert str(tmp_path) not in said
    assert "\x1b" not in said


# ---- the site itself ----


@pytest.mark.slow
def test_no_page_has_a_problem(site: Site) -> None:
    assert not site.problems
    assert "01_what_super_resolution_asks.ipynb" not in site.not_run
    assert len(site.not_run) == 8


@pytest.mark.slow
def test_every_link_of_every_page_leads_somewhere(site: Site) -> None:
    folder = site.index.parent
    texts = {path: path.read_text("utf-8") for path in folder.rglob("*.html")}
    assert len(texts) > 60
    ids = {p: set(re.findall(r'\bid="([^"]+)"', text)) for p, text in texts.items()}
    broken = []
    for page, text in texts.items():
        for address in re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', text):
            url = urlsplit(address.replace("&amp;", "&"))
            if url.scheme or url.netloc:
                continue
            path = (page.parent / unquote(url.path)).resolve() if url.path else page
            place = unquote(url.fragment)
            if not path.is_file() or (path in ids and place and place not in ids[path]):
                broken.append(f"{page.relative_to(folder)}: {address}")
    assert not broken


@pytest.mark.slow
def test_nothing_is_fetched_and_no_formula_is_left_as_tex(site: Site) -> None:
    for page in site.index.parent.rglob("*.html"):
        text = page.read_text("utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)\b[^>]*?\bsrc="([^"]+)"', text)
        loaded += re.findall(r'<link\b[^>]*?\bhref="([^"]+)"', text)
        assert not [each for each in loaded if urlsplit(each).netloc], page
        assert "MathJax" not in text
    lesson = site.index.parent / "notebooks/01_what_super_resolution_asks.html"
    assert '<math alttext="' in lesson.read_text("utf-8")


@pytest.mark.slow
def test_a_page_names_the_authors_that_the_citation_names(site: Site, root: Path):
    (authors,) = re.findall(
        r"^  - name: (.+)$", (root / "CITATION.cff").read_text(), re.M
    )
    assert f"By {authors}" in " ".join(site.index.read_text().split())


def test_a_site_is_replaced_and_its_documented_names_can_be_found(site: Site) -> None:
    from sphinx.util.inventory import InventoryFile

    content = (site.index.parent / "objects.inv").read_bytes()
    known = InventoryFile.loads(content, uri="").data
    names = set(known["py:function"]) | set(known["py:class"])
    assert {"vdsr_lib.metrics.psnr", "vdsr_lib.training.train"} <= names
    assert {"vdsr_lib.models.VDSR", "vdsr_lib.experiments.run_experiment"} <= names
    assert not (site.index.parent / "notebooks/left_over.html").exists()
    assert (site.index.parent / "CNAME").read_text() == "lab.example"  # somebody's own
    assert (site.index.parent / ".nojekyll").exists()  # or GitHub drops _static
