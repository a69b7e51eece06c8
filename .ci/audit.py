"""Look for known vulnerabilities in the locks with pip-audit, installed for this into a folder of its own.

Ends with 0 if none is known, 1 if one is, and 3 if it cannot be told. pip-audit alone ends with 0 also where its source
answers for no package, so a release that has known vulnerabilities is asked for first.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKS = sorted(Path(__file__).resolve().parent.parent.glob("requirements*.lock"))
PIP_AUDIT = "pip-audit==2.10.1"
KNOWN = "jinja2==2.10"  # has known vulnerabilities
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3


def main() -> int:
    """Audit the locks and print what was found."""
    with tempfile.TemporaryDirectory(prefix="audit-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-I", "-m", "venv", folder / "venv"], check=True)  # venv.py is beside this file
        python = folder / "venv" / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PIP_AUDIT]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            print(f"audit: not done: {PIP_AUDIT} cannot be installed", file=sys.stderr)
            return UNKNOWN
        (folder / "known.txt").write_text(f"{KNOWN}\n", encoding="utf-8")
        if verdict(ask(python, folder / "known.txt"))[0] != VULNERABLE:
            print(f"audit: not done: no vulnerability data can be reached ({KNOWN} has known ones)", file=sys.stderr)
            return UNKNOWN
        found = []
        for number, some in enumerate(rounds("".join(path.read_text(encoding="utf-8") for path in LOCKS))):
            (folder / f"{number}.txt").write_text("\n".join(some) + "\n", encoding="utf-8")
            found += ask(python, folder / f"{number}.txt").get("dependencies", [])
        code, lines = verdict({"dependencies": found})
        print(*lines, sep="\n")
        return code


def rounds(lock: str) -> list[list[str]]:
    """Every `name==version` of locks, whatever its markers, as lists in which each name is there once."""
    found: list[dict[str, str]] = []
    for name, version in sorted(set(re.findall(r"(?m)^([\w.-]+)==([\w.+!-]+)", lock))):
        free = next((some for some in found if name not in some), None)
        if free is None:
            found.append(free := {})
        free[name] = f"{name}=={version}"
    return [list(some.values()) for some in found]


def ask(python: Path, requirements: Path) -> dict:
    """What pip-audit says of requirements; empty if it says nothing."""
    command = [python, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*command, "-r", requirements], capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


def verdict(answer: dict) -> tuple[int, list[str]]:
    """The exit code and the lines for an answer; a package that was not looked up counts as not known."""
    listed = answer.get("dependencies", [])
    bad = [f"{one['name']} {one['version']}: {each['id']}, fixed in {', '.join(each['fix_versions']) or 'no release'}"
           for one in listed for each in one.get("vulns", [])]  # fmt: skip
    skipped = [one["name"] for one in listed if "skip_reason" in one]
    if skipped or not listed:
        bad.append(f"audit: not known: {len(skipped)} of {len(listed)} packages, such as {', '.join(skipped[:3])}")
    if any("vulns" in one and one["vulns"] for one in listed):
        return VULNERABLE, bad
    return (
        (UNKNOWN, bad) if skipped or not listed else (CLEAN, [f"audit: no known vulnerability in {len(listed)} pins"])
    )


if __name__ == "__main__":
    sys.exit(main())
