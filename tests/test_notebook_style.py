"""The notebooks stay thin: each page says what it asks and shows what lib computes, and types no result."""

import ast
import itertools
import re
import shutil
import statistics
from pathlib import Path

import ipykernel.kernelspec
import jupytext
import nbformat
import papermill
import pytest
import yaml

from lib.params import LIMITS, Parameters

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
EXPECTED = [
    "01_exploration",
    "02_training",
    "03_anomalies",
    "03_inspection",
    "04_evaluation",
    "05_refinement",
    "06_comparison",
]

MOST_CELLS = 30
LONGEST_CELL = 12  # non-blank lines
MEDIAN_CELL = 5
LEAST_PROSE = 0.5  # lines of prose for each line of code
LONGEST_STREAK = 6  # code cells with no prose of the page's own between them
FEWEST_WORDS = 8  # of prose at the head of a section, before its first code
NOT_PARAMETERS = {"run_folder"}  # a notebook may take it, no parameter set has it
DEFINITIONS = {"0.5"}  # decimals that no study changes: what chance reaches
INJECTED = "injected-parameters"


@pytest.fixture(params=NOTEBOOKS or [None], ids=lambda path: path.stem if path else "none")
def path(request):
    assert request.param, "there are no notebooks"
    return request.param


@pytest.fixture
def notebook(path):
    return jupytext.read(path)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def without_parameters(notebook):
    return [cell for cell in code(notebook) if cell not in tagged(notebook, "parameters")]


def nodes(notebook, *kinds):
    """Syntax nodes of these kinds in the notebook's code, as (type, source) for a person."""
    trees = [ast.parse(cell.source) for cell in code(notebook)]
    return [
        f"{type(node).__name__}: {ast.unparse(node).splitlines()[0]}"
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    ]


def defined(notebook):
    """Definitions and statement loops: what belongs in lib. A lambda passed on is fine, a named one is not."""
    named = [
        line
        for cell in code(notebook)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Lambda)
        for line in [ast.unparse(node)]
    ]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.AsyncFor)
    return named + nodes(notebook, *kinds)


def headings(notebook, level):
    """Texts of the headings of a level, fenced blocks left out."""
    text = "\n\n".join(re.sub(r"(?ms)^```.*?^```", "", cell.source) for cell in markdown(notebook))
    return re.findall(rf"(?m)^{'#' * level} +(.+)$", text)


def typed_decimals(notebook):
    """Decimal numbers in prose, but for those in maths, code and link targets: results are computed, never typed."""
    text = "\n".join(cell.source for cell in markdown(notebook))
    text = re.sub(r"(?s)\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`|\]\([^)]*\)", " ", text)
    return [number for number in re.findall(r"\d+[.,]\d+|\d+(?:\.\d+)? ?%", text) if number not in DEFINITIONS]


def parameters(notebook):
    """Names, defaults and source lines of the parameters cell."""
    (cell,) = tagged(notebook, "parameters")
    tree = ast.parse(cell.source)
    assert all(isinstance(node, ast.AnnAssign) and node.value is not None for node in tree.body), (
        "a parameters cell holds `name: type = value` lines and nothing else"
    )
    source = cell.source.splitlines()
    return {node.target.id: (ast.literal_eval(node.value), source[node.lineno - 1]) for node in tree.body}


def sections(notebook):
    """The cells from each heading to the next; the page's opening comes first."""
    parts = [[]]
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.match(r"#{2,} ", cell.source):
            parts.append([])
        parts[-1].append(cell)
    return parts


def words_before_code(section):
    """Words of prose in a section before its first code cell, headings not counted."""
    words = []
    for cell in section:
        if cell.cell_type == "code":
            break
        words += re.sub(r"(?m)^#+ .*$", "", cell.source).split()
    return len(words)


def longest_streak(notebook):
    """The longest run of code cells with no Markdown cell between them."""
    kinds = "".join("c" if cell.cell_type == "code" else "m" for cell in notebook.cells)
    return max(map(len, kinds.split("m")))


def test_the_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS][: len(EXPECTED)] == EXPECTED
    assert all(re.fullmatch(r"\d\d_[a-z_]+", path.stem) for path in NOTEBOOKS)


def test_only_the_text_of_notebooks_is_kept():
    """JupyterLab's .ipynb beside a notebook must never reach git."""
    assert "notebooks/*.ipynb" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_the_header_keeps_kernel_and_format(notebook, path):
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.jupytext.text_representation.format_name == "percent"
    head = path.read_text(encoding="utf-8").split("# %%")[0]
    assert "jupytext_version" not in head, "the version line changes on every machine"
    assert "formats:" not in head, "pairing is set once, in pyproject.toml"


def test_one_heading_of_level_one_opens_the_page(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert re.match(r"# \S", notebook.cells[0].source)
    assert len(headings(notebook, 1)) == 1


def test_no_heading_skips_a_level(notebook):
    text = "\n\n".join(re.sub(r"(?ms)^```.*?^```", "", cell.source) for cell in markdown(notebook))
    levels = [len(marks) for marks in re.findall(r"(?m)^(#+) ", text)]
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))


def test_nothing_is_defined_and_nothing_looped_over(notebook):
    assert not defined(notebook)


def test_cells_are_short(notebook):
    lengths = [len(lines(cell)) for cell in without_parameters(notebook)]
    assert max(lengths) <= LONGEST_CELL
    assert statistics.median(lengths) <= MEDIAN_CELL
    assert len(notebook.cells) <= MOST_CELLS
    assert sum(len(lines(cell)) for cell in markdown(notebook)) >= LEAST_PROSE * sum(lengths)


