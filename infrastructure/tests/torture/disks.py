"""Disks that can be full: file systems of a run's own, while the machine's disk is not.

Each is a tmpfs in a mount namespace that ends with the last process of the run, however that ends. Only root can have them,
and only where the kernel lets it; without them, folders are folders, and full disks are no mishaps of the run.
"""

import os
import shutil
import subprocess
import sys

from processes import wait_until

_HAS_NAMESPACE = "CATGRAFT_TORTURE_MOUNTS"


def enter_namespace():
    """Starts this program again, as the same process, with mounts of its own, where there can be such."""
    unshare = shutil.which("unshare")
    if can_mount() or os.geteuid() != 0 or unshare is None:
        return
    enter = [unshare, "--mount"]
    if subprocess.run([*enter, "mount", "-t", "tmpfs", "none", "/tmp"], capture_output=True).returncode == 0:
        os.execve(unshare, [*enter, sys.executable, *sys.argv], os.environ | {_HAS_NAMESPACE: "yes"})


def can_mount():
    """Has this program mounts of its own?"""
    return _HAS_NAMESPACE in os.environ


class Disk:
    """A folder that is a disk of its own from `mount` to `unmount`. Where there can be none, it is a folder only."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder

    def mount(self, owner=None):
        """Makes the folder, for `owner` (user and group), and the disk, with room for half of the machine's memory."""
        user, group = owner or (os.geteuid(), os.getegid())
        self.folder.mkdir(parents=True)
        os.chown(self.folder, user, group)
        if can_mount():
            _run("mount", "-t", "tmpfs", "-o", f"uid={user},gid={group},mode=700", "none", self.folder)

    def fill(self):
        """Takes all the room there is: the disk becomes as small as what is on it."""
        # What is on it may grow meanwhile.
        wait_until(self._shrink, f"{self.name} to be full")

    def _shrink(self):
        status = os.statvfs(self.folder)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        # A size of 0 would be no limit.
        return _resize(self.folder, max(used, status.f_frsize))

    def free(self):
        """Gives the room back."""
        assert _resize(self.folder, "50%"), f"{self.folder} cannot be made larger"

    def unmount(self, keep):
        """Ends the disk. What is on it stays in the folder where it is to be kept."""
        if not self.folder.is_mount():
            return
        kept = self.folder.with_name(f"{self.folder.name}.kept")
        if keep:
            shutil.copytree(self.folder, kept)
        _run("umount", self.folder)
        if keep:
            self.folder.rmdir()
            kept.rename(self.folder)


def _resize(folder, size):
    return subprocess.run(["mount", "-o", f"remount,size={size}", folder], capture_output=True).returncode == 0


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))} failed: {done.stderr.strip()}"
