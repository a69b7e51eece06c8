"""Sweeps: many studies at once, each detector of each study a task of a Dask cluster, and one leaderboard."""

from lib.sweep.carry_out import carry_out
from lib.sweep.definition import Sweep, load

__all__ = ["Sweep", "carry_out", "load"]
