"""The command line as a user whom file modes bind: `python -m tests.campaigns.obeying ARGUMENT...`.

The one thing to know: root writes wherever it likes, so a read-only home is none to it. Here it first gives up the two
capabilities that say so, for good, and only then becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import sys

#: Of <linux/prctl.h> and <linux/capability.h>.
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2

if __name__ == "__main__":
    if os.geteuid() == 0:
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                sys.exit("The capability could not be given up.")
    # A bounding set is what an exec begins with.
    os.execv(sys.executable, [sys.executable, "-m", "batchverify", *sys.argv[1:]])
