"""No link of a lesson, a document or a page of the HTML edition leads nowhere."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from vdsr_lib._files import notebooks_dir
from vdsr_lib.suite.edition import lesson_html, markdown_html
from vdsr_lib.suite.editions import write_editions
from vdsr_lib.suite.lessons import Lesson, Outcome, find_lessons, read_notebook
from vdsr_lib.suite.links import Links
from vdsr_lib.suite.report import Report, write_report
from vdsr_lib.suite.verdicts import Verdict

# ---- the checker ----


class Anchors(HTMLParser):
    """What a page can be entered at, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.leads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src", "poster", "data") and tag != "svg":
                self.leads.append(value or "")

    handle_startendtag = handle_starttag


def dead_links(folder: Path) -> list[str]:
    """Name every link of the pages in a folder that does not resolve within it."""
    pages = {path: Anchors(path.read_text("utf-8")) for path in folder.rglob("*.html")}
    return [
        f"{path.relative_to(folder)}: {lead}"
        for path, page in sorted(pages.items())
        for lead in dict.fromkeys(page.leads)
        if not leads_somewhere(path, lead, pages, folder)
    ]


def leads_somewhere(
    path: Path, lead: str, pages: dict[Path, Anchors], folder: Path
) -> bool:
    address = urlsplit(lead)
    if address.scheme in ("http", "https", "data"):
        return True
    target = path
    if address.path:
        target = (path.parent / unquote(address.path)).resolve()
    inside = target.is_relative_to(folder) and target in folder.rglob("*")
    if address.scheme or not inside or not target.is_file():
        return False
    return not address.fragment or (
        target in pages and unquote(address.fragment) in pages[target].ids
    )


@pytest.mark.parametrize(
    "lead",
    ["gone.html", "../docs/x.md", "sub", "sub/gone.html", "#gone", "page.html#gone",
     "sub/other.html#here", "/page.html", "file:///page.html", "Page.html",
     "pic.png#here", "", "sub/../../outside.html"],
)  # fmt: skip
@pytest.mark.parametrize("tag", ["<a href='{}'>", '<img src="{}">'])
def test_the_checker_catches(tmp_path: Path, lead: str, tag: str) -> None:
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "outside.html").touch()
    (folder / "pic.png").touch()
    (folder / "sub" / "other.html").write_text(
        "<a href='../page.html#here'>good</a> <a href='#there'>good</a><i id='there'>"
    )
    good = "<a id='here'>placeholder</a> <a href='#here'>good</a> <img src='pic.png'>"
    good += "<a href='sub/other.html#there'>good</a> <a href='https://a.b/c'>far</a>"
    (folder / "page.html").write_text(good)
    assert dead_links(folder) == []
    (folder / "page.html").write_text(good + tag.format(lead))
    expected = [] if lead == "" else [f"page.html: {lead}"]
    assert dead_links(folder) == expected


# ---- the whole edition ----


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report with the pages of every lesson, in a folder far from them."""
    output = tmp_path_factory.mktemp("far") / "away" / "results"
    outcomes, rows = [], []
    for lesson in find_lessons():
        notebook = read_notebook(lesson.path)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        code[-1].execution_count = 7
        path = output / "executed" / lesson.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        outcomes.append(Outcome(lesson, notebook=path))
        rows.append(Verdict(f"{lesson.number}.a", lesson.number, "holds", 1.0,
                            execution_count=7))  # fmt: skip
    pages, faults = write_editions(outcomes, output)
    assert faults == []
    report = Report("quick", "cpu", 0, "", 1.0, {}, outcomes, rows, pages)
    write_report(report, output)
    return output


def test_every_link_of_report_and_edition_resolves(edition: Path) -> None:
    assert dead_links(edition) == []
    count = len(find_lessons())
    report = Anchors((edition / "report.html").read_text())
    kinds = [re.sub(r"\d\d_\w+|\d\d|=.*", "", lead) for lead in report.leads]
    for kind in ("html/.html", "html/.html#cell-id", "executed/.ipynb", "#lesson-"):
        assert kinds.count(kind) == count, kind


def test_the_documents_that_lessons_name_travel_with_them(edition: Path) -> None:
    """Lessons give their paths as text, for JupyterLab's folder is notebooks/."""
    page = Anchors((edition / "html" / "07_measure_against_the_paper.html").read_text())
    assert {"docs/ours_against_the_paper.html", "data/README.html"} <= set(page.leads)
    text = (edition / "html" / "docs" / "ours_against_the_paper.html").read_text()
    assert "<title>Ours against the paper</title>" in text
    assert 'id="What-it-took"' in text


