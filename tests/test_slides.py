"""Slides of the lessons: what stands on them, that they ask for nothing, and that a browser shows all of it."""

import re

import nbformat
import pytest

import browser
from course_utils import __main__, pages, plan, slides
from course_utils.notebooks import NOTEBOOKS
from course_utils.questions import question
from test_browser_pages import barriers

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
SMALLEST = 20  # pixels, the letters on a slide of 1280 × 720: a twentieth of its height is 36
LOOK = """() => slides.map(slide => {
  const content = slide.querySelector('.content')
  const pictures = [...content.querySelectorAll('img')]
  return {
    letters: parseFloat(getComputedStyle(content).fontSize),
    over: Math.max(content.scrollHeight - content.clientHeight, content.scrollWidth - content.clientWidth),
    flat: [...content.querySelectorAll('math')].filter(each => each.getBoundingClientRect().height < 5).length,
    lost: pictures.filter(each => !each.naturalWidth || each.getBoundingClientRect().height < 100).length,
    empty: !content.textContent.trim(),
  }
})"""


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


def deck(*cells):
    """The cells of the slides of a notebook: text in Markdown, or what a code cell shows where it is a list."""
    made = [
        nbformat.v4.new_markdown_cell(cell) if isinstance(cell, str) else nbformat.v4.new_code_cell(outputs=cell)
        for cell in cells
    ]
    resources = {"metadata": {"name": "04_content_cost"}}
    return slides.Slides().preprocess(nbformat.v4.new_notebook(cells=made), resources)[0].cells


def printed(text):
    return nbformat.v4.new_output("stream", text=text)


def shown(html):
    return nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "Figure"})


def sources(cells):
    return [cell.source for cell in cells]


def test_a_question_comes_before_its_answer():
    text = "# Lesson 4 · A\n\nWords.\n\nMore words.\n\n**Predict:** what?"
    question, answer = deck(text, [printed("42\n")])
    assert question.source == "# Lesson 4 · A\n\nWords.\n\n**Predict:** what?" and answer.outputs[0].text == "42\n"


def test_a_question_with_choices_stands_before_its_answer():
    """As the text says that stands for the widget; how to answer is left out."""
    text = "Which `a`?\n  A  One: 1.\n  B  Two.\n\nTo answer, run this cell."
    asked = nbformat.v4.new_output("execute_result", {"text/plain": text}, execution_count=1)
    question, answer = deck("## 1. A\n\n**Predict.**", [asked], [printed("1\n")])
    assert question.source == "## 1. A\n\n**Predict.**\n\n**Which `a`?**\n\n- **A** One: 1.\n- **B** Two."
    assert answer.outputs[0].text == "1\n"


def test_a_figure_has_few_lines_below_it():
    figure = shown("<figure><img></figure>")
    (together,) = deck([figure, printed("a\n" * slides.FEW)])
    assert len(together.outputs) == 2
    assert [len(cell.outputs) for cell in deck([figure, printed("a\n" * (slides.FEW + 1))])] == [1, 1]
    assert [len(cell.outputs) for cell in deck([figure, figure])] == [1, 1]


def test_what_is_left_out():
    stub = printed("○ gram: not tried yet: put your code in place of the line.")
    solution = nbformat.v4.new_code_cell("x = 1", outputs=[printed("✓")], metadata={"tags": ["solution"]})
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Lesson 4 · A"), solution])
    assert len(slides.Slides().preprocess(made, {"metadata": {"name": "04_a"}})[0].cells) == 1
    assert sources(deck("## 1. A\n\nOne.\n\nTwo.", [stub], "Three.")) == ["## 1. A\n\nOne."]
    assert sources(deck("**Glossary.** *A:* B.\n\n**What comes next.** C.")) == ["**What comes next.** C."]


def test_an_exercise_stands_whole():
    text = "### Exercise 4.1 · A\n*Difficulty ●○○ · 5 minutes · objective 4.a · write*\n\nDo this.\n\nAnd that."
    assert [slide.split() for slide in sources(deck(text, "Words."))] == [text.split()]


def test_full_slides_go_on_with_the_title_of_their_section():
    first, second = deck("## 3. Long\n\n" + "**A.** word " * 50 + "\n\n" + "**B.** word " * 50)
    assert first.source.startswith("## 3. Long") and first.metadata.slide.section == ""
    assert second.source.startswith("**B.**") and second.metadata.slide == {"number": 2, "section": "3. Long"}


def test_headings_that_follow_each_other_share_a_slide():
    assert sources(deck("## 3. A\n\n### B\n\nC.\n\n### D")) == ["## 3. A\n\n### B\n\nC.", "### D"]


def test_a_formula_stays_with_its_sentence():
    text = "word " * 120 + "\n\n**So** it is\n\n$$a\n\n= b.$$"
    assert slides.blocks(text)[1] == "**So** it is\n\n$$a\n\n= b.$$"
    assert [slide[-2:] for slide in sources(deck(f"## 1. A\n\n{text}"))] == ["rd", "$$"]
    assert slides.size("**So** it is\n\n$$a = b.$$") == len("**So** it is\n\n") + slides.FORMULA_COUNTS


