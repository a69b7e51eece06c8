"""Executed notebooks made by hand: all that a report may hold, and no kernel."""

import base64
import io

import matplotlib
import matplotlib.figure
import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.presentation.memo import Box, Memo, Picture
from lib.report.render.model import ReportInfo


def curve(width=6.3, height=3.3):
    """A small SVG line plot."""
    with matplotlib.rc_context({"svg.hashsalt": "report", "svg.fonttype": "path"}):
        figure = matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        grid = np.linspace(0, 1, 50)
        axes.plot(grid, grid**0.2)
        axes.set(xlabel="False positive rate", ylabel="True positive rate (β = 1)")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return {"image/svg+xml": buffer.getvalue().decode()}


def grid(rows=2, columns=8, width=6.3):
    """A small PNG grid of images."""
    figure = matplotlib.figure.Figure(figsize=(width, width / columns * rows), layout="constrained")
    random = np.random.default_rng(0)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.imshow(random.random((8, 8)), cmap="gray")
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return {"image/png": base64.b64encode(buffer.getvalue()).decode()}


INFO = ReportInfo(
    title="Odd shapes among circles",
    study="shapes",
    notice="",
    generated="2026-11-23",
    facts=(
        ("Data set", "shapes 1.0.0, 5 classes, 1,234 images"),
        ("Protocol", "resubstitution"),
        ("Seed", "555"),
        ("Versions", "TensorFlow 2.21.0, Keras 3.15.1, NumPy 2.4.0"),
        ("Device", "CPU, 2 cores"),
        ("Code", "0123456789ab"),
    ),
    memo=Memo(
        question="Images of class circle are normal. Can a detector fitted on them alone detect other shapes?",
        answer="**Use the autoencoder at a threshold of 0.02.** It detects **7,822 of 8,344 anomalies** and flags 193 "
        "of 800 normal images, see [its curve](#fig-roc) and the [evaluation](03_evaluation.ipynb).",
        in_use="Of 1,000 images with 10 % anomalies it flags 311: 94 anomalies and 217 false alarms.",
        boxes=(
            Box("93.7 %", "of the anomalies detected", "7,822 of 8,344; 95 % interval 93.2 to 94.3 %"),
            Box("24.1 %", "false alarm rate", "193 of 800; 95 % interval 21.2 to 27.2 %"),
            Box("30.2 %", "of the flagged images are anomalies", "where 10 % are; 95 % interval 27 to 34 %"),
        ),
        picture=Picture(
            curve(6.3, 1.6)["image/svg+xml"].encode(),
            "Four images in a row.",
            "A detected anomaly, its heat map, a missed anomaly and a false alarm.",
        ),
        warnings=("**No image is held out.** The figures are of images that were fitted on.", "The loss still falls."),
        next_steps=("Hold images out.", "Read the [evaluation](03_evaluation.ipynb) before you use it."),
    ),
)


