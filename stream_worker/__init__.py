"""The worker: every record of the source topic gets one answer, by the model called champion."""
