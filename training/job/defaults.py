"""Defaults of the job arguments that the workflow sets as well; imports nothing.

Signatures take a default by its plain name: that is what MLRun shows where it describes a function.
"""

SEED = 1
SAMPLE_RATIO = 0.5
"""Share of the rows that an exploration looks at."""
TEST_FRACTION = 0.3
TEST_DEVICES = 0.0
TRAIN_ROWS = 20_000
TRAINING_WINDOW = ""
"""How far back the labeled rows reach, such as ``14d``; empty takes all."""
SPLIT = ""
"""Which rows are learned from and which are evaluated on; empty for the rule of the schema."""
SCORES_BY = ""
"""Column by whose groups scores are told; empty for that of the split, if there is one."""
SELECT_K = 20
MIN_VOTES = 0.5
MAX_CORRELATION = 0.95
"""Above this two features say the same."""
MAX_DRIFT = 0.7
"""A separation of earlier from later healthy rows above this makes a feature unstable."""
SEARCH = "random"
COMBINATIONS = 36
THRESHOLD_RULE = "max_f1"
PROMOTE = False
