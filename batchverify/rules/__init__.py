"""What follows from a row alone: how it is written, whether it is sent, what an answer means, what it costs. No clock, no I/O."""
