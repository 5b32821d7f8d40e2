"""Becomes a service: `python -I -S launch.py <death signal> <user id or -> <parent's pid> -- /full/path argv…`.

The kernel sends the death signal when the parent dies, however it dies (Linux only). A change of user clears that
wish, so it is made after it; and a parent that died before it was made is looked for afterwards. After the change
nothing more is imported: the new user may not be able to read this Python.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    death_signal, uid, parent, _, *argv = sys.argv[1:]
    if uid != "-":
        import pwd  # only here: not every start changes the user

        user = pwd.getpwuid(int(uid))
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.environ.update(HOME="/", USER=user.pw_name, LOGNAME=user.pw_name)
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != int(parent):
            sys.exit("the parent died during the start")
    os.execv(argv[0], argv)  # noqa: S606 - becoming the given command is what this is for


main()
