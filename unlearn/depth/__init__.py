"""Is it gone, or only unsaid? What is left of forgotten facts in a model's states, blocks by tokens."""

from unlearn.depth.score import KNOWS_NATS, Depth, DepthConfig, DepthRow, depth, depth_score

__all__ = ["KNOWS_NATS", "Depth", "DepthConfig", "DepthRow", "depth", "depth_score"]
