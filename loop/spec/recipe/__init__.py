"""The recipe of a campaign file: what it says, step by step and stock by stock, and what it becomes (``building``)."""
