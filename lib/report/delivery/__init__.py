"""Hand a study over: one zip with its report, results, detector and descriptions that people and machines read."""

from lib.report.delivery.contents import absolute
from lib.report.delivery.deliver import deliver

__all__ = ["absolute", "deliver"]
