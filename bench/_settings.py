"""The product's settings, and one address more for the benchmarks."""

from marketplace.settings import *  # noqa: F403

ROOT_URLCONF = "bench._one_row"
