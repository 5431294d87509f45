"""How ``loop.planner.plan`` works: the situation, the batch chosen in it, and the proposals written of that."""
