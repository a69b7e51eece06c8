"""`together`: fit one network of a study on several machines; the same command on each of them."""

import argparse


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "together",
        help="fit one network of a study on several machines",
        description="Run it on every machine, with STRATEGY=multi_worker and the machine's own TF_CONFIG.",
    )
    parser.add_argument("study", help="a study's name, or a YAML file")
    parser.add_argument("detector", help="a network of the study, by its column in scores.parquet, such as autoencoder")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Fit the network; the chief leaves it in its cache, where `make report` finds it.

    Raises:
        UserError: the environment or an argument is wrong, or the workers do not find each other or differ.
    """
    from lib.core import strategy
    from lib.core.errors import UserError
    from lib.core.paths import shown
    from lib.params import load

    if strategy.asked() != "multi_worker":
        raise UserError("together: set STRATEGY=multi_worker, and TF_CONFIG; without them, make report fits networks")
    index, count = strategy.worker()
    params = load(arguments.study)
    from lib.core.backend import tf  # joins the others, before images are prepared
    from lib.study.fits import fit_together
    from lib.study.study import Study
    from lib.study.training import plan

    planned = [entry for entry in plan(Study.open(params)) if entry.spec.scores_as_published]
    networks = {entry.column: entry for entry in planned if entry.spec.family == "autoencoder"}
    entry = networks.get(arguments.detector)
    if entry is None:
        raise UserError(f"together: {params.study} has no network '{arguments.detector}', but {', '.join(networks)}")
    if entry.spec.options.batch_norm:
        raise UserError(f"{entry.spec.label}: batch normalisation needs the whole batch on one device; use make report")
    try:
        folder = fit_together(entry.study, entry.spec)
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise UserError(
            f"worker {index} of {count}: another worker has ended or cannot be reached ({type(error).__name__}); see "
            "its last line, and start all again"
        ) from None
    print(f"{entry.spec.label}: {shown(folder)}" if folder else f"{entry.spec.label}: the chief has saved it")
