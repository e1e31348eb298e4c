"""Workers: the processes that do all of the work, what watches them, and what becomes of them."""
