"""Makes the report of a parameter set, with its notebooks executed in this process, which is quicker than a kernel.

`python tests/run_report.py params.yaml`; the cache and the reports go where the environment says.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from executed import executed

from lib import params
from lib.report import build, uptodate, verdicts
from lib.report.verdicts import Verdict


def execute(study, folder, found):
    found |= dict.fromkeys(found, Verdict(verdicts.OK))
    os.environ["ANOMALY_RUN_FOLDER"] = str(folder / "run")
    return [executed(path, study.params, folder / "notebooks") for path in uptodate.notebooks(study)]


build._execute = execute
build.build(params.load(sys.argv[1]))
