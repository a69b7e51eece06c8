#!/bin/sh
# Prints the Python to build .venv with, or one line that says why there is none.
#
#   sh .ci/find_python.sh             the first suitable one of python3.12, python3.11, python3
#   sh .ci/find_python.sh COMMAND     that one, or an error
#
# Suitable: CPython 3.11 or 3.12 that can make virtual environments. Each candidate is run and not
# only looked up, because a version manager puts commands on PATH for versions that are not active.

# Any Python from 2.7 on can run this; it prints its path, what is missing, or its version.
probe='
import platform, sys
version, maker = platform.python_version(), platform.python_implementation()
if sys.version_info[:2] not in [(3, 11), (3, 12)] or maker != "CPython":
    print("unsuitable %s %s" % (maker, version))
else:
    try:
        import ensurepip, venv
        print("suitable " + sys.executable)
    except ImportError:
        print("venvless %d.%d" % sys.version_info[:2])
'

fail() {
    echo "make: $1" >&2
    exit 1
}

if [ -z "$1" ]; then
    set -- python3.12 python3.11 python3
fi
venvless=""
found=""
for candidate in "$@"; do
    answer=$("$candidate" -c "$probe" 2>/dev/null) || continue
    case "$answer" in
    "suitable "*)
        echo "${answer#suitable }"
        exit 0
        ;;
    "venvless "*) venvless=${venvless:-${answer#venvless }} ;;
    *) found="${found:+$found, }${answer#unsuitable } ($candidate)" ;;
    esac
done

if [ -n "$venvless" ]; then
    fail "Python $venvless cannot make virtual environments here; on Debian or Ubuntu run: apt install python$venvless-venv"
fi
fail "CPython 3.11 or 3.12 is needed, found ${found:-none}; install one, or name it: make PYTHON=/path/to/python3.12"