def test_only_training_and_exploration_take_the_parameters_of_the_study(notebook, path):
    """The others read the run, with the parameters that it was made with."""
    names = set(parameters(notebook))
    if path.stem == "02_training":
        assert names == set(Parameters.model_fields) - LIMITS
    elif path.stem != "01_exploration":
        assert names <= {"study", "threshold", "thresholds"}


def test_prose_comes_first(notebook):
    """Every section says what it asks before it computes."""
    thin = [
        section[0].source.splitlines()[0] for section in sections(notebook) if words_before_code(section) < FEWEST_WORDS
    ]
    assert not thin
    assert longest_streak(notebook) <= LONGEST_STREAK


def test_the_first_output_says_which_study_the_page_is_of(notebook):
    """And whether its parameters are those of the study's file; see `lib.presentation.sections.opening`."""
    first = without_parameters(notebook)[1].source  # after the imports
    assert re.search(r"sections\.(announce|opened)\(", first)


def test_no_result_is_typed(notebook):
    assert not typed_decimals(notebook)


def test_outputs_are_not_kept(notebook):
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in code(notebook))


def test_one_parameters_cell_right_after_the_imports(notebook):
    (cell,) = tagged(notebook, "parameters")
    assert not tagged(notebook, INJECTED)
    assert code(notebook).index(cell) == 1
    assert all(line.startswith(("import ", "from ", "    ", ")", "#")) for line in lines(code(notebook)[0]))


def test_every_parameter_says_what_it_is(notebook):
    """One to a line, with a comment; a second equals sign on the line would hide it from papermill."""
    for name, (_, line) in parameters(notebook).items():
        assert re.fullmatch(r"\w+: \w+ = .+  # \S.*", line), f"{name}: {line}"
        assert line.count("=") == 1, f"{name}: papermill skips lines with a second '='"


def test_every_parameter_is_one_of_the_schema(notebook):
    names = set(parameters(notebook)) - NOT_PARAMETERS
    assert names and not names - set(Parameters.model_fields)


def test_defaults_are_the_embedded_study(notebook):
    """So that "Run all" works on what is installed, in seconds, and shows what `make report STUDY=digits` shows."""
    digits = yaml.safe_load((ROOT / "params" / "digits.yaml").read_text(encoding="utf-8"))
    schema = {name: field.default for name, field in Parameters.model_fields.items()}
    for name, (default, _) in parameters(notebook).items():
        if name not in NOT_PARAMETERS:
            expected = digits.get(name, schema[name])
            assert default == expected and type(default) is type(expected), name


def test_papermill_sees_every_parameter(notebook, tmp_path):
    """`papermill --help-notebook` and its check of parameters rest on this; it reads lines, not the syntax."""
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    seen = papermill.inspect_notebook(tmp_path / "notebook.ipynb")
    written = parameters(notebook)
    assert set(seen) == set(written)
    for name, found in seen.items():
        assert ast.literal_eval(found["default"]) == written[name][0]
        assert found["inferred_type_name"] != "None" and found["help"]


def test_saving_in_jupyterlab_changes_nothing(path, tmp_path):
    """What JupyterLab writes back is what it read: no tag is lost, no header line churns, and it is paired."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    copy = Path(shutil.copy(path, tmp_path / "notebooks"))
    manager = jupytext.TextFileContentsManager(root_dir=str(tmp_path))
    content = manager.get(f"notebooks/{path.name}", type="notebook")["content"]
    # What JupyterLab adds once a kernel runs and a cell was executed.
    kernel = ipykernel.kernelspec.get_kernel_dict()
    content.metadata.kernelspec = {"name": "python3"} | {key: kernel[key] for key in ("display_name", "language")}
    content.metadata.language_info = {"name": "python", "version": "3.11.2", "pygments_lexer": "ipython3"}
    for cell in content.cells:
        cell.metadata |= {"trusted": True, "execution": {"iopub.execute_input": "2026-11-23T10:00:00Z"}}
    manager.save({"type": "notebook", "format": "json", "content": content}, f"notebooks/{path.name}")
    assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    assert copy.with_suffix(".ipynb").is_file(), "not paired: outputs would be lost on closing"


# The readers above, shown what they must see.


def written(*cells):
    """A notebook of these cells: Markdown where the text starts with '#' or a letter and a space, else code."""
    make = {"m": nbformat.v4.new_markdown_cell, "c": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[make[kind](text) for kind, text in cells])


@pytest.mark.parametrize(
    "source",
    ["def f():\n    pass", "class A:\n    pass", "f = lambda x: x", "for x in y:\n    x.fit()", "while True:\n    x()"],
)
def test_code_that_belongs_in_lib_is_seen(source):
    assert defined(written(("c", source)))


def test_comprehensions_and_passed_lambdas_are_fine():
    assert not defined(written(("c", "x = [y for y in z]\nz.sort(key=lambda y: -y)")))


def test_typed_results_are_seen_and_other_numbers_are_not():
    assert typed_decimals(written(("m", "It reaches 0.947, and 93 % of them; [so](#a-1.5)."))) == ["0.947", "93 %"]
    assert not typed_decimals(written(("m", "Values from 0 to 1, $\\beta = 0.1$, `0.02`, 8 bits, near 0.5.")))


def test_sections_without_prose_are_seen():
    bare = written(
        ("m", "# A\n\none two three four five six seven eight"), ("c", "x"), ("m", "## B"), ("c", "y"), ("c", "z")
    )
    assert [words_before_code(section) for section in sections(bare)] == [8, 0]
    assert longest_streak(bare) == 2
