"""The container's tree: the base, and over it what NixOS would have put there.

The rendered files go in as they are. What they name in the Nix store is made in the container's /nix/store: files that were
rendered are copied, our programs are the built ones, and every other package is Debian's.
"""

import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BINARIES = Path(os.environ.get("CATGRAFT_TEST_BINARIES", ROOT / "target/release")).resolve()
_STORE_PATH = re.compile(r"/nix/store/[0-9a-z]{32}-([A-Za-z0-9+._-]+)")
# Stand-ins of the rendering for units that Debian has itself.
_NOT_OURS = re.compile(r"postgresql.*")
_OPERATOR = "catgraft-operator"


class Tree:
    """An overlay over the base tree that is thrown away."""

    def __init__(self, work, base):
        self.root, self.upper, self.layer = work / "root", work / "upper", work / "layer"
        self.rendered = work / "rendered"
        for folder in (self.root, self.upper, self.layer):
            folder.mkdir()
        options = f"lowerdir={base},upperdir={self.upper},workdir={self.layer}"
        subprocess.run(["mount", "-t", "overlay", "catgraft", "-o", options, self.root], check=True)

    def fill(self):
        """Puts in units, settings, programs and commands."""
        (self.root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
        (self.root / "etc/hostname").write_text("catgraft\n")
        texts = []
        for unit in (self.rendered / "units").iterdir():
            if not _NOT_OURS.fullmatch(unit.name):
                texts.append(self._put(unit, self.root / "etc/systemd/system" / unit.name))
        for file in (self.rendered / "etc/catgraft").rglob("*"):
            if file.is_file():
                texts.append(self._put(file, self.root / "etc/catgraft" / file.relative_to(self.rendered / "etc/catgraft")))
        for file in (self.rendered / "store").rglob("*"):
            if file.is_file():
                texts.append(file.read_text(errors="replace"))
        for path, name in {(match[0], match[1]) for text in texts for match in _STORE_PATH.finditer(text)}:
            self._make_store_path(Path(path), name)
        shutil.copy(BINARIES / "s3-double", self.root / "usr/local/bin")
        command = ["systemctl", f"--root={self.root}", "--quiet", "enable", "catgraft-backup.timer"]
        subprocess.run(command, check=True)

    def _put(self, source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return source.read_text()

    def _make_store_path(self, path, name):
        target = self.root / path.relative_to("/")
        if target.exists() or target.is_symlink():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        rendered = self.rendered / "store" / path.name
        program = re.sub(r"-\d[\d.]*$", "", name)
        if rendered.is_dir():
            shutil.copytree(rendered, target)
            for script in (target / "bin").iterdir():
                script.chmod(0o755)
        elif rendered.is_file():
            shutil.copyfile(rendered, target)
        elif program in ("catgraft", "metastore", "pagestore"):
            (target / "bin").mkdir(parents=True)
            # Without its debug information it starts from the page cache of a small machine.
            subprocess.run(["strip", "-o", target / "bin" / program, BINARIES / program], check=True)
        elif program == _OPERATOR:
            self._make_commands(target)
        elif program.startswith("postgresql"):
            target.symlink_to("/usr/lib/postgresql/15")
        else:
            target.symlink_to("/usr")

    def _make_commands(self, target):
        share = target / "libexec"
        shutil.copytree(ROOT / "infrastructure/scripts/operator", share)
        (target / "bin").mkdir()
        for command in share.glob("catgraft-*"):
            (target / "bin" / command.name).symlink_to(f"../libexec/{command.name}")
            (self.root / "usr/local/bin" / command.name).symlink_to(
                "/" / target.relative_to(self.root) / "bin" / command.name
            )
        completions = self.root / "usr/share/bash-completion/completions"
        for command in share.glob("catgraft-*"):
            shutil.copyfile(share / "completions/catgraft-operator.bash", completions / command.name)

    def remove(self):
        """Unmounts it; the files go with the work folder."""
        subprocess.run(["umount", self.root], check=True)
