SELECT forget_history(:days)
