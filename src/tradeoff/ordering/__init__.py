"""``tradeoff order``: the same techniques in every legal order under one budget of training, over seeds."""