def test_long_tables_are_cut():
    table = "| a | b |\n| --- | --- |\n" + "\n".join(f"| {n} | c |" for n in range(slides.ROWS + 1))
    first, second = sources(deck(table))
    assert first.count("\n") == slides.ROWS + 1 and second == f"| a | b |\n| --- | --- |\n| {slides.ROWS} | c |"


def test_the_widget_is_named_where_one_explores():
    widget = nbformat.v4.new_output("display_data", {"text/plain": "[Widget: a game. Run this cell in JupyterLab.]"})
    _, explore = deck("# Lesson 4 · A\n\nWords.", "## 8. Explore\n\nPlay.", [widget])
    assert explore.source.endswith("`python3 -m course_utils show 4`")
    for lesson, section in (("# Lesson 4 · A\n\nB.", "## 12. A game"), ("# Mine\n\nB.", "## 8. Explore")):
        assert "show" not in deck(lesson, f"{section}\n\nPlay.", [widget])[1].source


def test_a_notebook_of_somebody_else(tmp_path):
    """No title, no headings, a raw cell and a line that only looks like a table."""
    cells = [nbformat.v4.new_raw_cell("raw"), nbformat.v4.new_markdown_cell("Words.\n\n| no table")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "mine.ipynb")
    html = slides.slides(tmp_path / "mine.ipynb")
    assert "<title>mine</title>" in html and html.count('<section class="slide"') == 0


def test_slides_have_all_headings_and_figures_and_ask_for_nothing(path):
    html, notebook = slides.slides(path), nbformat.read(path, 4)
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(re.findall("<h[23] ", html)) == len(re.findall(r"^###? ", text, re.M))
    figures = re.findall(r"Figure \d\.\d+\. ", text + "".join(str(cell.get("outputs")) for cell in notebook.cells))
    assert html.count("<img") == len(set(figures)) and set(figures) <= set(re.findall(r"Figure \d\.\d+\. ", html))
    assert html.count("<math ") == html.count("</math>") > 0 and "$$" not in html
    assert not re.search(r"<script[^>]*src|<link|@import|url\(['\"]?https?:", html)
    assert not [source for source in re.findall(r'<img[^>]*src="([^"]{0,40})', html) if not source.startswith("data:")]
    asked = plan.ASKED.findall("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    choices = [question(int(path.name[:2]), name).choices for name in asked]
    assert len(re.findall(r"<li><strong>[A-Z]</strong>", html)) >= sum(map(len, choices))
    assert "run this cell in JupyterLab" not in html and "not tried yet" not in html
    assert "BEGIN SOLUTION" not in html and 'class="input"' not in html
    links = re.findall(r'href="(\d\d_[^"#]*)', html)
    assert all(link.endswith(slides.SUFFIX) for link in links)


@pytest.mark.browser
@pytest.mark.process
def test_a_browser_shows_all_of_each_slide(tmp_path):
    made = pages.write(PATHS, tmp_path, slides.slides, slides.SUFFIX)
    with browser.program(1280, 720) as context:
        page = context.new_page()
        for each in made:
            asked, complaints = [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(each.as_uri())
            page.wait_for_selector("html[data-ready]")
            assert [url for url in asked if not url.startswith(("file:", "data:"))] == [] == complaints
            for number, seen in enumerate(page.evaluate(LOOK), 1):
                where = f"{each.name}, slide {number}: {seen}"
                assert seen["letters"] >= SMALLEST and seen["over"] <= 0 and not seen["empty"], where
                assert (seen["flat"], seen["lost"]) == (0, 0), where


@pytest.mark.browser
@pytest.mark.process
def test_keys_buttons_and_links_turn_the_slides(tmp_path):
    (made,) = pages.write([PATHS[4]], tmp_path, slides.slides, slides.SUFFIX)
    with browser.program(800, 600) as context:
        page = context.new_page()
        page.goto(made.as_uri())
        page.wait_for_selector("html[data-ready]")
        place, visible = page.locator("#place"), page.locator(".slide:visible")
        last = page.locator(".slide").count()

        def now(number):
            assert place.inner_text() == f"{number} / {last}"
            assert visible.get_attribute("id") == f"slide-{number}"
            box = visible.bounding_box()
            assert box["x"] >= 0 and box["width"] <= 801 and box["height"] <= 601

        now(1)
        assert barriers(page) == []
        turns = (("ArrowRight", 2), ("PageDown", 3), ("Space", 4), ("Shift+Space", 3), ("ArrowLeft", 2), ("PageUp", 1))
        for key, number in (*turns, ("ArrowUp", 1), ("End", last), ("ArrowRight", last), ("Home", 1)):
            page.keyboard.press(key)
            now(number)
        page.get_by_role("button", name="next slide").click()
        now(2)
        page.keyboard.press("Space")  # the button has the focus, and is pressed once
        now(3)
        page.get_by_role("button", name="previous slide").click()
        now(2)
        page.evaluate("location.hash = '4.-Which-layer?'")
        page.wait_for_selector(".slide.now h2 >> text=Which layer?")
        printed_pages = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
        assert len(printed_pages) == last
        page.goto(f"{made.as_uri()}#slide-7")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        now(7)


def test_the_command_writes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(__main__.INSIDE, "1")
    assert __main__.main(["pages", "--slides", "08", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "08_studio.slides.html")]
    assert "Lesson 8 · The studio" in (tmp_path / "08_studio.slides.html").read_text(encoding="utf-8")
