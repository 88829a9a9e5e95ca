"""Constraints for pip: the lowest version that setup.cfg allows of each package that minigrad and its tests need."""

import configparser
import re
from pathlib import Path

setup = configparser.ConfigParser()
setup.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
for line in (setup["options"]["install_requires"] + setup["options.extras_require"]["test"]).split("\n"):
    if line:
        name, version = re.match(r"([\w-]+)>=([\d.]+)", line).groups()
        print(f"{name}=={version}")
