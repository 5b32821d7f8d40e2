"""Record bytes to outcome to record bytes: the worker that predicts."""
