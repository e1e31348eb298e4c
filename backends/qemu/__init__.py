"""The runtime of phones and boards on an emulated processor: what it answers, and in how many instructions."""
