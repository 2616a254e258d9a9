"""`python -m batchverify.sandbox --port N`: the sandbox as its own process, for kill tests and benchmarks.

The one thing to know: one line on stdout says where it is, and only once it answers. SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from batchverify import sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and serve until told to stop; 2 where the port or the certificate cannot be had."""
    options = _parser().parse_args(arguments)
    settings = sandbox.Settings(
        app_code=options.app_code,
        latency_seconds=options.latency_ms / 1_000,
        jitter_seconds=options.jitter_ms / 1_000,
        quota=options.quota,
        risk_limit=options.risk_limit,
        qps_limit=options.qps_limit,
    )
    try:
        tls = sandbox.tls_context(options.certificate, options.key or options.certificate) if options.certificate else None
        sandbox.serve(settings, host=options.host, port=options.port, tls=tls, on_ready=_announce)
    except (OSError, ValueError) as error:
        print(f"The sandbox could not start on {options.host}:{options.port}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _announce(endpoint: str) -> None:
    print(f"Sandbox at {endpoint}", flush=True)  # noqa: T201 - this is the program's output


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m batchverify.sandbox", description="The vendor in miniature, on this machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="milliseconds before each answer")
    parser.add_argument("--jitter-ms", type=float, default=0.0, help="up to this many more, at random")
    parser.add_argument("--quota", type=int, default=1_000_000, help="calls in the package")
    parser.add_argument("--app-code", default="sandbox", help="the AppCode that is valid")
    parser.add_argument("--risk-limit", type=int, help="asks about one ID before it gets 203")
    parser.add_argument("--qps-limit", type=int, help="asks a second before the gateway throttles")
    parser.add_argument("--certificate", type=Path, help="PEM file: serve https")
    parser.add_argument("--key", type=Path, help="PEM file, if not in the certificate's")
    return parser


if __name__ == "__main__":
    sys.exit(main())
