"""`synthetic`: write a folder of photographed surfaces with drawn defects, to try a study with."""

import argparse


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("synthetic", help="write a folder of images with drawn defects, to try a study with")
    parser.add_argument("folder", help="a new or empty folder")
    parser.add_argument("--texture", default="brick", help="brick, grass or gravel; default: brick")
    parser.add_argument("--size", type=int, default=48, help="side of an image in pixels, 16 to 96; default: 48")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other images; default: 0")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Write the folder and say what it holds and what to do next."""
    from lib.core.formatting import count, listed
    from lib.data import synthetic

    written = synthetic.write(arguments.folder, arguments.texture, arguments.size, arguments.seed)
    parts = [f"{number} in {part}" for part, number in written.items()]
    print(f"{arguments.folder}: {count(sum(written.values()), 'image')} of {arguments.texture}, {listed(parts)}.")
    print("The defects are drawn, so results on them say nothing about real defects.")
    print(f"Next: make study NAME={arguments.texture} IMAGES={arguments.folder}")
