"""`python -m benchmarks`: what is promised about speed, measured against the sandbox and against what people write.

The one thing to know: absolute figures drift with the machine. What counts are ratios of things taken in the same run, each
the median of its rounds, with the vendor on one core and whoever asks it on another.
"""
