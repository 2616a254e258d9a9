"""The command line: words in, exit code out. No room behind this door; what happens, happens in `job`."""

from batchverify.cli.main import main

__all__ = ["main"]
