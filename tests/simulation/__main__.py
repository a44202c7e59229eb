"""``python -m tests.simulation --histories 10000 --seed 0``; a failing history prints its seed."""

from tests.simulation.run import main

main()
