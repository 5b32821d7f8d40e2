"""Whether source, mirror and predictions say the same, while rows keep coming; and what to do where they do not."""
