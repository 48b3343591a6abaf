"""`python -m jarvis` is `jarvis`."""

from jarvis.cli import main

main()
