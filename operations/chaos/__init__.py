"""A crash test of a running pipeline: rows on their way, a process that is killed, and are all answers right?"""
