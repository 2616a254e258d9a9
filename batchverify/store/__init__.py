"""What is kept between runs: home, vault, ledger, cache, and a run's own index.

The one thing to know: the ledger is the truth about money; the cache is a copy and the index a scratch pad.
"""