def test_a_lessons_links_stay_within_jupyterlabs_folder() -> None:
    """JupyterLab is started in notebooks/: what lies above it cannot be opened."""
    folder = notebooks_dir().resolve()
    notebooks = [*folder.glob("*.ipynb"), *folder.glob("exercises/*.ipynb")]
    assert len(notebooks) > 10
    assert [bad for path in notebooks for bad in dead_in_notebook(path, folder)] == []


def dead_in_notebook(path: Path, folder: Path) -> list[str]:
    """Name every link of a notebook that JupyterLab cannot follow."""
    cells = [c.source for c in read_notebook(path).cells if c.cell_type == "markdown"]
    page = Anchors("".join(markdown_html(text) for text in cells))
    bad = []
    for lead in page.leads:
        address = urlsplit(html.unescape(lead))
        if address.scheme in ("http", "https"):
            continue
        target = path
        if address.path:
            target = (path.parent / unquote(address.path)).resolve()
        there = target.is_relative_to(folder) and target.is_file()
        own = target == path and unquote(address.fragment) not in page.ids
        if address.scheme or not there or (own and address.fragment):
            bad.append(f"{path.name}: {lead}")
    return bad


def test_links_that_jupyterlab_cannot_follow_are_caught(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "x.md").touch()
    path = tmp_path / "notebooks" / "01_x.ipynb"
    path.parent.mkdir()
    text = "## A *b* c\n[](#A-b-c) [](01_x.ipynb) [](https://a.b)\n"
    text += "[](#a-b-c) [](../docs/x.md) [x]\n\n[x]: 02_y.ipynb\n\n<img src='p.png'>"
    cells = [nbformat.v4.new_markdown_cell(text)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    bad = [each.split()[1] for each in dead_in_notebook(path, path.parent)]
    assert bad == ["#a-b-c", "../docs/x.md", "02_y.ipynb", "p.png"]


def test_paths_that_lessons_name_are_there(root: Path) -> None:
    named = {}
    for lesson in find_lessons():
        cells = read_notebook(lesson.path).cells
        prose = " ".join(c.source for c in cells if c.cell_type == "markdown")
        for path in re.findall(r"`((?:docs|data|benchmarks)/[\w./-]+)`", prose):
            named[path] = lesson.number
    assert len(named) >= 2
    assert {p: n for p, n in named.items() if not (root / p).exists()} == {}


def test_links_of_the_documents_resolve(root: Path) -> None:
    """As GitHub shows them: a heading's id is in small letters, without signs."""
    documents = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    documents += root.glob("*/README.md")
    assert len(documents) > 6
    bad = [
        f"{path.relative_to(root)}: {lead}"
        for path in documents
        for lead in Anchors(markdown_html(path.read_text("utf-8"))).leads
        if not urlsplit(lead).scheme and not resolves_on_github(path, lead)
    ]
    assert bad == []


def resolves_on_github(path: Path, lead: str) -> bool:
    address = urlsplit(lead)
    target = path.parent / unquote(address.path) if address.path else path
    if not target.exists():
        return False
    if not address.fragment:
        return True
    heads = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M)
    slugs = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads]
    return address.fragment in slugs


# ---- a page's links, kind by kind ----

