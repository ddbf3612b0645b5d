"""Networks in public styles as ``recipe=ptq`` takes them, and what came of them."""
