"""The summary at the end of ``netops run``: what went in, which model won, how it does live."""
