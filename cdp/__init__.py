"""The customer data platform."""

import gc

# Every process begins with two thousand modules, whose objects all stay. With the default thresholds the collector looks through
# them again and again: a quarter of the time that a command takes to start. Web and pipeline set their own
# when they have started.
gc.set_threshold(100_000, 20, 20)
