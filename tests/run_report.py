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
from lib.study import Study


def execute(parameters, notice, folder, found):
    study = Study.open(parameters)
    os.environ["ANOMALY_RUN_FOLDER"] = str(folder / "run")
    notebooks = [executed(path, parameters, folder / "notebooks") for path in uptodate.notebooks(study)]
    found |= {path.stem: Verdict(verdicts.OK) for path in notebooks}
    return uptodate.report_key(parameters, notice), study, notebooks


build._execute = execute
build.build(params.load(sys.argv[1]))
