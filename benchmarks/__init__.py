"""Side-by-side measurements against peers, in one run; never asserted in tests."""

import logging

import structlog

# The figures are the output; a benchmark's own log lines would cost time and bury them.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