PIXEL = b"\x89PNG\r\n\x1a\n"
PROSE = """\
# A title

## What *we* do, first

[lesson](02_y.ipynb) [part](02_y.ipynb#Part-two) [no part](02_y.ipynb#Part-three)
[**gone**](03_z.ipynb) [doc](../docs/a%20doc.md#in-the-end) [own](#What-we-do,-first)
[none](#Nowhere) [code](../src/a.py) [`src/a.py`](../src/a.py) [folder](../src)
[outside](../../x.md) [far](https://example.org/a.md) [mail](mailto:a@b.c)
![a "pixel"](../docs/p.png) ![no picture](../docs/q.png) <a href='../docs/a doc.md'>raw
</a>
Named: `docs/plain.md`, [`docs/plain.md`](../docs/plain.md), `docs/none.md`.

    docs/plain.md
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "docs/a doc.md": "# A document\n\n[lesson](../notebooks/01_x.ipynb) "
        "[that](../notebooks/02_y.ipynb) [more](plain.md) [up](#in-the-end)\n\n"
        "## In the end!\n",
        "docs/plain.md": "No heading; back to [a document](a%20doc.md).\n",
        "src/a.py": "",
    }
    for name, text in files.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    (tmp_path / "project" / "docs" / "p.png").write_bytes(PIXEL)
    (tmp_path / "x.md").touch()
    write(tmp_path / "project", "01_x", PROSE)
    write(tmp_path / "project", "02_y", "# Two\n\n## Part two")
    return tmp_path / "project"


def write(project: Path, name: str, text: str) -> Path:
    path = project / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    cells = [nbformat.v4.new_markdown_cell(text)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def make(project: Path, output: Path, *names: str, ran: bool = True) -> Path:
    outcomes = []
    for name in names:
        path = project / "notebooks" / f"{name}.ipynb"
        lesson = Lesson(name[:2], f"Title {name}", path, 0, 0)
        outcomes.append(Outcome(lesson, notebook=path if ran else None))
    write_editions(outcomes, output)
    return output / "html"


def links(page: Path) -> list[tuple[str, str]]:
    """Return the words and the address of every link in a page's text."""
    found = re.findall(r'<a (?:data-page="[^"]*" )?href="([^"]*)">(.*?)</a>',
                       page.read_text(), re.S)  # fmt: skip
    return [(re.sub(r"<[^>]*>", "", words).strip(), href) for href, words in found]


def test_every_kind_of_link(project: Path, tmp_path: Path) -> None:
    folder = make(project, tmp_path / "out", "01_x", "02_y")
    assert links(folder / "01_x.html") == [
        ("lesson", "02_y.html"),
        ("part", "02_y.html#Part-two"),
        ("no part", "02_y.html"),
        ("doc", "docs/a%20doc.html#In-the-end%21"),
        ("own", "#What-we-do%2C-first"),
        ("far", "https://example.org/a.md"),
        ("mail", "mailto:a@b.c"),
        ("raw", "docs/a%20doc.html"),
        ("docs/plain.md", "docs/plain.html"),
        ("docs/plain.md", "docs/plain.html"),
    ]
    assert dead_links_but_mail(folder) == []


def dead_links_but_mail(folder: Path) -> list[str]:
    return [bad for bad in dead_links(folder) if "mailto:" not in bad]


def test_of_a_link_that_cannot_travel_the_words_stay(
    project: Path, tmp_path: Path
) -> None:
    folder = make(project, tmp_path / "out", "01_x")
    text = re.sub(r"\s+", " ", (folder / "01_x.html").read_text())
    for words in (
        "<strong>gone</strong> (<code>notebooks/03_z.ipynb</code>)",
        "none code (<code>src/a.py</code>) <code>src/a.py</code> "
        "folder (<code>src</code>)",
        "outside (<code>../../x.md</code>)",
        "<code>docs/q.png</code>",
        "<code>docs/none.md</code>.",
        "<pre><code>docs/plain.md</code></pre>",
    ):
        assert words in text, words


def test_a_picture_is_put_into_the_page(project: Path, tmp_path: Path) -> None:
    text = (make(project, tmp_path / "out", "01_x") / "01_x.html").read_text()
    [tag] = re.findall(r"<img [^>]*>", text)
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in tag
    assert "pixel" in tag


@pytest.mark.parametrize(
    "lead",
    ["http://[half", "//[half", "a%00b.md", f"{'long' * 80}.md", "03_z.ipynb#part"],
)
def test_of_a_link_that_no_program_can_follow_the_words_stay(
    project: Path, lead: str
) -> None:
    """The last leads to a part of a lesson whose notebook is damaged."""
    (project / "notebooks" / "03_z.ipynb").write_text("{")
    change = Links(project / "notebooks" / "01_x.ipynb", project)
    assert change(f"<a href='{lead}'>the <em>words</em></a>.") == "the <em>words</em>."