def wide_table(columns=12, rows=5):
    """A pipe table that is wider than a page."""
    names = ["Detector", *(f"Measured quantity {index}" for index in range(1, columns))]
    lines = [names, ["---", *["---:"] * (columns - 1)]]
    lines += [[f"variant {row}", *(f"{row + index / 7:.4f}" for index in range(1, columns))] for row in range(rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def long_table(rows=90):
    """A pipe table that is longer than a page."""
    lines = ["| Rank | Class | Images |", "|---:|:---|---:|"]
    return "\n".join(lines + [f"| {row} | class\\_{row} | {9000 - 7 * row:,} |" for row in range(1, rows + 1)])


def shown(kind, data, **report):
    """An output as `lib.presentation.show` makes it."""
    return new_output("display_data", data=data, metadata={"report": {"kind": kind, **report}})


def figure(label, data=None, caption="A curve.", alt="A curve that rises.", **report):
    """A figure as `lib.presentation.show` makes it."""
    return shown("figure", data or curve(), label=label, caption=caption, alt=alt, **report)


def table(label, markdown="| A | B |\n|---|---:|\n| x | 1 |", caption="A table.", **report):
    """A table as `lib.presentation.show` makes it."""
    return shown("table", {"text/markdown": markdown, "text/plain": markdown}, label=label, caption=caption, **report)


def prose(markdown):
    """Computed sentences as `lib.presentation.show` makes them."""
    return shown("prose", {"text/markdown": markdown, "text/plain": markdown})


def nothing():
    """What `lib.presentation.show.nothing` leaves."""
    return shown("nothing", {"text/plain": "*Nothing to show.*"})


def stdout(text):
    """What a cell printed."""
    return new_output("stream", name="stdout", text=text)


def code(source, *outputs, tags=(), count=1):
    """An executed code cell."""
    return new_code_cell(source, outputs=list(outputs), execution_count=count, metadata={"tags": list(tags)})


def text(markdown):
    """A Markdown cell."""
    return new_markdown_cell(markdown)


def write(folder, name, *cells):
    """Writes a notebook, with its language as a kernel leaves it."""
    notebook = new_notebook(
        cells=list(cells), metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    )
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def study(folder):
    """Three notebooks with everything in them."""
    return [_exploration(folder), _training(folder), _evaluation(folder)]


def _exploration(folder):
    return write(
        folder,
        "01_exploration",
        text("# Meet the images\n\nWhich images, and *how many* of each? The ratio is $r = n_1 / n_0$.\n"),
        code("import numpy as np\n\nfrom lib import show"),
        code("study: str = 'shapes'  # name\nseed: int = 555  # any", tags=["parameters"]),
        code("study = 'shapes'\nseed = 1", tags=["injected-parameters"]),
        text("## Classes\n\nThe largest are in [the bar chart](#fig-classes), all in [the table](#tab-classes)."),
        code(
            "print('secret of a fold')",
            stdout("loading\r10 %\rloaded 1,234 images\n"),
            new_output("stream", name="stderr", text="a warning for developers"),
        ),
        code(
            "show.figure(...)",
            figure("fig-classes", caption="Images in each class.", alt="Bars: 9, 7 and 3."),
            shown("lab", {"text/markdown": "*echo of a caption*"}),
        ),
        code("show.table(...)", table("tab-classes", long_table(), caption="All *classes*, largest first.")),
        text("## Samples\n\n> Normal is what was learned.\n\n1. first\n2. second\n   - nested `code`\n"),
        code("...", figure("fig-samples", grid(), caption="Random images, seed 555.", alt="Sixteen images.")),
        code("1 + 1", new_output("execute_result", data={"text/plain": "2"}, execution_count=9)),
    )


def _training(folder):
    formulas = (
        "$$\n\\mathcal{L} = \\lVert x - \\hat{x} \\rVert^2 + \\beta\\, D_{\\mathrm{KL}}(q \\,\\|\\, p)\n$$\n\n"
        "and, step by step,\n\n\\begin{align}\na &= b + c \\\\\n  &= d\n\\end{align}\n\n"
    )
    links = (
        "as in [chapter one](01_exploration.ipynb) and [its classes](01_exploration.ipynb#classes). "
        "See [a paper](https://arxiv.org/abs/1312.6114)."
    )
    return write(
        folder,
        "02_training",
        text(f"# Train the autoencoder\n\nThe loss of the β-VAE is\n\n{formulas}{links}"),
        text("## Loss\n\n[This](#fig-loss), then [samples](#fig-samples), then [below](#Reconstructions)."),
        code("...", figure("fig-loss", caption="Loss by epoch, log scale.", alt="It falls from 1 to 0.1.")),
        code("...", prose("In 20 epochs the loss went from **0.0321** to 0.0080, σ ≈ 0.002.")),
        text("## Reconstructions"),
        code("...", figure("fig-tall", grid(14, 8), caption="A page full of images.", alt="112 images.")),
    )


def _evaluation(folder):
    caption = (
        "Receiver operating characteristic of the autoencoder with $\\mathrm{TPR} \\geq 0.95$ marked. Every threshold "
        "is one point of the curve; the area under it, 0.947, is the probability that a random anomaly scores higher "
        "than a random normal image. The dashed line is chance, and the shaded band the interval of 1,000 resamples."
    )
    return write(
        folder,
        "03_evaluation",
        text("# Judge the scores\n\nHow well does damage tell them apart?\n\n## Threshold"),
        code("...", table("tab-metrics", wide_table(), caption="Twelve columns of figures: $n = 5$ rows.")),
        text("### Curve\n\n[The curve](#fig-roc) says more than [the table](#tab-metrics)."),
        code("...", figure("fig-roc", caption=caption, alt="The curve rises steeply to 0.9.")),
        code("print('x' * 150)", stdout("x" * 150 + "\n")),
        code("secret = 'removed wholly'", stdout("removed wholly"), tags=["remove-cell"]),
    )