def test_a_page_that_cannot_be_made_says_why_and_the_others_are_made(
    project: Path, tmp_path: Path
) -> None:
    """A picture pasted in JupyterLab is attached to its cell: no source holds it."""
    write(project, "01_x", "# One\n\n![pasted](attachment:image.png)")
    write(project, "02_y", "# Two\n\n[latin](../docs/latin.md#E)")
    (project / "docs" / "latin.md").write_bytes("# Eté\n\n## E".encode("latin-1"))
    folder = make(project, tmp_path / "out", "01_x", "02_y")
    assert "could not be made: missing attachment" in (folder / "01_x.html").read_text()
    assert ("latin", "docs/latin.html#E") in links(folder / "02_y.html")
    assert "# Two" not in (folder / "02_y.html").read_text()
    assert "Et\N{REPLACEMENT CHARACTER}" in (folder / "docs/latin.html").read_text()


def test_a_document_leads_on(project: Path, tmp_path: Path) -> None:
    folder = make(project, tmp_path / "out", "01_x", "02_y")
    assert links(folder / "docs" / "a doc.html") == [
        ("lesson", "../01_x.html"),
        ("that", "../02_y.html"),
        ("more", "plain.html"),
        ("up", "#In-the-end%21"),
    ]
    assert "<title>A document</title>" in (folder / "docs" / "a doc.html").read_text()
    assert links(folder / "docs" / "plain.html") == [("a document", "a%20doc.html")]


def test_links_to_a_lesson_sleep_until_its_page_is_there(
    project: Path, tmp_path: Path
) -> None:
    """Also in the pages of earlier runs, and when a page goes away again."""
    folder = make(project, tmp_path / "out", "01_x")
    awake = ("lesson", "02_y.html")
    assert awake not in links(folder / "01_x.html")
    assert '<a data-page="02_y.html">lesson</a>' in (folder / "01_x.html").read_text()
    assert dead_links_but_mail(folder) == []
    make(project, tmp_path / "out", "02_y")
    assert awake in links(folder / "01_x.html")
    assert ("that", "../02_y.html") in links(folder / "docs" / "a doc.html")
    make(project, tmp_path / "out", "02_y", ran=False)
    assert awake not in links(folder / "01_x.html")
    assert ("that", "../02_y.html") not in links(folder / "docs" / "a doc.html")
    assert dead_links_but_mail(folder) == []


def test_a_page_of_somebody_elses_in_the_folder_costs_nobody_the_report(
    project: Path, tmp_path: Path
) -> None:
    folder = make(project, tmp_path / "out", "01_x")
    (folder / "mine.html").write_bytes("<p>Eté".encode("latin-1"))
    (folder / "folder.html").mkdir()
    (folder / "gone.html").symlink_to("nowhere")
    make(project, tmp_path / "out", "02_y")
    assert ("lesson", "02_y.html") in links(folder / "01_x.html")
    assert (folder / "mine.html").read_bytes() == "<p>Eté".encode("latin-1")


def test_links_stay_as_written_where_nobody_changes_them() -> None:
    cells = [nbformat.v4.new_markdown_cell("[a](02_y.ipynb) [b](../docs/x.md)")]
    text = lesson_html(nbformat.v4.new_notebook(cells=cells), "A lesson")
    assert 'href="02_y.ipynb"' in text
    assert 'href="../docs/x.md"' in text


@pytest.mark.parametrize(
    ("heading", "name"),
    [("Plain words", "Plain-words"), ("Of *this*, `that`", "Of-this,-that"),
     ('A "word" & more', "A-&quot;word&quot;-&amp;-more")],
)  # fmt: skip
def test_headings_have_jupyterlabs_ids(heading: str, name: str) -> None:
    """As its createHeaderId: the text, each space a hyphen."""
    assert f'<h3 id="{name}">' in markdown_html(f"### {heading}")
